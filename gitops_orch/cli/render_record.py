"""What a person reads about the past, made from the public documents.  Pure."""

from rich.console import Group, RenderableType
from rich.text import Text

from gitops_orch.cli.render import colour, moment, plain, rows_of, seconds, short, table
from gitops_orch.model.serial import Document, Value


def render_history(history: Document) -> RenderableType:
    """Show runs, and releases below them."""
    runs = (
        (
            moment(row["started_at"]),
            short(row["commit"]),
            row["author"],
            row["trigger"],
            row["status"],
            seconds(row["duration_ms"]),
            short(row["plan_digest"]),
            short(row["id"]),
        )
        for row in rows_of(history["runs"])
    )
    releases = (
        (
            f"{row['namespace']}/{row['app']}",
            short(row["commit"]),
            short(row["digest"]),
            row["state"],
            moment(row["at"]),
            "; ".join(str(said) for said in (row["reason"], _revert(row)) if said),
        )
        for row in rows_of(history["releases"])
    )
    return Group(
        table(("STARTED", "COMMIT", "AUTHOR", "TRIGGER", "STATUS", "TOOK", "PLAN", "RUN"), runs),
        Text(""),
        table(("APP", "COMMIT", "RELEASE", "STATE", "SINCE", "REASON"), releases),
    )


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
            f"  (run {plain(row['run'])})"
        )
        for row in rows_of(document["reasons"])
    ]
    timeline = [
        Text(f"  {moment(row['at'])}  {plain(row['event'])}  {_indented(plain(row['detail']))}")
        for row in rows_of(document["timeline"])
    ]
    return Group(*lines, Text("why:", style="bold"), *reasons, Text("timeline:", style="bold"), *timeline)


def _indented(detail: str) -> str:
    """Return several lines below the one that they belong to."""
    return "".join(f"\n      {line}" for line in detail.splitlines()) if "\n" in detail else detail


def render_doctor(document: Document) -> RenderableType:
    """Show every check, and what to do about those that failed."""
    lines = []
    for row in rows_of(document["checks"]):
        line = Text(f"{'ok' if row['ok'] else 'failed':<8}", style=colour("ok" if row["ok"] else "failed"))
        line.append(f"{plain(row['check'])}: {plain(row['found'])}")
        if row.get("fix"):
            line.append(f"\n        {plain(row['fix'])}", style="bold")
        lines.append(line)
    return Group(*lines)


def render_reply(reply: Document) -> RenderableType:
    """Show what a verb did."""
    return Text(plain(reply.get("message")))
