"""Stores the troubles of apps, the last notices to people, and when each host last answered.

Every process can read them, also after a restart.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from gitops_orch.clock import Clock
from gitops_orch.history import schema
from gitops_orch.history.releases import app_of, key_of, of_app
from gitops_orch.history.store import Store
from gitops_orch.model.app import AppKey
from gitops_orch.model.trouble import Trouble


class TroubleStore:
    """Stores one row for each app in trouble, and one for each host that has ever answered."""

    _store: Store
    _clock: Clock

    def note_trouble(self, app: AppKey, digest: str, reason: str) -> None:
        """Add one failed attempt at a release of an app; for another release, the count begins at 1."""
        table, now = schema.troubles, self._clock.now()
        with self._store.begin() as connection:
            before = connection.execute(select(table).where(of_app(table, app))).first()
            continues = before is not None and before.digest == digest
            row = {
                "digest": digest,
                "reason": reason,
                "since": before.since if before is not None and continues else now,
                "at": now,
                "attempts": before.attempts + 1 if before is not None and continues else 1,
            }
            connection.execute(delete(table).where(of_app(table, app)))
            connection.execute(insert(table).values({**key_of(app), **row}))

    def clear_troubles(self, apps: Iterable[AppKey]) -> None:
        """Delete the troubles of apps that are in sync, or that left Git."""
        with self._store.begin() as connection:
            for app in apps:
                connection.execute(delete(schema.troubles).where(of_app(schema.troubles, app)))

    def troubles(self) -> Mapping[AppKey, Trouble]:
        """Return the apps in trouble."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.troubles)).all()
        return {
            app_of(row): Trouble(
                app=app_of(row),
                digest=row.digest,
                reason=row.reason,
                since=row.since,
                at=row.at,
                attempts=row.attempts,
            )
            for row in rows
        }

    def note_seen(self, hosts: Iterable[str], at: datetime) -> None:
        """Store when hosts answered."""
        table, names = schema.sightings, list(hosts)
        with self._store.begin() as connection:
            connection.execute(delete(table).where(table.c.host.in_(names)))
            connection.execute(insert(table), [{"host": name, "at": at} for name in names])

    def seen(self) -> Mapping[str, datetime]:
        """Return when each host last answered, to the minute; an absent host has never answered."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.sightings)).all()
        return {row.host: row.at for row in rows}

    def notices(self) -> Mapping[str, tuple[str, str]]:
        """Return the last notice to people by subject: its kind and its message."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.notices)).all()
        return {row.subject: (row.kind, row.message) for row in rows}

    def note_notice(self, subject: str, kind: str, message: str) -> None:
        """Store the last notice to people about a subject."""
        table = schema.notices
        with self._store.begin() as connection:
            connection.execute(delete(table).where(table.c.subject == subject))
            connection.execute(
                insert(table).values(subject=subject, kind=kind, message=message, at=self._clock.now())
            )

    def forget_notice(self, subject: str) -> None:
        """Delete the notice of a subject, after people were notified that its trouble is over."""
        with self._store.begin() as connection:
            connection.execute(delete(schema.notices).where(schema.notices.c.subject == subject))
