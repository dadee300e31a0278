"""Defines `History`: all state that survives restarts. If it is lost, Git and labels can rebuild most of it."""

from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, delete, insert, select

from gitops_orch.clock import Clock
from gitops_orch.history import schema
from gitops_orch.history.bounds import beyond, keep_newest
from gitops_orch.history.fleet import EVENT_ROWS_MAX, FleetStore
from gitops_orch.history.lease import Lease
from gitops_orch.history.releases import RELEASE_LOG_ROWS_MAX, ReleaseStore, app_of, of_app
from gitops_orch.history.reverts import RevertStore
from gitops_orch.history.runs import REQUEST_ROWS_MAX, RunStore
from gitops_orch.history.spare import COMMANDS_KNOWN, SpareCopy
from gitops_orch.history.store import Store
from gitops_orch.history.troubles import TroubleStore
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import ReleaseState

_SALT = "salt"
_HEALED = "healed"
_COMPLETED = "completed"
_TIMETABLE = "timetable"
_HOST_FACTS = "host-facts"
_FETCHED_AT = "fetched-at"
_APP_FILES = "app-files"
_TAGS = "tags"


class History(ReleaseStore, RevertStore, FleetStore, RunStore, TroubleStore):
    """The state directory. Safe to use from several threads and processes. It never contains a secret."""

    def __init__(self, store: Store, lease: Lease, clock: Clock, spare: SpareCopy) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock
        self._spare = spare

    @classmethod
    def open(cls, state_dir: Path, url: str | None, clock: Clock) -> Self:
        """Open the history of a state directory, and create it if it does not exist; HistoryError if that fails."""
        spare = SpareCopy(state_dir)
        return cls(Store(state_dir, url, spare.restore), Lease(state_dir, clock), clock, spare)

    @property
    def rebuilt(self) -> bool:
        """Return whether a damaged or lost file was replaced by an empty one, with holds and pins restored."""
        return self._store.rebuilt

    def commands_known(self) -> bool:
        """Return whether holds and pins are complete after a loss: they were restored, or a person acknowledged it."""
        return self._recall(COMMANDS_KNOWN) is not None

    def acknowledge_loss(self) -> None:
        """Record that the stored holds and pins are complete."""
        self._keep(COMMANDS_KNOWN, "acknowledged")

    def close(self) -> None:
        """Release the lease and close the database."""
        self._lease.release()
        self._store.close()

    def acquire_lease(self) -> None:
        """Acquire the lease of this state; LeaseHeld names the process that has it."""
        self._lease.acquire()

    def release_lease(self) -> None:
        """Release the lease, so that another process can acquire it."""
        self._lease.release()

    def lease_holder(self) -> int | None:
        """Return the process id of another holder of the lease, or None."""
        return self._lease.holder()

    def salt(self) -> str | None:
        """Return the salt of secret hashes, or None if it was never set."""
        return self._recall(_SALT)

    def set_salt(self, salt: str) -> None:
        """Store the salt of secret hashes."""
        self._keep(_SALT, salt)

    def healed(self) -> str | None:
        """Return the last value of `set_healed`, or None."""
        return self._recall(_HEALED)

    def set_healed(self, text: str) -> None:
        """Store the recent heal records, in a format that the controller defines."""
        self._keep(_HEALED, text)

    def completed(self) -> str | None:
        """Return the last value of `set_completed`, or None."""
        return self._recall(_COMPLETED)

    def set_completed(self, text: str) -> None:
        """Store which containers have completed, in a format that the controller defines."""
        self._keep(_COMPLETED, text)

    def timetable(self) -> str | None:
        """Return the last value of `set_timetable`, or None."""
        return self._recall(_TIMETABLE)

    def set_timetable(self, text: str) -> None:
        """Store since when each schedule is known, in a format that the controller defines."""
        self._keep(_TIMETABLE, text)

    def host_facts(self) -> str | None:
        """Return the last value of `set_host_facts`, or None."""
        return self._recall(_HOST_FACTS)

    def set_host_facts(self, text: str) -> None:
        """Store facts about hosts other than their containers, in a format that the controller defines."""
        self._keep(_HOST_FACTS, text)

    def tags(self) -> str | None:
        """Return the last value of `set_tags`, or None."""
        return self._recall(_TAGS)

    def set_tags(self, text: str) -> None:
        """Store which digests of tags failed, in a format that the controller defines."""
        self._keep(_TAGS, text)

    def app_files(self) -> str | None:
        """Return the last value of `set_app_files`, or None."""
        return self._recall(_APP_FILES)

    def set_app_files(self, text: str) -> None:
        """Store the app that each file declared when it was last read, in a format that the controller defines."""
        self._keep(_APP_FILES, text)

    def fetched_at(self) -> datetime | None:
        """Return when the remote last answered, to the minute; None if it never did."""
        text = self._recall(_FETCHED_AT)
        return None if text is None else datetime.fromisoformat(text)

    def set_fetched_at(self, at: datetime) -> None:
        """Store when the remote answered."""
        self._keep(_FETCHED_AT, at.isoformat())

    def _recall(self, key: str) -> str | None:
        with self._store.begin() as connection:
            found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar()
        return None if found is None else str(found)

    def _keep(self, key: str, value: str) -> None:
        with self._store.begin() as connection:
            connection.execute(delete(schema.meta).where(schema.meta.c.key == key))
            connection.execute(insert(schema.meta).values(key=key, value=value))

    def last_commit(self, url: str, branch: str) -> str | None:
        """Return the commit of a branch that was reconciled last, or None."""
        table = schema.heads
        query = select(table.c.commit).where(table.c.url == url, table.c.branch == branch)
        with self._store.begin() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def set_last_commit(self, url: str, branch: str, commit: str) -> None:
        """Store the commit of a branch that was reconciled last."""
        table = schema.heads
        with self._store.begin() as connection:
            connection.execute(delete(table).where(table.c.url == url, table.c.branch == branch))
            connection.execute(insert(table).values(url=url, branch=branch, commit=commit))

    def accepted(self) -> frozenset[str]:
        """Return the held commits that an operator accepted."""
        with self._store.begin() as connection:
            return frozenset(connection.execute(select(schema.accepted.c.commit)).scalars())

    def accept(self, commit: str) -> None:
        """Store the acceptance of a held commit."""
        table = schema.accepted
        with self._store.begin() as connection:
            connection.execute(delete(table).where(table.c.commit == commit))
            connection.execute(insert(table).values(commit=commit, at=self._clock.now()))

    def consume_acceptance(self, commit: str) -> None:
        """Delete the acceptance of a commit, because it was used once."""
        with self._store.begin() as connection:
            connection.execute(delete(schema.accepted).where(schema.accepted.c.commit == commit))

    def trim(self, *, runs: int, releases: int) -> None:
        """Delete old runs, and old releases of each app, except its last stable release and a pinned one."""
        with self._store.begin() as connection:
            old = beyond(connection, schema.runs, "number", runs)
            ids = select(schema.runs.c.id).where(schema.runs.c.number <= old)
            connection.execute(delete(schema.run_apps).where(schema.run_apps.c.run_id.in_(ids)))
            connection.execute(delete(schema.runs).where(schema.runs.c.number <= old))
            for table, kept in (
                (schema.events, EVENT_ROWS_MAX),
                (schema.requests, REQUEST_ROWS_MAX),
                (schema.release_log, RELEASE_LOG_ROWS_MAX),
            ):
                keep_newest(connection, table, kept)
            _trim_releases(connection, releases)


def _trim_releases(connection: Connection, kept: int) -> None:
    table = schema.releases
    seen: dict[AppKey, int] = {}
    stable: set[AppKey] = set()
    pinned = {(app_of(row), row.digest) for row in connection.execute(select(schema.pins)).all()}
    for row in connection.execute(select(table).order_by(table.c.id.desc())).all():
        app = app_of(row)
        seen[app] = seen.get(app, 0) + 1
        last_stable = row.state == ReleaseState.STABLE.value and app not in stable
        if last_stable:
            stable.add(app)
        if seen[app] > kept and not last_stable and (app, row.digest) not in pinned:
            of_release = of_app(schema.images, app) & (schema.images.c.release == row.digest)
            connection.execute(delete(schema.images).where(of_release))
            reverts = schema.reverts
            connection.execute(delete(reverts).where(of_app(reverts, app), reverts.c.digest == row.digest))
            connection.execute(delete(table).where(table.c.id == row.id))
