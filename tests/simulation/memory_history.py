"""A replacement of `history.History` in dictionaries, without a database, for thousands of runs a minute."""

from datetime import UTC, datetime

from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.observed import Placed
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.model.trouble import Trouble

EVENTS_MAX = 20  # of a container


class MemoryHistory:
    """Keeps the records that a reconcile reads; records for people only are counted and dropped."""

    def __init__(self, salt: str | None = None) -> None:
        self._salt = salt
        self._healed: str | None = None
        self._completed: str | None = None
        self._timetable: str | None = None
        self._host_facts: str | None = None
        self._app_files: str | None = None
        self._tags: str | None = None
        self._last_commit: str | None = None
        self._accepted: set[str] = set()
        self._releases: dict[tuple[AppKey, str], Release] = {}  # oldest first
        self._remembered: dict[str, tuple[Placed, ...]] = {}
        self._is_continuous = False
        self._images: dict[tuple, object] = {}
        self._holds: dict[AppKey, Hold] = {}
        self._reverts: dict[tuple[AppKey, str], object] = {}
        self._relanded: set[tuple[AppKey, str]] = set()
        self._troubles: dict[AppKey, Trouble] = {}
        self._seen: dict[str, datetime] = {}
        self._fetched_at: datetime | None = None
        self.run_count = 0
        self.events: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def commands_known(self) -> bool:
        return True  # whether commands of people were lost is tested in tests/controller

    def acknowledge_loss(self) -> None:
        """Do nothing: no command is ever lost here."""

    def salt(self) -> str | None:
        return self._salt

    def set_salt(self, salt: str) -> None:
        self._salt = salt

    def host_facts(self) -> str | None:
        return self._host_facts

    def set_host_facts(self, text: str) -> None:
        self._host_facts = text

    def app_files(self) -> str | None:
        return self._app_files

    def set_app_files(self, text: str) -> None:
        self._app_files = text

    def tags(self) -> str | None:
        return self._tags

    def set_tags(self, text: str) -> None:
        self._tags = text

    def healed(self) -> str | None:
        return self._healed

    def set_healed(self, text: str) -> None:
        self._healed = text

    def completed(self) -> str | None:
        return self._completed

    def set_completed(self, text: str) -> None:
        self._completed = text

    def timetable(self) -> str | None:
        return self._timetable

    def set_timetable(self, text: str) -> None:
        self._timetable = text

    def last_commit(self, _url: str, _branch: str) -> str | None:
        return self._last_commit

    def set_last_commit(self, _url: str, _branch: str, commit: str) -> None:
        self._last_commit = commit

    def accepted(self) -> frozenset[str]:
        return frozenset(self._accepted)

    def accept(self, commit: str) -> None:
        self._accepted.add(commit)

    def consume_acceptance(self, commit: str) -> None:
        self._accepted.discard(commit)

    def mark_release(self, release: Release) -> None:
        self._releases.pop((release.app, release.digest), None)
        self._releases[(release.app, release.digest)] = release

    def releases(self, app: AppKey | None = None) -> tuple[Release, ...]:
        return tuple(r for r in reversed(self._releases.values()) if app is None or r.app == app)

    def stable(self, app: AppKey) -> Release | None:
        return next((r for r in self.releases(app) if r.state is ReleaseState.STABLE), None)

    def failed_digests(self, app: AppKey) -> dict[str, str]:
        return {r.digest: r.reason for r in self.releases(app) if r.state is ReleaseState.FAILED}

    def record_revert(self, record) -> None:
        self._reverts[(record.app, record.digest)] = record

    def reverts(self) -> dict:
        return dict(self._reverts)

    def record_reverted_revert(self, app: AppKey, digest: str, revert: str) -> None:
        self._relanded.add((app, revert))
        self._releases.pop((app, digest), None)
        self._reverts.pop((app, digest), None)

    def reverted_reverts(self) -> frozenset[tuple[AppKey, str]]:
        return frozenset(self._relanded)

    def pins(self) -> dict[AppKey, Release]:
        return {}

    def hold(self, app: AppKey, hold: Hold) -> None:
        self._holds[app] = hold

    def holds(self) -> dict[AppKey, Hold]:
        return dict(self._holds)

    def remember_host(self, host: str, placements: tuple[Placed, ...], _at: object) -> None:
        self._remembered[host] = placements

    def remembered(self) -> dict[str, tuple[Placed, ...]]:
        return dict(self._remembered)

    def note_continuity(self, _at: object) -> None:
        self._is_continuous = True

    def is_continuous(self) -> bool:
        return self._is_continuous

    def record_image(self, record) -> None:
        key = (record.app, record.service, record.slot, record.host, record.release)
        self._images.pop(key, None)
        self._images[key] = record

    def images(self, app: AppKey, release: str | None = None) -> tuple:
        rows = (r for r in self._images.values() if r.app == app and release in {None, r.release})
        return tuple(rows)[::-1]  # newest first

    def runs(self, app: AppKey | None = None, limit: int = 50) -> tuple[object, ...]:
        return ()  # runs are read by people only, and each one is a new row here

    def record_run(self, _record: object) -> None:
        self.run_count += 1

    def record_event(self, host: str, container: str, _at: object, event: str, detail: str = "") -> None:
        """Keep the newest events only: they are read by people only."""
        found = self.events.setdefault((host, container), [])
        found.append((event, detail))
        del found[:-EVENTS_MAX]

    def note_trouble(self, app: AppKey, digest: str, reason: str) -> None:
        before, now = self._troubles.get(app), datetime.now(UTC)
        again = before is not None and before.digest == digest
        self._troubles[app] = Trouble(
            app=app,
            digest=digest,
            reason=reason,
            since=before.since if again else now,
            at=now,
            attempts=before.attempts + 1 if again else 1,
        )

    def clear_troubles(self, apps) -> None:
        for app in apps:
            self._troubles.pop(app, None)

    def troubles(self) -> dict[AppKey, Trouble]:
        return dict(self._troubles)

    def note_seen(self, hosts, at: datetime) -> None:
        self._seen |= dict.fromkeys(hosts, at)

    def seen(self) -> dict[str, datetime]:
        return dict(self._seen)

    def fetched_at(self) -> datetime | None:
        return self._fetched_at

    def set_fetched_at(self, at: datetime) -> None:
        self._fetched_at = at

    def trim(self, *_kept: int, **_named: int) -> None:
        """Do nothing: no record grows without limit here."""
