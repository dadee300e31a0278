"""Renders plans, diffs and runs as text for people, from the public documents. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.text import Text

from gitops_orch.cli.render.layout import GAP, Block, Cell, Page, blank, head, nothing, sentence, sentences
from gitops_orch.cli.render.status_text import app_reason, apps_table
from gitops_orch.cli.render.words import (
    app_name,
    colour,
    counted,
    plain,
    problems,
    rows_of,
    seconds,
    short,
    values_of,
)
from gitops_orch.model.documents.document import Document
from gitops_orch.model.plan.kinds import KINDS

_SIGNS = {kind.value: traits.sign for kind, traits in KINDS.items()}
_STYLES = {"+": "green", "-": "red", "~": "yellow"}
_INDENT = 6


def render_plan(plan: Document) -> Page:
    """Show the actions of a sync with their reasons, its holds, and its refusals."""
    actions = rows_of(plan["actions"])
    in_doubt = plan.get("error") or plan["unknown_hosts"]
    nothing_to_do = "nothing is planned" if in_doubt else "nothing to do"
    title = head(
        Cell(f"commit {short(plan['commit'])}", "bold"),
        Cell(f"plan {short(plan['digest'])}", "bold"),
        Cell(counted(len(actions), "action") if actions else nothing_to_do, "bold"),
    )
    remarks = list(_remarks(plan))
    return Page(title, *map(_action, actions), blank if actions and remarks else nothing, sentences(remarks))


def render_diff(diff: Document) -> Page:
    """Show the diff of each object, field by field: the observed and the desired value."""
    objects: dict[str, list[Document]] = defaultdict(list)
    for row in rows_of(diff["changes"]):
        objects[f"{plain(row['host'])}/{plain(row['name'])}{_owner(row)}"].append(row)
    found = [block for title, rows in objects.items() for block in _differences(title, rows)]
    remarks = list(_remarks(diff))
    unsaid = diff.get("holds") or diff.get("error") or diff.get("problems")
    same = sentence("no other difference is known" if unsaid else "nothing differs")
    return Page(*(found or [same]), sentences(remarks))


def render_run(run: Document) -> Page:
    """Show the result of a sync; each failure is reported once, and skipped steps are counted."""
    actions, apps = rows_of(run["actions"]), rows_of(run["apps"])
    title = head(
        Cell(f"commit {short(run['commit'])}", "bold"),
        Cell(plain(run["status"]), colour(run["status"])),
        Cell(f"{counted(len(actions), 'action')} in {seconds(run['duration_ms'])}"),
    )
    reasons = [app_reason(row) for row in apps]
    holds = [
        row for row in rows_of(run.get("holds")) if not any(_is_shown(row, reason) for reason in reasons)
    ]
    shown = [*reasons, *(plain(row["reason"]) for row in holds)]
    failures = [*_failures(actions, shown), *_skipped(actions)]
    remarks = _remarks({**run, "holds": [*holds]}, reasons)
    return Page(title, sentences(failures), sentences(remarks), blank if apps else nothing, apps_table(apps))


def _is_shown(hold: Document, reason: str) -> bool:
    """Return whether an app's reason includes a hold; for kept files it names each file, but gives the advice once."""
    return plain(hold["subject"]) in reason and (bool(hold.get("kept")) or plain(hold["reason"]) in reason)


def _action(action: Document) -> Block:
    kind = str(action["kind"])
    sign = _SIGNS.get(kind, " ")
    style = _STYLES.get(sign, "")
    title = f"{sign} {kind:<14} {plain(action['host'])}/{plain(action['name'])}{_owner(action)}"
    reason = plain(action["reason"])
    changes = sentences((Cell(change_text(row)) for row in rows_of(action["changes"])), indent=_INDENT)

    def lay_out(width: int) -> Iterator[Text]:
        if cell_len(title) + len(GAP) + cell_len(reason) <= width:
            yield Text(title, style=style).append(GAP).append(reason, style="dim")
        else:
            yield from sentence(title, style, hang=_INDENT)(width)
            yield from sentence(reason, "dim", indent=_INDENT)(width)
        yield from changes(width)

    return lay_out


def _differences(title: str, rows: Iterable[Document]) -> Iterator[Block]:
    yield sentence(title, "bold")
    for row in rows:
        itself = row["name"] in (row["from"], row["to"]) and None in (row["from"], row["to"])
        sign, style = ("+", "green") if row["from"] is None else ("-", "red")
        yield (
            sentence(f"{sign} {plain(row['path'])}", style, indent=2)
            if itself
            else sentence(change_text(row), indent=2)
        )


def change_text(change: Document) -> str:
    """Return `cap_add: + SYS_ADMIN`, `cap_add: - SYS_ADMIN`, or `user: 1 -> 2`."""
    path = plain(change["path"])
    before, after = (None if each is None else plain(each) or '""' for each in (change["from"], change["to"]))
    if before is None:
        return f"{path}: + {after}"
    return f"{path}: - {before}" if after is None else f"{path}: {before} -> {after}"


def _owner(action: Document) -> str:
    """Return the app of an action if its name does not show it, as for file directories and custom container names."""
    app, name = str(action["app"] or ""), str(action["name"])
    is_shown = name.startswith(app) or f"_{app}" in name or f"-{app}" in name
    return "" if is_shown else f"  of {app_name(action)}"


def _failures(actions: Iterable[Document], shown: Iterable[str]) -> Iterator[Cell]:
    """Yield each failure that no other sentence shows, once, with the number of steps that it affected."""
    by_error: dict[str, list[Document]] = defaultdict(list)
    for action in actions:
        if action["result"] == "failed":
            by_error[plain(action.get("error"))].append(action)
    shown = tuple(shown)
    for error, rows in by_error.items():
        if any(error and error in sentence for sentence in shown):
            continue
        first = rows[0]
        name = f"{plain(first['kind'])} {plain(first['host'])}/{plain(first['name'])}{_owner(first)}"
        more = f" (and {counted(len(rows) - 1, 'other step')} in the same way)" if len(rows) > 1 else ""
        yield Cell(f"failed: {name}: {error}{more}", "red")


def _skipped(actions: Iterable[Document]) -> Iterator[Cell]:
    count = sum(action["result"] == "skipped" for action in actions)
    if count:
        yield Cell(f"{counted(count, 'later step')} skipped", "yellow")


def _remarks(document: Document, shown: Iterable[str] = ()) -> Iterator[Cell]:
    """Yield errors, refusals, holds, unknown hosts and problems, worst first, except those that `shown` quotes."""
    holds = rows_of(document.get("holds"))
    shown = [*shown, *(plain(row["reason"]) for row in holds)]
    if document.get("error"):
        yield Cell(f"error: {plain(document['error'])}", "red")
    for row in rows_of(document.get("refusals")):
        yield Cell(f"refused ({plain(row['rule'])}): {plain(row['message'])}", "red")
    for row in holds:
        owner = f"{plain(row['app'])}: " if row.get("app") not in (None, row["subject"]) else ""
        heading = "kept file (drift)" if row.get("kept") else "held"
        yield Cell(f"{heading}: {owner}{plain(row['subject'])}: {plain(row['reason'])}", "yellow")
    for row in rows_of(document.get("reverts")):
        yield Cell(f"{app_name(row)}: {plain(row['message'])}", "red")
    for name in values_of(document.get("unknown_hosts")):
        if not any(f"host {plain(name)} does not answer" in each for each in shown):
            yield Cell(f"unknown: host {plain(name)} did not answer", "magenta")
    yield from (Cell(plain(each), "dim") for each in values_of(document.get("notes")))
    yield from problems(document, shown)
