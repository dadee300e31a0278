"""Defines `validate` and `render`, which compile a directory or a commit and need no Docker Engine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from gitops_orch.cli import exit_codes
from gitops_orch.cli.options import Output
from gitops_orch.cli.render.words import counted, github_annotation, problem_line
from gitops_orch.cli.shell import Shell
from gitops_orch.clock import SystemClock
from gitops_orch.errors import GitopsOrchError
from gitops_orch.manifest.app.binds import bind_lines
from gitops_orch.manifest.compile import examined_tree, render_tree
from gitops_orch.model.desired import Fragment
from gitops_orch.model.documents.document import Document, problem_rows
from gitops_orch.model.problem import Problem, Severity
from gitops_orch.model.tree import Tree
from gitops_orch.python_gc import few_collections

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
Where: TypeAlias = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A plain directory.")]
Ref: TypeAlias = Annotated[
    str | None, typer.Option("--ref", metavar="REF", help="A branch, tag or commit instead of files.")
]
Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Variables that are not set are errors, too.")
]


def validate(shell: Shell, directory: Where = None, ref: Ref = None, strict: Strict = False) -> int:  # noqa: FBT002
    """Check a directory or a commit; name every mistake."""
    with _tree(shell, directory, ref) as tree, few_collections():
        desired = examined_tree(tree, environment=shell.settings.environment, strict=strict)
        count = len(tree.files)
    problems, fragments = desired.problems, desired.fragments
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    _show_problems(shell, problems, fragments, prefix=_prefix(directory))
    if shell.output is Output.TEXT:
        for fragment in fragments:
            shell.note(str(fragment))
        warnings = sum(problem.severity is Severity.WARNING for problem in problems)
        notes = len(problems) - errors - warnings
        noted = f", {counted(notes, 'note')}" if notes else ""
        for line in bind_lines(desired.apps):
            shell.note(line)
        shell.note(
            f"{counted(count, 'file')}: {counted(errors, 'error')}, {counted(warnings, 'warning')}{noted}"
        )
    return exit_codes.ERROR if errors else exit_codes.OK


def render(shell: Shell, directory: Where = None, ref: Ref = None) -> int:
    """Print the resolved Compose model of every app."""
    with _tree(shell, directory, ref) as tree, few_collections():
        rendered, problems = render_tree(tree, environment=shell.settings.environment)
    shell.print_json(rendered)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    for problem in errors:
        shell.err.print(problem_line(problem))
    return exit_codes.ERROR if errors else exit_codes.OK


def _show_problems(
    shell: Shell, problems: tuple[Problem, ...], fragments: tuple[Fragment, ...], *, prefix: str
) -> None:
    if shell.output is Output.JSON:
        valid = all(problem.severity is not Severity.ERROR for problem in problems)
        document: Document = {"valid": valid, "problems": problem_rows(problems)}
        if fragments:
            document["fragments"] = [{"path": each.path, "reason": each.reason} for each in fragments]
        shell.print_json(document)
    for problem in problems:
        if shell.output is Output.TEXT:
            shell.out.print(problem_line(problem))
        elif shell.output is Output.GITHUB:
            shell.out.print(Text(github_annotation(problem, prefix=prefix)))


@contextmanager
def _tree(shell: Shell, directory: Path | None, ref: str | None) -> Iterator[Tree]:
    from gitops_orch.source.directory import directory_tree

    if directory is not None and shell.options.repo:
        raise GitopsOrchError("both a directory and --repo are named", hint="name one of them")
    if not ref and not shell.options.repo:
        yield directory_tree(_existing(directory or Path(), shell.settings.repository.path))
        return
    from gitops_orch.daemon.mirrors import open_source

    url = shell.settings.repository.url if directory is None else None
    checkout = None if url else _checkout(directory or Path())
    settings = shell.settings.with_branch(_branch(ref, checkout))
    with open_source(settings, url or str(checkout), SystemClock()) as source:
        head = source.fetch(last_commit=None)
        yield source.tree(source.resolve(ref) if ref and _COMMIT.fullmatch(ref) else head)


def _branch(ref: str | None, checkout: Path | None) -> str | None:
    """Return the branch, tag or HEAD to fetch for a ref; None: the followed branch."""
    if ref is None:
        return None
    if not _COMMIT.fullmatch(ref):
        return ref
    return None if checkout is None else "HEAD"


def _checkout(directory: Path) -> Path:
    """Return the nearest directory, from here upwards, that is a Git repository or a work tree."""
    start = directory.absolute()
    for path in (start, *start.parents):
        if (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir()):
            return path
    raise GitopsOrchError(f"{start} is in no Git repository", hint="name one with --repo URL")


def _existing(directory: Path, below: str) -> Path:
    path = directory / below
    if not path.is_dir():
        raise GitopsOrchError(
            f"{path} is not a directory", hint="name the root of a configuration repository"
        )
    return path


def _prefix(directory: Path | None) -> str:
    """Return the prefix of paths in annotations, so that they are relative to the current directory."""
    if directory is None or directory.is_absolute() or directory == Path():
        return ""
    return f"{directory.as_posix()}/"
