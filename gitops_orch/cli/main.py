"""The console's entry: one function per verb, one sentence per failure, and an exit code for scripts."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

import structlog
import typer
from typer.exceptions import TyperException

from gitops_orch.cli import exit_codes
from gitops_orch.cli.act import accept, drain, hold, resume, retry, rollback, run, sync, unpin
from gitops_orch.cli.check import render, validate
from gitops_orch.cli.doctor import doctor
from gitops_orch.cli.look import diff, hosts, plan, status
from gitops_orch.cli.notify import notify
from gitops_orch.cli.record import explain, history, logs
from gitops_orch.cli.shell import print_failure
from gitops_orch.cli.verb import Invocation, add_verb, make_app
from gitops_orch.daemon.http import ServeHttp, without_http
from gitops_orch.errors import GitopsOrchError, Interrupted
from gitops_orch.logs import configure_logs, early_level

_VERBS: Mapping[str, tuple[Callable[..., int], ...]] = {
    "Deploy": (validate, render, plan, sync, run),
    "Look": (status, diff, history, explain, logs),
    "Control": (rollback, retry, unpin, accept, hold, resume),
    "Fleet": (hosts, drain, doctor, notify),
}


def main(arguments: Sequence[str] | None = None, *, serve_http: ServeHttp = without_http) -> int:
    """Run one command line and return its exit code; nothing is raised and no stack trace is printed.

    `serve_http` is how `run` opens its port: the two rooms of the outside do not know each other.
    """
    invocation = Invocation(serve_http)
    configure_logs(format_name="auto", level=early_level(os.environ))  # until the settings are read
    try:
        code = make_command_line()(
            sys.argv[1:] if arguments is None else list(arguments),
            prog_name="gitops-orch",
            standalone_mode=False,
            obj=invocation,
        )
        sys.stdout.flush()
    except GitopsOrchError as error:
        print_failure(error, output=invocation.options.output)
        return exit_codes.ERROR
    except TyperException as error:
        return _misused(error, invocation)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as interruption:
        said = str(interruption)
        sys.stderr.write(f"interrupted: {said}\n" if said else "interrupted\n")
        return interruption.code if isinstance(interruption, Interrupted) else exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`| head`): stop without a word, and keep Python's own flush at exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.ERROR
    except Exception as error:  # noqa: BLE001  the last door: a mistake of ours is told as a sentence
        return _our_mistake(error, invocation)
    return code if isinstance(code, int) else exit_codes.OK


def make_command_line() -> typer.Typer:
    """Return the command line with all its verbs."""
    app = make_app()
    for group, verbs in _VERBS.items():
        for verb in verbs:
            add_verb(app, verb, group)
    return app


def _misused(error: TyperException, invocation: Invocation) -> int:
    # Not the usual 2: for `plan` that would mean "there are changes".
    sentence = error.format_message().rstrip(".")
    if not sentence:  # a bare `gitops-orch`: the help was printed instead
        return exit_codes.OK
    context = getattr(error, "ctx", None)  # of a verb where one was named
    command = context.command_path if context is not None else "gitops-orch"
    told = GitopsOrchError(sentence, hint=f"see {command} --help")
    print_failure(told, output=invocation.options.output)
    return exit_codes.ERROR


def _our_mistake(error: Exception, invocation: Invocation) -> int:
    structlog.get_logger().debug("command.broke", exc_info=error)
    told = GitopsOrchError(
        f"this should not have happened: {type(error).__name__}: {error}",
        hint="run it again with GITOPS_ORCH_LOG__LEVEL=debug and report what it prints",
    )
    print_failure(told, output=invocation.options.output)
    return exit_codes.ERROR
