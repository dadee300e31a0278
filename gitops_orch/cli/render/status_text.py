"""Renders the status of apps and hosts as text for people, from the public documents. Pure: the time is an argument."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from gitops_orch.cli.render.layout import (
    Block,
    Cell,
    Column,
    Page,
    Row,
    blank,
    head,
    nothing,
    sentence,
    sentences,
    table,
)
from gitops_orch.cli.render.words import ago, app_name, cell, plain, problems, rows_of, short, values_of
from gitops_orch.model.documents.document import Document, Value

_HOSTS_CHARS_MAX = 24
_APP_COLUMNS = (
    Column("APP"),
    Column("SYNC"),
    Column("HEALTH", drop=1),
    Column("READY", drop=2),
    Column("RELEASE", drop=4),
    Column("COMMIT", drop=5),
    Column("HOSTS", drop=3),
)
_SERVICE_COLUMNS = (Column("SERVICE"), Column("READY"), Column("IMAGE", drop=1), Column("HOSTS", drop=2))
_HOST_COLUMNS = (Column("HOST"), Column("STATE"), Column("ENGINE", drop=1), Column("SEEN"))


def render_status(status: Document, *, now: datetime) -> Page:
    """Show apps with their sync state, health and hosts, and all hosts; reasons are below the tables."""
    apps, hosts = rows_of(status["apps"]), rows_of(status["hosts"])
    title = head(
        Cell(f"commit {short(status['commit'])}", "bold"),
        Cell(
            f"fetched {ago(status['fetched_at'], now)}" if status["fetched_at"] else "not fetched yet", "bold"
        ),
    )
    error = sentence(f"error: {plain(status['error'])}", "red") if status.get("error") else nothing
    services = _services_table(apps[0]) if status.get("app") else nothing
    mistakes = list(problems(status, [*map(app_reason, apps)]))
    below = (blank, sentences(mistakes)) if mistakes else ()
    listed = apps_table(apps, _stale(apps, hosts, now))
    return Page(title, error, blank, listed, services, *_hosts_below(hosts, now), *below)


def render_hosts(document: Document, *, now: datetime) -> Page:
    """Show the fleet."""
    return Page(*_hosts_below(rows_of(document["hosts"]), now, apart=False))


def apps_table(apps: list[Document], stale: Sequence[Cell] = ()) -> Block:
    """Show a row for each app, and below the table the reasons of apps that are not in sync or not healthy."""
    listed = table(_APP_COLUMNS, map(_app_row, apps), empty="no apps")
    reasons = [*(reason for reason in map(_reason_cell, apps) if reason.text), *stale]
    below = sentences(reasons)
    return lambda width: (*listed(width), *(blank(width) if reasons else ()), *below(width))


def _stale(apps: list[Document], hosts: list[Document], now: datetime) -> list[Cell]:
    """Return, for each unknown host, a sentence with its apps and when they were last seen."""
    silent = {str(row["name"]): row for row in hosts if row["state"] == "unknown"}
    named: dict[str, list[str]] = defaultdict(list)
    for row in apps:
        for name in map(str, values_of(row["hosts"])):
            if name in silent and not row["fresh"] and not row.get("reason"):
                named[name].append(app_name(row))
    return [
        Cell(
            f"{plain(name)} does not answer; {_names([*found])} was seen there {_seen(silent[name], now)}",
            "magenta",
        )
        for name, found in named.items()
    ]


def app_reason(row: Document) -> str:
    """Return an app's name and why it is not in sync or not healthy; "" if there is no reason."""
    reason = plain(row.get("reason"))
    return f"{app_name(row)}: {reason}" if reason else ""


def _app_row(row: Document) -> Row:
    return Row(
        (
            Cell(app_name(row)),
            cell(row["sync"]),
            cell(row["health"]),
            Cell(_ready(rows_of(row["services"]))),
            cell(row["release_state"]),
            Cell(short(row["commit"])),
            Cell(_names(values_of(row["hosts"]))),
        )
    )


def _reason_cell(row: Document) -> Cell:
    return Cell(app_reason(row), "red" if row["health"] == "degraded" else "yellow")


def _ready(services: Iterable[Document]) -> str:
    """Return healthy and desired replicas as `1/2`; "-" if no replica is desired."""
    counts = [(int(str(row["healthy"])), int(str(row["desired"]))) for row in services]
    desired = sum(each for _, each in counts)
    return f"{sum(min(pair) for pair in counts)}/{desired}" if desired else "-"


def _names(names: list[Value]) -> str:
    """Return a short list of names: `edge-1, edge-2 +5`."""
    texts = [plain(name) for name in names]
    shown = ", ".join(texts)
    if len(shown) <= _HOSTS_CHARS_MAX or len(texts) == 1:
        return shown
    kept = next(
        (
            count
            for count in range(len(texts) - 1, 1, -1)
            if len(", ".join(texts[:count])) < _HOSTS_CHARS_MAX - 3
        ),
        1,
    )
    return f"{', '.join(texts[:kept])} +{len(texts) - kept}"


def _services_table(app: Document) -> Block:
    rows = (
        Row(
            (
                Cell(plain(row["name"])),
                Cell(_ready([row])),
                Cell(plain(row["image"])),
                Cell(_names(values_of(row["hosts"]))),
            )
        )
        for row in rows_of(app["services"])
    )
    listed = table(_SERVICE_COLUMNS, rows, empty="no services")
    return lambda width: (*blank(width), *listed(width))


def _hosts_below(hosts: list[Document], now: datetime, *, apart: bool = True) -> Iterator[Block]:
    rows = (
        Row(
            (
                Cell(plain(row["name"])),
                cell(row["state"]),
                Cell(plain(row["engine_version"])),
                Cell(_seen(row, now)),
            )
        )
        for row in hosts
    )
    reasons = [
        Cell(f"{plain(row['name'])}: {plain(row['reason'])}", "magenta") for row in hosts if row.get("reason")
    ]
    yield from (blank,) if apart else ()
    yield table(_HOST_COLUMNS, rows, empty="no hosts")
    yield from (blank, sentences(reasons)) if reasons else ()


def _seen(row: Document, now: datetime) -> str:
    return ago(row["observed_at"], now)
