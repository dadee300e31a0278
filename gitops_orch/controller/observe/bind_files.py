"""Reads the files of writable binds on hosts, where a plan needs them. Binds without files from Git are never read.

Note [When hosts are asked]
A read costs three or four requests for each host and one or two for each bind, so its result is used for a while. Files
are read again when Git has other files, when the result is older than FRESH_S, and after a plan that changes them. A
change in between is detected before a write: the Engine does not touch files that differ from what the plan expects. A
host that could not be read is not asked for RETRY_S: each try may last READ_DEADLINE_S, and every pass would wait for
it. Meanwhile those of its apps that would be changed wait, because unknown is never empty. For its other apps it is
unknown whether they are in sync.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.observe.observe_hosts import Engines
from gitops_orch.controller.workers import AnswerLimits, Workers, gather
from gitops_orch.engine.base import Engine
from gitops_orch.errors import without_host
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey, Hold
from gitops_orch.model.host_files import FilesQuery, HostFiles
from gitops_orch.model.observed import Observation, ObservedHost
from gitops_orch.model.plan.kinds import KINDS, PutFiles
from gitops_orch.model.plan.plan import Plan

FRESH_S = 300.0
READ_DEADLINE_S = 60.0
RETRY_S = 60.0
HOST_FILES_UNREAD = "host.files_unread"


Seen = Mapping[tuple[str, FilesQuery], HostFiles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Files of an app's bind that could not be read on a host, and why. `until` is when they are read again."""

    app: AppKey
    host: str
    reason: str
    until: datetime
    # True: the app would be changed there, and waits. False: it is unknown whether the app differs from Git.
    waits: bool


def holds_of(unread: Iterable[Unread]) -> Mapping[AppKey, Hold]:
    """Return the apps that wait until their files can be read."""
    return {each.app: Hold(reason=each.reason, until=each.until) for each in unread if each.waits}


def unknown_of(unread: Iterable[Unread]) -> Mapping[AppKey, str]:
    """Return the apps of which it is unknown whether they are in sync, each with the reason."""
    rows = list(unread)
    waiting = {each.app for each in rows if each.waits}
    return {each.app: each.reason for each in rows if each.app not in waiting}


Former = Callable[[AppKey], Iterable[App]]  # returns an app as it was in earlier releases


class HostFilesMemory:
    """The files of binds that were read on hosts, for as long as they are used."""

    def __init__(self, engines: Engines, workers: Workers, clock: Clock) -> None:
        self._engines = engines
        self._workers = workers
        self._clock = clock
        self._seen: dict[tuple[str, FilesQuery], tuple[float, HostFiles]] = {}  # with the time of the read
        # By host: when it could not be read, and why.
        self._failed: dict[str, tuple[float, str]] = {}
        self._tried: set[str] = set()  # hosts whose last failure was not recorded yet

    def known(self) -> Seen:
        """Return the files that were read less than FRESH_S ago."""
        since_s = self._clock.monotonic_s() - FRESH_S
        self._seen = {key: row for key, row in self._seen.items() if row[0] > since_s}
        return {key: files for key, (_, files) in self._seen.items()}

    def read_needed(self, plan: Plan, observed: Mapping[str, Observation], former: Former) -> bool:
        """Read the files that a plan needs; tell whether any were read."""
        asked: dict[str, list[FilesQuery]] = defaultdict(list)
        for host, query in plan.unread:
            asked[host].append(query)
        works = self._works(asked, observed)
        awaited = AnswerLimits(READ_DEADLINE_S, frozenset(works))
        answers = gather(self._workers, works, awaited, self._clock.monotonic_s) if works else {}
        seen = False
        for host in works:
            answer = answers.get(host)
            if answer is None or answer.error is not None:
                reason = "no answer in time" if answer is None else without_host(str(answer.error), host)
                LOG.warning(HOST_FILES_UNREAD, host=host, error=reason)
                self._failed[host] = self._clock.monotonic_s(), reason
                self._tried.add(host)
                continue
            assert isinstance(answer.value, tuple)  # noqa: S101 - what `_read` returns
            self._failed.pop(host, None)
            now_s, seen = self._clock.monotonic_s(), True
            for query, files in zip(asked[host], answer.value, strict=True):
                self._seen[(host, query)] = (now_s, _with_former(query, files, former))
        return seen

    def _works(
        self, asked: Mapping[str, list[FilesQuery]], observed: Mapping[str, Observation]
    ) -> dict[str, Callable[[], object]]:
        engines = self._engines.by_name()
        works: dict[str, Callable[[], object]] = {}
        for host, queries in asked.items():
            seen = observed.get(host)
            image = _an_image(seen) if isinstance(seen, ObservedHost) else ""
            if image and host in engines and not self._waits_s(host):
                works[host] = partial(_read, engines[host], tuple(queries), image)
        return works

    def unread(self, plan: Plan) -> tuple[Unread, ...]:
        """Return the binds that a plan needs and that could not be read.

        An app that would be changed waits: a container that is created beside unknown files would read the old files,
        and never the new ones.
        """
        changed = {(action.host, action.app) for action in plan.actions if KINDS[action.kind].reads_files}
        return tuple(
            Unread(
                app=query.app,
                host=host,
                reason=f"the files of {query.git_path} on {host} cannot be read: {self._failed[host][1]}",
                until=self._clock.now() + timedelta(seconds=self._waits_s(host)),
                waits=(host, query.app) in changed,
            )
            for host, query in plan.unread
            if self._waits_s(host)
        )

    def not_noted(self, unread: Iterable[Unread]) -> tuple[Unread, ...]:
        """Return the reads that failed since the last call: each failed try is returned once."""
        rows = tuple(each for each in unread if each.host in self._tried)
        self._tried -= {each.host for each in rows}
        return rows

    def expires_between(self, after_s: float, until_s: float) -> bool:
        """Tell whether the wait of a host ends in this span of time. Another thread may call this."""
        return any(after_s < failed_s + RETRY_S <= until_s for failed_s, _ in tuple(self._failed.values()))

    def _waits_s(self, host: str) -> float:
        """Return for how many seconds a host that could not be read is not asked."""
        failed_s = self._failed[host][0] if host in self._failed else None
        return 0.0 if failed_s is None else max(0.0, failed_s + RETRY_S - self._clock.monotonic_s())

    def forget(self, plan: Plan) -> None:
        """Forget the files that a plan changes, so that they are read again."""
        changed = {
            (action.host, action.app, action.payload.files.writable_path)
            for action in plan.actions
            if isinstance(action.payload, PutFiles) and action.payload.work is not None
        }
        if changed:
            self._seen = {
                key: row
                for key, row in self._seen.items()
                if (key[0], key[1].app, key[1].path) not in changed
            }


def _with_former(query: FilesQuery, files: HostFiles, former: Former) -> HostFiles:
    """Add Git's earlier contents of files that a host has without a record.

    A version that kept no records wrote them.
    """
    if files.copies.keys() <= files.written.keys():
        return files
    return replace(files, former=_former(query, files, former(files.app)))


def _former(query: FilesQuery, files: HostFiles, apps: Iterable[App]) -> Mapping[str, frozenset[str]]:
    unrecorded = files.copies.keys() - files.written.keys()
    found: dict[str, set[str]] = defaultdict(set)
    mounts = (each for app in apps for service in app.services for each in service.files)
    entries = (entry for mount in mounts if mount.writable_path == query.git_path for entry in mount.entries)
    for entry in entries:
        if entry.path in unrecorded:
            found[entry.path].add(entry.content.sha256())
    return {name: frozenset(digests) for name, digests in found.items()}


def _an_image(host: ObservedHost) -> str:
    """Return an image that exists on the host: the image of one of our containers if possible, else any."""
    ours = [container.image_id for container in host.owned]
    there = [image.id for image in host.images]
    return next((image for image in ours if image in there), there[0] if there else "")


def _read(engine: Engine, queries: tuple[FilesQuery, ...], image: str) -> tuple[HostFiles, ...]:
    return engine.read_files(queries, image=image)
