"""Runs one verb of the command line, prints one sentence for a failure, and returns an exit code."""

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from gitops_orch.cli import exit_codes
from gitops_orch.cli.command_line import Invocation, make_command_line
from gitops_orch.daemon.service_view import ServeHttp, without_http
from gitops_orch.errors import GitopsOrchError, Interrupted


def main(arguments: Sequence[str] | None = None, *, serve_http: ServeHttp = without_http) -> int:
    """Run one command line and return its exit code; raise nothing and print no stack trace.

    `run` opens its port by `serve_http`. It is an argument, because the packages `cli` and `api` must not import each
    other.
    """
    invocation = Invocation(serve_http)
    try:
        code = make_command_line()(
            list(sys.argv[1:] if arguments is None else arguments) or ["--help"],
            prog_name="gitops-orch",
            standalone_mode=False,
            obj=invocation,
        )
        sys.stdout.flush()
    except GitopsOrchError as error:
        _print_failure(error, invocation)
        return exit_codes.ERROR
    except TyperException as error:
        return _misused(error, invocation)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as interruption:
        text = str(interruption)
        sys.stderr.write(f"interrupted: {text}\n" if text else "interrupted\n")
        return interruption.code if isinstance(interruption, Interrupted) else exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader ended (`| head`): stop silently, and let Python's flush at exit succeed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.ERROR
    except Exception as error:  # noqa: BLE001  the outermost handler reports a mistake of ours as a sentence
        return _internal_error(error, invocation)
    return code if isinstance(code, int) else exit_codes.OK


def _misused(error: TyperException, invocation: Invocation) -> int:
    # The exit code is not the usual 2, because 2 means "there are changes" for `plan`.
    sentence = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)  # the context of the verb, if one was named
    command = context.command_path if context is not None else "gitops-orch"
    failure = GitopsOrchError(sentence, hint=f"see {command} --help")
    _print_failure(failure, invocation)
    return exit_codes.ERROR


def _internal_error(error: Exception, invocation: Invocation) -> int:
    from gitops_orch.logs import LOG

    LOG.debug("command.internal_error", exc_info=error)
    failure = GitopsOrchError(
        f"this should not have happened: {type(error).__name__}: {error}",
        hint="run it again with GITOPS_ORCH_LOG__LEVEL=debug and report what it prints",
    )
    _print_failure(failure, invocation)
    return exit_codes.ERROR


def _print_failure(error: GitopsOrchError, invocation: Invocation) -> None:
    from gitops_orch.cli.shell import print_failure

    print_failure(error, output=invocation.options.output)
