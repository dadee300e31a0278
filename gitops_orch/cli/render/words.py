"""Formats values for people: short ids, times, colours, problems. Pure: no terminal, no clock."""

from collections.abc import Collection, Iterator
from datetime import datetime

from rich.text import Text

from gitops_orch.cli.render.layout import Cell
from gitops_orch.model.documents.document import Document, Value
from gitops_orch.model.problem import Problem, Severity
from gitops_orch.printable import printable

COMMIT_SHOWN = 10
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_COLOURS = {
    "in-sync": "green",
    "healthy": "green",
    "stable": "green",
    "active": "green",
    "done": "green",
    "ok": "green",
    "out-of-sync": "yellow",
    "progressing": "yellow",
    "held": "yellow",
    "suspended": "yellow",
    "pause": "yellow",
    "drain": "yellow",
    "skipped": "yellow",
    "rolled-back": "red",
    "degraded": "red",
    "missing": "red",
    "failed": "red",
    "error": "red",
    "unknown": "magenta",
}


def plain(text: object) -> str:
    """Return text with control characters escaped: text of a repository or an Engine must not control the terminal."""
    return printable("" if text is None else str(text))


def problem_line(problem: Problem) -> Text:
    r"""Return `path:line:column: message` on one line; a line break in a key is shown as `\n`."""
    return Text(plain(problem).replace("\n", "\\n"), style=_STYLES[problem.severity])


def github_annotation(problem: Problem, *, prefix: str) -> str:
    """Return a workflow command that marks the line in a pull request."""
    position = problem.position
    places = [f"file={_property(prefix + position.path)}"]
    if position.line:
        places += [f"line={position.line}", f"col={position.column}"]
    return f"::{_COMMANDS[problem.severity]} {','.join(places)}::{_escaped(problem.message)}"


def short(identity: Value) -> str:
    """Return the first characters of a commit or a digest."""
    return plain(identity)[:COMMIT_SHOWN] or "none"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seconds(milliseconds: Value) -> str:
    """Return a duration for a person."""
    return f"{int(str(milliseconds)) / 1000:.1f} s"


def moment(value: Value) -> str:
    """Return a time for a person: to the second, in UTC."""
    return f"{value[:19].replace('T', ' ')}Z" if isinstance(value, str) and value else "never"


def ago(value: Value, now: datetime) -> str:
    """Return the age of a time: `now`, `40 s ago`, `3 min ago`, `5 h ago`, `2 days ago`."""
    if not isinstance(value, str) or not value:
        return "not yet"
    passed_s = (now - datetime.fromisoformat(value)).total_seconds()
    if passed_s < 2:  # noqa: PLR2004  seconds
        return "now"
    for unit_s, unit in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s")):
        if passed_s >= 2 * unit_s or unit_s == 1:
            return f"{int(passed_s // unit_s)} {unit} ago"
    return "now"


def colour(word: Value) -> str:
    """Return the colour of a word in the public documents, or ""."""
    return _COLOURS.get(str(word), "")


def rows_of(value: Value) -> list[Document]:
    """Return the objects in a document's list; empty if the list is absent."""
    return [row for row in values_of(value) if isinstance(row, dict)]


def values_of(value: Value) -> list[Value]:
    """Return a document's list; empty if it is absent."""
    return value if isinstance(value, list) else []


def app_name(row: Document) -> str:
    """Return `namespace/app` of a row."""
    return plain(f"{row['namespace']}/{row['app']}")


def cell(value: Value) -> Cell:
    """Return a value as a cell of a table, in the colour of its word."""
    return Cell(plain(value), colour(value))


def problems(document: Document, shown: Collection[str] = ()) -> Iterator[Cell]:
    """Yield the problems of a commit with their positions, except those that the sentences in `shown` quote."""
    for row in rows_of(document.get("problems")):
        place = f"{row['path']}:{row['line']}:{row['column']}" if row["line"] else row["path"]
        if any(plain(f"{place}: {row['message']}") in each for each in shown):
            continue
        is_warning = row["severity"] == Severity.WARNING.value
        yield Cell(
            plain(f"{place}: {'warning: ' if is_warning else ''}{row['message']}"),
            "yellow" if is_warning else "red",
        )


def _escaped(text: str) -> str:
    """Return a text escaped for a workflow command: on one line, without anything that could begin another command."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
