"""Turns a plain function into a verb of the command line: it gains the options that hold everywhere."""

import inspect
import sys
from collections.abc import Callable
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from gitops_orch.cli.shell import Everywhere, Output, Shell
from gitops_orch.daemon.http import ServeHttp

_PANEL = "Options of every command"
_PURPOSE = "Commit Compose files to Git and every Docker host converges on them; revert the commit and it rolls back."

Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="The settings file.", metavar="FILE", rich_help_panel=_PANEL)
]
Repo: TypeAlias = Annotated[
    str | None,
    typer.Option("--repo", help="The configuration repository.", metavar="URL", rich_help_panel=_PANEL),
]
Branch: TypeAlias = Annotated[
    str | None, typer.Option("--branch", help="The branch to follow.", metavar="NAME", rich_help_panel=_PANEL)
]
Directory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--path", help="The directory of the repository to manage.", metavar="DIR", rich_help_panel=_PANEL
    ),
]
StateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", help="Where the mirror and history live.", metavar="DIR", rich_help_panel=_PANEL
    ),
]
Form: TypeAlias = Annotated[
    Output | None,
    typer.Option("-o", "--output", help="What to print; github is for validate.", rich_help_panel=_PANEL),
]

Version: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--version",
        help="Print the version.",
        is_eager=True,
        callback=lambda wanted: _tell_version(wanted=wanted),
    ),
]

_EVERYWHERE = {
    "config": Config,
    "repo": Repo,
    "branch": Branch,
    "path": Directory,
    "state_dir": StateDir,
    "output": Form,
}


def make_app() -> typer.Typer:
    """Return the command line without a verb."""
    app = typer.Typer(
        name="gitops-orch",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    version = inspect.Parameter("version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Version)
    app.callback()(_taking(_start, (version,), doc=_PURPOSE))
    return app


def add_verb(app: typer.Typer, function: Callable[..., int], group: str) -> None:
    """Register `function(shell, ...)`, which returns an exit code, under its own name, in a group of the help."""
    verb = function.__name__
    own = tuple(inspect.signature(function).parameters.values())[1:]

    def run(context: typer.Context, **arguments: Any) -> None:
        nearer = Everywhere(**{key: arguments.pop(key) for key in _EVERYWHERE})
        options = context.obj.options = context.obj.options.under(nearer)
        raise typer.Exit(function(Shell(options, verb=verb, serve_http=context.obj.serve_http), **arguments))

    app.command(verb, rich_help_panel=group)(_taking(run, own, doc=function.__doc__))


class Invocation:
    """Carries how to serve into the command line, and the options out of it: a failure is printed as was asked for."""

    def __init__(self, serve_http: ServeHttp) -> None:
        self.options = Everywhere()
        self.serve_http = serve_http


def _start(context: typer.Context, *, version: bool, **given: Any) -> None:  # noqa: ARG001  eager: told already
    context.obj.options = Everywhere(**given)


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gitops-orch {package_version('gitops-orch')}\n")
        raise typer.Exit


def _taking(
    function: Callable[..., None], own: tuple[inspect.Parameter, ...], *, doc: str | None
) -> Callable[..., None]:
    """Return the function with a signature that tells typer of its own parameters and of those of every verb."""
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    common = (
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for key, kind in _EVERYWHERE.items()
    )
    function.__signature__ = inspect.Signature([context, *own, *common])  # type: ignore[attr-defined]
    function.__doc__ = doc
    return function
