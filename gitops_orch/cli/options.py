"""Defines the options that every verb accepts, before or after its name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

PANEL = "Options of every command"


class Output(Enum):
    """The format in which a verb prints its result."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="The settings file.", metavar="FILE", rich_help_panel=PANEL)
]
Repo: TypeAlias = Annotated[
    str | None,
    typer.Option("--repo", help="The configuration repository.", metavar="URL", rich_help_panel=PANEL),
]
Branch: TypeAlias = Annotated[
    str | None, typer.Option("--branch", help="The branch to follow.", metavar="NAME", rich_help_panel=PANEL)
]
Directory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--path", help="The directory of the repository to manage.", metavar="DIR", rich_help_panel=PANEL
    ),
]
StateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", help="Where the mirror and history live.", metavar="DIR", rich_help_panel=PANEL
    ),
]
Form: TypeAlias = Annotated[
    Output | None,
    typer.Option("-o", "--output", help="What to print; github is for validate.", rich_help_panel=PANEL),
]

EVERYWHERE = {
    "config": Config,
    "repo": Repo,
    "branch": Branch,
    "path": Directory,
    "state_dir": StateDir,
    "output": Form,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Everywhere:
    """The options that every verb accepts, before or after its name; None if an option was not given."""

    config: Path | None = None
    repo: str | None = None
    branch: str | None = None
    path: str | None = None
    state_dir: Path | None = None
    output: Output | None = None

    def under(self, nearer: "Everywhere") -> "Everywhere":
        """Return these options, overridden by the given options of `nearer`, which follow the verb."""
        given = {f.name: getattr(nearer, f.name) for f in fields(nearer)}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def flags(self) -> dict[tuple[str, ...], str]:
        """Return the settings that these options set."""
        named = {
            ("repository", "url"): _absolute_repository(self.repo),
            ("repository", "branch"): self.branch,
            ("repository", "path"): self.path,
            ("state", "dir"): str(self.state_dir.absolute()) if self.state_dir else None,
        }
        return {path: value for path, value in named.items() if value is not None}


def _absolute_repository(url: str | None) -> str | None:
    """Make an existing path absolute, because a flag is relative to the current directory."""
    if url and "://" not in url and Path(url).is_dir():
        return str(Path(url).absolute())
    return url


def taking_everywhere(
    function: Callable[..., None], own: tuple[inspect.Parameter, ...], *, doc: str | None
) -> Callable[..., None]:
    """Return the function with a signature that shows typer its own parameters and those of every verb."""
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    common = (
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for key, kind in EVERYWHERE.items()
    )
    function.__signature__ = inspect.Signature([context, *own, *common])  # type: ignore[attr-defined]
    function.__doc__ = doc
    return function
