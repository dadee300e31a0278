"""What a person reads, made from the public documents.  Pure: no terminal, no clock, no language but plain words."""

import re
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_orch.model.problem import Problem, Severity
from gitops_orch.model.serial import Document, Value

COMMIT_SHOWN = 10
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIGNS = {
    "create": ("+", "green"),
    "create_network": ("+", "green"),
    "create_volume": ("+", "green"),
    "create_service": ("+", "green"),
    "put_files": ("+", "green"),
    "remove": ("-", "red"),
    "remove_network": ("-", "red"),
    "remove_volume": ("-", "red"),
    "remove_service": ("-", "red"),
    "stop": ("-", "red"),
    "update": ("~", "yellow"),
    "update_service": ("~", "yellow"),
    "rename": ("~", "yellow"),
    "restart": ("~", "yellow"),
    "connect_network": ("~", "yellow"),
    "disconnect_network": ("~", "yellow"),
}
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
    """Return text without control characters: what a repository or an Engine says must not drive the terminal."""
    return _CONTROL.sub("�", "" if text is None else str(text))


def problem_line(problem: Problem) -> Text:
    """Return `path:line:column: message`."""
    return Text(plain(problem), style="yellow" if problem.severity is Severity.WARNING else "red")


def github_annotation(problem: Problem, *, prefix: str) -> str:
    """Return a workflow command that marks the line in a pull request."""
    position = problem.position
    places = [f"file={_property(prefix + position.path)}"]
    if position.line:
        places += [f"line={position.line}", f"col={position.column}"]
    return f"::{problem.severity.value} {','.join(places)}::{_escaped(problem.message)}"


def render_plan(plan: Document) -> RenderableType:
    """Show what a sync would do and why, what it leaves alone, and what forbids it."""
    actions = rows_of(plan["actions"])
    head = Text(f"commit {short(plan['commit'])}  plan {short(plan['digest'])}  ", style="bold")
    in_doubt = plan.get("error") or plan["unknown_hosts"]
    nothing = "nothing is planned" if in_doubt else "nothing to do"
    head.append(counted(len(actions), "action") if actions else nothing)
    return Group(head, *map(_action_lines, actions), *_remarks(plan))


def render_run(run: Document) -> RenderableType:
    """Show how a sync went."""
    actions = rows_of(run["actions"])
    failed = [row for row in actions if row["result"] == "failed"]
    head = Text("commit ", style="bold").append(short(run["commit"])).append("  ")
    head.append(plain(run["status"]), style=colour(run["status"]))
    head.append(f"  {counted(len(actions), 'action')} in {seconds(run['duration_ms'])}")
    return Group(head, *map(_failure_line, failed), *_remarks(run), _apps_table(rows_of(run["apps"])))


def render_status(status: Document) -> RenderableType:
    """Show apps by hosts: what runs, whether it is what Git wants, and how it does."""
    fetched = f"fetched {moment(status['fetched_at'])}" if status["fetched_at"] else "not fetched"
    head = Text(f"commit {short(status['commit'])}  {fetched}", style="bold")
    apps, hosts = rows_of(status["apps"]), rows_of(status["hosts"])
    return Group(head, _apps_table(apps), render_hosts({"hosts": [*hosts]}), *_remarks(status))


def render_hosts(document: Document) -> RenderableType:
    """Show the fleet."""
    rows = (
        (row["name"], row["state"], row["engine_version"], moment(row["observed_at"]), row.get("reason"))
        for row in rows_of(document["hosts"])
    )
    return table(("HOST", "STATE", "ENGINE", "OBSERVED", "REASON"), rows)


def render_diff(diff: Document) -> RenderableType:
    """Show desired beside observed, field by field."""
    rows = [
        (f"{row['host']}/{row['name']}", row["path"], absent(row["from"]), absent(row["to"]))
        for row in rows_of(diff["changes"])
    ]
    found = table(("OBJECT", "FIELD", "OBSERVED", "DESIRED"), rows) if rows else Text("nothing differs")
    return Group(found, *_remarks(diff))


def table(columns: Iterable[str], rows: Iterable[Iterable[Value]]) -> Table:
    """Return a plain table, coloured by the words of the contract; its last column folds."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    *fixed, last = columns
    for column in fixed:
        made.add_column(column, no_wrap=True)
    made.add_column(last, overflow="fold")
    for row in rows:
        made.add_row(*(Text(plain(cell), style=colour(cell)) for cell in row))
    return made


def short(identity: Value) -> str:
    """Return the first characters of a commit or a digest."""
    return plain(identity)[:COMMIT_SHOWN] or "none"


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts, in the singular or the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seconds(milliseconds: Value) -> str:
    """Return a duration for a person."""
    return f"{int(str(milliseconds)) / 1000:.1f} s"


def moment(value: Value) -> str:
    """Return a time for a person: to the second, in UTC."""
    return f"{value[:19].replace('T', ' ')}Z" if isinstance(value, str) and value else "never"


def absent(value: Value) -> str:
    """Return a field's value, or a dash where there is none."""
    return "-" if value is None else plain(value)


def colour(word: Value) -> str:
    """Return the colour of a word of the contract."""
    return _COLOURS.get(str(word), "")


def _apps_table(apps: list[Document]) -> RenderableType:
    if not apps:
        return Text("no apps")
    rows = (
        (
            f"{row['namespace']}/{row['app']}",
            row["sync"],
            row["health"] if row["fresh"] else f"{row['health']} (stale)",
            row["release_state"],
            short(row["commit"]),
            ", ".join(str(host) for host in _list(row["hosts"])),
            row.get("reason"),
        )
        for row in apps
    )
    return table(("APP", "SYNC", "HEALTH", "RELEASE", "COMMIT", "HOSTS", "REASON"), rows)


def _action_lines(action: Document) -> Text:
    kind = str(action["kind"])
    sign, style = _SIGNS.get(kind, (" ", ""))
    line = Text(f"  {sign} {kind:<14} ", style=style)
    line.append(f"{plain(action['host'])}/{plain(action['name'])}{_owner(action)}")
    line.append(f"  {plain(action['reason'])}", style="dim")
    for change in rows_of(action["changes"]):
        line.append(f"\n      {plain(change['path'])}: {absent(change['from'])} -> {absent(change['to'])}")
    return line


def _owner(action: Document) -> str:
    """Return whose action it is, where its name does not tell: a directory of files, a container with a name of its own."""
    app, name = str(action["app"] or ""), str(action["name"])
    is_told = name.startswith(app) or f"_{app}" in name or f"-{app}" in name
    return "" if is_told else f"  of {plain(action['namespace'])}/{plain(app)}"


def _failure_line(action: Document) -> Text:
    name = f"{plain(action['kind'])} {plain(action['host'])}/{plain(action['name'])}{_owner(action)}"
    return Text(f"  failed: {name}: {plain(action.get('error'))}", style="red")


def _remarks(document: Document) -> list[Text]:
    """Return what was refused, held, unknown or mistaken, loudest first."""
    lines = [Text(f"error: {plain(document['error'])}", style="red")] if document.get("error") else []
    lines += [
        Text(f"refused ({plain(row['rule'])}): {plain(row['message'])}", style="red")
        for row in rows_of(document.get("refusals"))
    ]
    lines += [
        Text(f"held: {plain(row['subject'])}: {plain(row['reason'])}", style="yellow")
        for row in rows_of(document.get("holds"))
    ]
    lines += [
        Text(f"{plain(row['namespace'])}/{plain(row['app'])}: {plain(row['message'])}", style="red")
        for row in rows_of(document.get("reverts"))
    ]
    lines += [
        Text(f"unknown: host {plain(name)} did not answer", style="magenta")
        for name in _list(document.get("unknown_hosts"))
    ]
    return lines + [_problem_text(row) for row in rows_of(document.get("problems"))]


def _problem_text(row: Document) -> Text:
    place = f"{row['path']}:{row['line']}:{row['column']}" if row["line"] else row["path"]
    warning = row["severity"] == Severity.WARNING.value
    label = "warning: " if warning else ""
    return Text(plain(f"{place}: {label}{row['message']}"), style="yellow" if warning else "red")


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def rows_of(value: Value) -> list[Document]:
    """Return the objects of a document's list; none where it is absent."""
    return [row for row in _list(value) if isinstance(row, dict)]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
