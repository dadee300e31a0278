"""Stores runs with their results, and the requests of other processes to the running service."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Row, insert, select, update

from gitops_orch.clock import Clock
from gitops_orch.errors import HistoryError
from gitops_orch.history import schema
from gitops_orch.history.bounds import keep_bounded
from gitops_orch.history.records import Request, RunRecord
from gitops_orch.history.releases import app_of, of_app
from gitops_orch.history.store import Store
from gitops_orch.model.app import AppKey

REQUESTS_PENDING_MAX = 100
REQUEST_ROWS_MAX = 200


class RunStore:
    """Stores runs and requests."""

    _store: Store
    _clock: Clock

    def record_run(self, run: RunRecord) -> None:
        """Add a run."""
        row = {
            "id": run.id,
            "commit": run.commit,
            "author": run.author,
            "trigger": run.trigger,
            "started_at": run.started_at,
            "duration_ms": run.duration_ms,
            "status": run.status,
            "exit_code": run.exit_code,
            "plan_digest": run.plan_digest,
            "plan_json": dict(run.plan_json),
            "results_json": dict(run.results_json),
        }
        apps = [
            {"run_id": run.id, "namespace": app.namespace, "app": app.name} for app in sorted(set(run.apps))
        ]
        with self._store.begin() as connection:
            connection.execute(insert(schema.runs).values(row))
            if apps:
                connection.execute(insert(schema.run_apps), apps)

    def runs(self, app: AppKey | None = None, limit: int = 50) -> tuple[RunRecord, ...]:
        """Return the newest runs, newest first; only those that changed an app if it is given."""
        query = select(schema.runs).order_by(schema.runs.c.number.desc()).limit(limit)
        if app is not None:
            touched = select(schema.run_apps.c.run_id).where(of_app(schema.run_apps, app))
            query = query.where(schema.runs.c.id.in_(touched))
        with self._store.begin() as connection:
            rows = connection.execute(query).all()
            ids = [row.id for row in rows]
            links = connection.execute(select(schema.run_apps).where(schema.run_apps.c.run_id.in_(ids))).all()
        apps: dict[str, list[AppKey]] = {}
        for link in links:
            apps.setdefault(link.run_id, []).append(app_of(link))
        return tuple(_run(row, tuple(sorted(apps.get(row.id, ())))) for row in rows)

    def request(self, verb: str, arguments: Mapping[str, object]) -> int:
        """Store a request to the running service and return its number; HistoryError if too many are waiting."""
        if len(self.pending_requests()) >= REQUESTS_PENDING_MAX:
            raise HistoryError(
                f"{REQUESTS_PENDING_MAX} requests wait already for the service",
                hint="see why it does not carry them out: gitops-orch doctor",
            )
        row = {"verb": verb, "arguments": dict(arguments), "at": self._clock.now()}
        with self._store.begin() as connection:
            created = insert(schema.requests).values(row).returning(schema.requests.c.id)
            number = int(connection.execute(created).scalar_one())
            keep_bounded(connection, schema.requests, number, REQUEST_ROWS_MAX)
        return number

    def pending_requests(self) -> tuple[Request, ...]:
        """Return the waiting requests, oldest first."""
        table = schema.requests
        query = select(table).where(table.c.exit_code.is_(None)).order_by(table.c.id)
        with self._store.begin() as connection:
            rows = connection.execute(query.limit(REQUESTS_PENDING_MAX)).all()
        return tuple(Request(id=row.id, verb=row.verb, arguments=row.arguments, at=row.at) for row in rows)

    def finish_request(
        self,
        number: int,
        exit_code: int,
        output: Mapping[str, object],
        *,
        asked_at: datetime | None = None,
    ) -> None:
        """Answer a request; with `asked_at`, only if it has that time: a new file gives the same numbers again."""
        answer = update(schema.requests).where(schema.requests.c.id == number)
        if asked_at is not None:
            answer = answer.where(schema.requests.c.at == asked_at)
        with self._store.begin() as connection:
            connection.execute(answer.values(exit_code=exit_code, output=dict(output)))

    def request_result(self, number: int) -> tuple[int, Mapping[str, object]] | None:
        """Return the exit code and output of a request, None while it waits; HistoryError if it does not exist."""
        table = schema.requests
        with self._store.begin() as connection:
            row = connection.execute(select(table).where(table.c.id == number)).first()
        if row is None:
            raise HistoryError(f"request {number} is not in history any more", hint="ask again")
        return None if row.exit_code is None else (row.exit_code, row.output)


def _run(row: Row[tuple[object, ...]], apps: tuple[AppKey, ...]) -> RunRecord:
    return RunRecord(
        id=row.id,
        commit=row.commit,
        author=row.author,
        trigger=row.trigger,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        status=row.status,
        exit_code=row.exit_code,
        plan_digest=row.plan_digest,
        plan_json=row.plan_json,
        results_json=row.results_json,
        apps=apps,
    )
