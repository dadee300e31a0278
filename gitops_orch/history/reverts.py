"""Stores the reverts that we made in Git, and which of them a user reverted."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from gitops_orch.clock import Clock
from gitops_orch.history import schema
from gitops_orch.history.records import RevertRecord
from gitops_orch.history.releases import app_of, key_of, of_app
from gitops_orch.history.store import Store
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import ReleaseState

_FACTS = ("digest", "to_digest", "head", "state", "message", "hint", "commit", "tries", "at", "until")


class RevertStore:
    """Stores reverts by app and failed release."""

    _store: Store
    _clock: Clock

    def record_revert(self, record: RevertRecord) -> None:
        """Record the result of reverting a failed release; it replaces an earlier result."""
        table = schema.reverts
        row = {name: getattr(record, name) for name in _FACTS}
        with self._store.begin() as connection:
            connection.execute(
                delete(table).where(of_app(table, record.app), table.c.digest == record.digest)
            )
            connection.execute(insert(table).values({**key_of(record.app), **row}))

    def reverts(self) -> Mapping[tuple[AppKey, str], RevertRecord]:
        """Return the result of each revert, by app and the failed release's digest, oldest first."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.reverts).order_by(schema.reverts.c.at)).all()
        return {
            (app_of(row), row.digest): RevertRecord(
                app=app_of(row), **{name: getattr(row, name) for name in _FACTS}
            )
            for row in rows
        }

    def record_reverted_revert(self, app: AppKey, digest: str, revert: str) -> None:
        """Lift the quarantine of a release because a user reverted our revert of it; once for each revert."""
        spent, failed, reverts = schema.relanded, schema.releases, schema.reverts
        row = {**key_of(app), "revert": revert, "at": self._clock.now()}
        with self._store.begin() as connection:
            connection.execute(delete(spent).where(of_app(spent, app), spent.c.revert == revert))
            connection.execute(insert(spent).values(row))
            is_failed = failed.c.state == ReleaseState.FAILED.value
            connection.execute(
                delete(failed).where(of_app(failed, app), failed.c.digest == digest, is_failed)
            )
            connection.execute(delete(reverts).where(of_app(reverts, app), reverts.c.digest == digest))

    def reverted_reverts(self) -> frozenset[tuple[AppKey, str]]:
        """Return the reverts that have lifted a quarantine, by app and commit."""
        with self._store.begin() as connection:
            rows = connection.execute(select(schema.relanded)).all()
        return frozenset((app_of(row), row.revert) for row in rows)
