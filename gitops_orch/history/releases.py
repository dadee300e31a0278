"""Stores the releases of each app with their states, and the pins and holds that people set."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, insert, select

from gitops_orch.clock import Clock
from gitops_orch.history import schema
from gitops_orch.history.spare import SpareCopy
from gitops_orch.history.store import Store
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.release import Release, ReleaseState

RELEASE_LOG_ROWS_MAX = 10_000
_RECOVERED = "told by what runs"  # the value of the column `reason` for a recovered release


class ReleaseStore:
    """Stores releases, pins and holds by app."""

    _store: Store
    _clock: Clock
    _spare: SpareCopy
    # Cache: the state of the table, and all releases in that state.
    _read: tuple[object, tuple[Release, ...]] | None = None

    def mark_release(self, release: Release) -> None:
        """Record a release's state; the release becomes the app's newest one, also if it was recorded before."""
        table = schema.releases
        row = {
            **key_of(release.app),
            "digest": release.digest,
            "commit": release.commit,
            "state": release.state.value,
            "reason": _RECOVERED if release.recovered else release.reason,
            "at": release.at or self._clock.now(),
        }
        with self._store.begin() as connection:
            connection.execute(
                delete(table).where(of_app(table, release.app), table.c.digest == release.digest)
            )
            connection.execute(insert(table).values(row))
            connection.execute(insert(schema.release_log).values(row))

    def release_log(
        self, app: AppKey | None = None, limit: int = RELEASE_LOG_ROWS_MAX
    ) -> tuple[Release, ...]:
        """Return the sequence of releases of an app, or of all apps, newest first, each with its last state.

        If an app returns to an earlier release, that release appears once for each time.
        """
        table = schema.release_log
        query = select(table).order_by(table.c.id.desc()).limit(RELEASE_LOG_ROWS_MAX)
        with self._store.begin() as connection:
            rows = connection.execute(query if app is None else query.where(of_app(table, app))).all()
        turns: list[Release] = []
        newer: dict[AppKey, str] = {}  # by app: the digest of the next newer row
        for change in map(_release, rows):
            if newer.get(change.app) != change.digest:
                turns.append(change)
            newer[change.app] = change.digest
        logged = {(each.app, each.digest) for each in turns}
        # An older program version wrote no log, only the last state of each release.
        older = (each for each in self.releases(app) if (each.app, each.digest) not in logged)
        return (*turns, *older)[:limit]

    def releases(self, app: AppKey | None = None) -> tuple[Release, ...]:
        """Return the releases of an app, or of all apps, the last marked first."""
        table = schema.releases
        query = select(table).order_by(table.c.id.desc())
        with self._store.begin() as connection:
            if app is not None:
                return tuple(map(_release, connection.execute(query.where(of_app(table, app)))))
            # Rows are only added, with ids that are never reused, and removed. So these two numbers show each change,
            # by any process. Reading them costs 1 % of reading all rows.
            state = select(func.max(table.c.id), func.count())
            seen = (self._store.opened_count, *connection.execute(state).one())
            if self._read is None or self._read[0] != seen:
                self._read = seen, tuple(map(_release, connection.execute(query)))
            return self._read[1]

    def stable(self, app: AppKey) -> Release | None:
        """Return the release of an app that was marked stable last, or None."""
        found = (release for release in self.releases(app) if release.state is ReleaseState.STABLE)
        return next(found, None)

    def failed_digests(self, app: AppKey) -> Mapping[str, str]:
        """Return the quarantined digests of an app, each with the reason of its failure."""
        failed = (release for release in self.releases(app) if release.state is ReleaseState.FAILED)
        return {release.digest: release.reason for release in failed}

    def clear_failed(self, app: AppKey) -> None:
        """Lift the quarantine of an app's failed releases."""
        table = schema.releases
        with self._store.begin() as connection:
            failed = table.c.state == ReleaseState.FAILED.value
            connection.execute(delete(table).where(of_app(table, app), failed))
            connection.execute(delete(schema.reverts).where(of_app(schema.reverts, app)))

    def pin(self, app: AppKey, commit: str, digest: str, reason: str) -> None:
        """Keep an app at a release, independent of the head, until it is unpinned."""
        row = {"commit": commit, "digest": digest, "reason": reason, "at": self._clock.now()}
        self._replace(schema.pins, app, row)

    def unpin(self, app: AppKey) -> None:
        """Let an app follow the head again."""
        self._remove(schema.pins, app)

    def pins(self) -> Mapping[AppKey, Release]:
        """Return the pinned apps, each with the pinned release and the reason."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.pins)).all()
        return {
            app_of(row): Release(
                app=app_of(row),
                digest=row.digest,
                commit=row.commit,
                state=ReleaseState.STABLE,
                reason=row.reason,
                at=row.at,
            )
            for row in rows
        }

    def hold(self, app: AppKey, hold: Hold) -> None:
        """Leave an app alone until it is resumed or the hold ends."""
        self._replace(schema.holds, app, {"reason": hold.reason, "until": hold.until})

    def resume(self, app: AppKey) -> None:
        """Act on an app again."""
        self._remove(schema.holds, app)

    def holds(self) -> Mapping[AppKey, Hold]:
        """Return all holds, including expired ones: the caller knows the time and decides."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.holds)).all()
        return {app_of(row): Hold(reason=row.reason, until=row.until) for row in rows}

    def _replace(self, table: Table, app: AppKey, row: Mapping[str, object]) -> None:
        with self._store.begin() as connection:
            connection.execute(delete(table).where(of_app(table, app)))
            connection.execute(insert(table).values({**key_of(app), **row}))
            self._spare.save(connection)

    def _remove(self, table: Table, app: AppKey) -> None:
        with self._store.begin() as connection:
            connection.execute(delete(table).where(of_app(table, app)))
            self._spare.save(connection)


def of_app(table: Table, app: AppKey) -> ColumnElement[bool]:
    """Return the condition that selects the rows of an app."""
    return and_(table.c.namespace == app.namespace, table.c.app == app.name)


def app_of(row: Row[tuple[object, ...]]) -> AppKey:
    """Return the app of a row."""
    return AppKey(namespace=row.namespace, name=row.app)


def key_of(app: AppKey) -> dict[str, str]:
    """Return the columns that name an app."""
    return {"namespace": app.namespace, "app": app.name}


def _release(row: Row[tuple[object, ...]]) -> Release:
    return Release(
        app=app_of(row),
        digest=row.digest,
        commit=row.commit,
        state=ReleaseState(row.state),
        reason=row.reason,
        at=row.at,
        recovered=row.reason == _RECOVERED,
    )
