"""Selects the reasons of a run that concern one app: `history APP` shows its own reasons and the general ones."""

from collections.abc import Iterator

from gitops_orch.history.records import RunRecord
from gitops_orch.model.app import AppKey
from gitops_orch.model.documents.document import Document, Value, plain_value


def reasons_of(run: RunRecord, app: AppKey | None) -> list[Value]:
    """Return why a run did not end in sync; for one app, without the reasons of other apps."""
    results = plain_value(run.results_json)
    document = results if isinstance(results, dict) else {}
    reasons = document.get("reasons")
    reason_rows = reasons if isinstance(reasons, list) else []
    if app is None:
        return reason_rows
    others = tuple(_beginnings(document, run, app))
    return [reason for reason in reason_rows if not str(reason).startswith(others)]


def _beginnings(document: Document, run: RunRecord, app: AppKey) -> Iterator[str]:
    """Yield the prefixes of other apps' reasons: the app, a held part of it, or one of its steps."""
    yield from (f"{each}: " for each in run.apps if each != app)
    for row in _rows(document, "apps"):
        if _key(row) != str(app):
            yield f"{_key(row)}: "
    for row in _rows(document, "holds"):
        if row.get("app") not in {None, str(app)}:
            yield f"{row['subject']}: "
    for row in _rows(document, "actions"):
        if row.get("app") is not None and _key(row) != str(app):
            yield f"{row['kind']} {row['name']} on {row['host']}: "


def _key(row: Document) -> str:
    return f"{row.get('namespace')}/{row.get('app')}"


def _rows(document: Document, key: str) -> list[Document]:
    rows = document.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
