"""Renders history, explanations and checks as text for people, from the public documents. Pure."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from gitops_orch.cli.render.layout import Cell, Column, Page, Row, blank, table
from gitops_orch.cli.render.words import (
    app_name,
    cell,
    colour,
    counted,
    moment,
    plain,
    rows_of,
    seconds,
    short,
    values_of,
)
from gitops_orch.model.documents.document import Document, Value

REASONS_SHOWN = 3  # for each run
_RUN_COLUMNS = (
    Column("STARTED"),
    Column("COMMIT", drop=1),
    Column("STATUS"),
    Column("TRIGGER", drop=3),
    Column("TOOK", drop=4),
    Column("AUTHOR", drop=5),
    Column("RUN", drop=6),
    Column("PLAN", drop=7),
    Column("SUBJECT", drop=2, least=24),
)
_RELEASE_COLUMNS = (
    Column("APP"),
    Column("STATE"),
    Column("COMMIT"),
    Column("SINCE", drop=1),
    Column("RELEASE", drop=2),
)


def render_history(history: Document) -> Page:
    """Show runs, and releases below them."""
    runs = (
        Row(
            (
                Cell(moment(row["started_at"])),
                Cell(short(row["commit"])),
                cell(row["status"]),
                Cell(plain(row["trigger"])),
                Cell(seconds(row["duration_ms"])),
                Cell(plain(row["author"])),
                Cell(short(row["id"])),
                Cell(short(row["plan_digest"])),
                Cell(plain(row["subject"])),
            ),
            list(_reasons(row)),
        )
        for row in rows_of(history["runs"])
    )
    releases = (
        Row(
            (
                Cell(app_name(row)),
                cell(row["state"]),
                Cell(short(row["commit"])),
                Cell(moment(row["at"])),
                Cell(short(row["digest"])),
            ),
            [Cell(plain(text)) for text in (row["reason"], _revert(row)) if text],
        )
        for row in rows_of(history["releases"])
    )
    return Page(
        table(_RUN_COLUMNS, runs, empty="no runs yet"),
        blank,
        table(_RELEASE_COLUMNS, releases, empty="no releases yet"),
    )


def _reasons(run: Document) -> Iterator[Cell]:
    """Yield why a run did not end in sync: the first reasons, and the number of further ones."""
    reasons = values_of(run.get("reasons"))
    yield from (Cell(plain(each)) for each in reasons[:REASONS_SHOWN])
    if len(reasons) > REASONS_SHOWN:
        more = counted(len(reasons) - REASONS_SHOWN, "other reason")
        yield Cell(f"and {more}; `gitops-orch history -o json` shows them")


def _revert(release: Document) -> Value:
    revert = release.get("revert")
    return revert["message"] if isinstance(revert, dict) else None


def render_explanation(document: Document) -> RenderableType:
    """Show why a container exists."""
    facts = (
        (label, document.get(key))
        for label, key in (
            ("container", "container"),
            ("host", "host"),
            ("namespace", "namespace"),
            ("app", "app"),
            ("service", "service"),
            ("image", "image"),
            ("state", "state"),
            ("health", "health"),
            ("commit", "commit"),
            ("subject", "subject"),
            ("author", "author"),
            ("committed", "committed_at"),
            ("release", "release"),
            ("spec hash", "spec_hash"),
        )
    )
    lines = [
        Text(f"{label + ':':<11} {plain(value)}", style=colour(value)) for label, value in facts if value
    ]
    reasons = [
        Text(
            f"  {moment(row['started_at'])}  {plain(row['kind'])} {plain(row['result'])}: {plain(row['reason'])}"
            f"  (run {short(row['run'])})"
        )
        for row in _creations(document)
    ]
    timeline = [
        Text(f"  {moment(row['at'])}  {plain(row['event'])}  {_indented(plain(row['detail']))}")
        for row in rows_of(document["timeline"])
    ]
    return Group(*lines, Text("why:", style="bold"), *reasons, Text("timeline:", style="bold"), *timeline)


def _creations(document: Document) -> list[Document]:
    """Return the step that created the container; if it is not recorded any more, all steps for its name."""
    rows = rows_of(document["reasons"])
    created_at = str(document.get("created_at") or "")
    created = [row for row in rows if row["kind"] in {"create", "run_job"} and row["result"] == "done"]
    before = [row for row in created if not created_at or str(row["started_at"]) <= created_at]
    return before[-1:] or rows


def _indented(detail: str) -> str:
    """Return a text of several lines, indented below the current line."""
    return "".join(f"\n      {line}" for line in detail.splitlines()) if "\n" in detail else detail


def render_doctor(document: Document) -> RenderableType:
    """Show every check, and how to repair those that failed."""
    lines = []
    for row in rows_of(document["checks"]):
        line = Text(f"{'ok' if row['ok'] else 'failed':<8}", style=colour("ok" if row["ok"] else "failed"))
        line.append(f"{plain(row['check'])}: {plain(row['found'])}")
        if row.get("fix"):
            line.append(f"\n        {plain(row['fix'])}", style="bold")
        lines.append(line)
    return Group(*lines)


def render_reply(reply: Document) -> RenderableType:
    """Show the result of a verb."""
    return Text("\n\n".join(plain(reply[key]) for key in ("message", "diff") if reply.get(key)))
