"""The command line: which verbs there are, and where each is found when it is called.

A verb's module is imported when the verb is called or completed, and not before: `--help`, `--version` and the completion
of verbs need one sentence of each.
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
    """One verb in the list: its heading, the module of `cli/verbs` that has its function, and the function's sentence."""

    heading: str
    module: str
    sentence: str


VERBS: Mapping[str, Entry] = {
    "validate": Entry("Deploy", "check", "Check a directory or a commit; name every mistake."),
    "render": Entry("Deploy", "check", "Print the resolved Compose model of every app."),
    "plan": Entry("Deploy", "look", "Show what a sync would do and why; exit 2: changes."),
    "sync": Entry("Deploy", "act", "Reconcile once, to the end; exit 4: a release failed."),
    "run": Entry("Deploy", "act", "Be the service: follow Git and reconcile, until SIGTERM."),
    "status": Entry("Look", "look", "Show how apps and hosts are; exit 2: not well, 3: unknown."),
    "diff": Entry("Look", "look", "Show field by field how what runs differs from Git."),
    "history": Entry("Look", "record", "Show runs and releases, newest first."),
    "explain": Entry("Look", "record", "Say why a container exists, and what happened to it."),
    "logs": Entry("Look", "record", "Print what an app's containers print, from all hosts."),
    "rollback": Entry("Control", "act", "Put an app's files back in Git, in a new commit."),
    "retry": Entry("Control", "act", "Lift the quarantine of an app's failed release."),
    "unpin": Entry("Control", "act", "Lift the pin of an app."),
    "accept": Entry("Control", "act", "Let a commit that is held through once."),
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
    """Carries how to serve into the command line, and the options out of it: a failure is printed as was asked for."""

    def __init__(self, serve_http: "ServeHttp") -> None:
        self.options = Everywhere()
        self.serve_http = serve_http


class VerbGroup(PlainGroup):
    """The verbs: listed from `VERBS`, and imported one by one when they are called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the verb that the arguments begin with, ready to be called."""
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
    """Return what the help and the shell's completion need of a verb; its sentence is cut in neither."""
    return TyperCommand(name, help=entry.sentence, short_help=entry.sentence, rich_help_panel=entry.heading)


def _start(context: typer.Context, *, version: bool, **given: Any) -> None:  # noqa: ARG001  eager: printed already
    context.obj.options = Everywhere(**given)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gitops-orch {VERSION}\n")
        raise typer.Exit
