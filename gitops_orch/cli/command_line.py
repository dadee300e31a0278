"""Builds the command line: the table of all verbs, and the module of each verb.

A verb's module is imported only when the verb is called or its arguments are completed. `--help`, `--version` and the
completion of verbs need only one sentence of each verb.
"""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gitops_orch.cli.options import Everywhere, taking_everywhere
from gitops_orch.cli.plain import PlainGroup
from gitops_orch.version import VERSION

if TYPE_CHECKING:
    from gitops_orch.daemon.service_view import ServeHttp

_PURPOSE = "Commit Compose files to Git and every Docker host converges on them; revert the commit and it rolls back."


@dataclass(frozen=True, slots=True)
class Entry:
    """One verb in the list: its heading, the module in `cli/verbs` with its function, and the function's sentence."""

    heading: str
    module: str
    sentence: str


VERBS: Mapping[str, Entry] = {
    "validate": Entry("Deploy", "check", "Check a directory or a commit; name every mistake."),
    "render": Entry("Deploy", "check", "Print the resolved Compose model of every app."),
    "plan": Entry("Deploy", "look", "Show what a sync would do and why; exit 2: changes."),
    "sync": Entry("Deploy", "act", "Reconcile once, to the end; exit 4: a release failed."),
    "run": Entry("Deploy", "act", "Be the service: follow Git and reconcile, until SIGTERM."),
    "status": Entry("Look", "look", "Show how apps and hosts are; exit 2: unhealthy, 3: unknown."),
    "diff": Entry("Look", "look", "Show field by field how what runs differs from Git."),
    "history": Entry("Look", "record", "Show runs and releases, newest first."),
    "explain": Entry("Look", "record", "Say why a container exists, and what happened to it."),
    "logs": Entry("Look", "record", "Print what an app's containers print, from all hosts."),
    "rollback": Entry("Control", "act", "Put an app's files back in Git, in a new commit."),
    "retry": Entry("Control", "act", "Lift the quarantine of an app's failed release."),
    "unpin": Entry("Control", "act", "Lift the pin of an app."),
    "accept": Entry("Control", "act", "Accept a commit that is held, once."),
    "hold": Entry("Control", "act", "Stop acting on an app."),
    "resume": Entry("Control", "act", "Act on an app again."),
    "hosts": Entry("Fleet", "look", "Show the hosts; exit 1: one does not answer."),
    "drain": Entry("Fleet", "act", "Print the line to commit so that apps leave a host."),
    "doctor": Entry("Fleet", "doctor", "Check settings, Git, Engines, state and clock."),
    "notify": Entry("Fleet", "notify", "Send a test message; exit 0 if every service took it."),
}

Version: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--version",
        help="Print the version.",
        is_eager=True,
        callback=lambda wanted: _print_version(wanted=wanted),
    ),
]


class Invocation:
    """Passes `serve_http` into the command line, and the options out of it, which decide how a failure is printed."""

    def __init__(self, serve_http: "ServeHttp") -> None:
        self.options = Everywhere()
        self.serve_http = serve_http


class VerbGroup(PlainGroup):
    """The verbs, listed from `VERBS`; each is imported when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the verb that is the first argument, with its module imported."""
        name, listed, rest = super().resolve_command(ctx, args)
        if name is None or listed is None:
            return name, listed, rest
        from gitops_orch.cli.verb import load_verb

        return name, load_verb(name, VERBS[name].module), rest


def make_command_line() -> TyperGroup:
    """Return the command line with all its verbs."""
    app = typer.Typer(
        name="gitops-orch",
        cls=VerbGroup,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    version = inspect.Parameter("version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Version)
    app.callback()(taking_everywhere(_start, (version,), doc=_PURPOSE))
    group = cast("TyperGroup", get_command(app))
    for name, entry in VERBS.items():
        group.add_command(_listed(name, entry))
    return group


def _listed(name: str, entry: Entry) -> TyperCommand:
    """Return a verb's command for the help and for completion, which both show its complete sentence."""
    return TyperCommand(name, help=entry.sentence, short_help=entry.sentence, rich_help_panel=entry.heading)


def _start(context: typer.Context, *, version: bool, **given: Any) -> None:  # noqa: ARG001  eager: printed already
    context.obj.options = Everywhere(**given)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gitops-orch {VERSION}\n")
        raise typer.Exit
