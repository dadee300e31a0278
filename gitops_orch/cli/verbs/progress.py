"""Shows the progress of a run: a bar on a terminal, a line for each step otherwise, and nothing with JSON output."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from gitops_orch.cli.options import Output
from gitops_orch.cli.render.words import colour, plain
from gitops_orch.cli.shell import Shell
from gitops_orch.controller.execute.run_control import Progress as OnProgress
from gitops_orch.controller.execute.run_control import ProgressEvent
from gitops_orch.model.status import Outcome


@contextmanager
def showing_progress(shell: Shell) -> Iterator[OnProgress | None]:
    """Yield the function to which a run reports its progress; None if no progress is shown."""
    if shell.is_interactive:
        with _bar(shell) as report:
            yield report
    elif shell.output is Output.TEXT:
        yield lambda event: _print_step(shell, event)
    else:
        yield None


@contextmanager
def _bar(shell: Shell) -> Iterator[OnProgress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=shell.err, transient=True) as bar:
        task = bar.add_task("looking at Git and all hosts", total=None)

        def report(event: ProgressEvent) -> None:
            bar.update(task, description=describe(event), completed=event.done, total=event.total or None)
            _print_step(shell, event)

        yield report


def describe(event: ProgressEvent) -> str:
    """Return the current step in a few words."""
    if event.action is None:
        return plain(event.message)
    return f"{event.action.kind.value} {plain(event.action.host)}/{plain(event.action.name or event.action.target)}"


def _print_step(shell: Shell, event: ProgressEvent) -> None:
    result = event.result
    if event.kind == "waiting":
        shell.err.print(Text(f"[{event.done}/{event.total}] {describe(event)}: {plain(event.message)}"))
    if result is None or result.outcome is Outcome.SKIPPED:  # the summary counts these
        return
    line = Text(f"[{event.done}/{event.total}] {describe(event)}: ")
    line.append(result.outcome.value, style=colour(result.outcome.value))
    line.append(f" in {result.duration_ms} ms")
    if result.note:  # the summary has the reason of a failure
        line.append(f": {plain(result.note)}")
    shell.err.print(line)
