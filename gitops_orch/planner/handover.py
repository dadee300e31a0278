"""Which container may start on data only once another one has stopped?

Two containers that write to the same volume, or to the same directory of the host, can damage what is in it.  Where both
services have it in one commit, they share it on purpose, and nothing waits.  Where it passes from one service to
another, the new user is started after the old one has stopped; while the old one stays, the new one is not started.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.mounts import holds_data, normal_target, parse_mounts
from gitops_orch.model.names import is_anonymous, prepared_service
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.plan import Action, Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.holders import holders_of
from gitops_orch.planner.index import Index
from gitops_orch.planner.world import World

_STARTING = frozenset({Kind.START, Kind.RUN_JOB})
NOTHING_KEPT: Mapping[str, str] = {}
_ServiceKey = tuple[AppKey, str]


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A start on data that another container writes to, and does not share; `stop` ends that one, None: it stays."""

    start: Action
    source: str
    holder: ObservedContainer
    stop: str | None


def await_data(draft: Draft, world: World, index: Index) -> None:
    """Let each start wait for the stop of what has its data until then; and the stop of its own predecessor as well."""
    stops = {action.id: action for action in draft.actions if action.kind is Kind.STOP}
    for each in _Meetings(draft, world, index).all():
        if each.stop is None:
            continue
        draft.waits(each.start.id, each.stop)
        for own in each.start.after:
            if own in stops and own != each.stop and stops[own].app == each.start.app:
                draft.waits(own, each.stop)


def blocked_by_data(draft: Draft, world: World, index: Index) -> Mapping[AppKey, str]:
    """Return the apps that would start on data which a container of ours writes to that stays, each with the reason."""
    found: dict[AppKey, str] = {}
    for each in _Meetings(draft, world, index).all():
        owner, app = each.holder.owner, each.start.app
        if each.stop is None and app is not None and owner is not None and owner.app not in world.strangers:
            found.setdefault(app, _reason(each, owner.app))
    return found


def _reason(meeting: _Meeting, owner: AppKey) -> str:
    what = meeting.source if meeting.source.startswith("/") else f"volume {meeting.source}"
    return (
        f"{what} is in use on {meeting.start.host} by container {meeting.holder.name} of {owner}, which stays, and two at "
        f"once could damage its data; stop that one, or let both services mount it in one commit to share it"
    )


class _Meetings:
    """Finds, among the starts of a draft, those on data that something else has."""

    def __init__(self, draft: Draft, world: World, index: Index) -> None:
        self._index = index
        self._apps = {each.app.key: each.app for each in world.chosen} | dict(world.heads)
        self._roots = {host.name: host.data_root for host in world.hosts}
        self._starts = [action for action in draft.actions if action.kind in _STARTING]
        self._creates = {
            (action.host, action.target): action for action in draft.actions if action.container is not None
        }
        self._stops = {
            (action.host, action.target): action.id
            for action in reversed(draft.actions)
            if action.kind in {Kind.STOP, Kind.REMOVE}
        }
        self._holders: dict[str, Mapping[str, list[ObservedContainer]]] = {}  # by host and source

    def all(self) -> Iterator[_Meeting]:
        """Yield each start with each container that it must not run beside."""
        for start in self._starts:
            sources = self._sources(start) if start.host in self._index.hosts else frozenset()
            for source in sorted(sources):
                yield from self._at(start, source)

    def _at(self, start: Action, source: str) -> Iterator[_Meeting]:
        if start.host not in self._holders:
            self._holders[start.host] = holders_of(self._index.hosts[start.host], written_by)
        there = self._holders[start.host].get(source, ())
        own = _service_of(start)
        if any(_owner_of(each) == own for each in there):
            return  # they share it already
        for holder in there:
            if holder.id != start.target and not self._is_shared(start, source, holder):
                yield _Meeting(start, source, holder, self._stops.get((start.host, holder.id)))

    def _is_shared(self, start: Action, source: str, holder: ObservedContainer) -> bool:
        keys = (_service_of(start), _owner_of(holder))
        return all(
            key is not None and self._declares(key, start.host, source, parse_mounts(holder.labels))
            for key in keys
        )

    def _declares(self, key: _ServiceKey, host: str, source: str, kept: Mapping[str, str]) -> bool:
        app = self._apps.get(key[0])
        services = [each for each in app.services if each.name == key[1]] if app is not None else []
        return any(
            app is not None and source in written(app, each, self._roots.get(host, ""), kept)
            for each in services
        )

    def _sources(self, start: Action) -> frozenset[str]:
        created = self._creates.get((start.host, start.target))
        if created is not None and created.container is not None:
            intent = created.container
            root = self._roots.get(start.host, "")
            return frozenset(written(intent.app, intent.service, root, intent.kept_mounts))
        containers = self._index.hosts[start.host].host.containers
        found = next((each for each in containers if each.id == start.target), None)
        return frozenset(written_by(found)) if found is not None else frozenset()


def _service_of(start: Action) -> _ServiceKey | None:
    return (
        None if start.app is None or start.service is None else (start.app, prepared_service(start.service))
    )


def _owner_of(container: ObservedContainer) -> _ServiceKey | None:
    owner = container.owner
    return None if owner is None else (owner.app, prepared_service(owner.service))


def written_by(container: ObservedContainer) -> set[str]:
    """Return the volumes and paths in which a container can write data."""
    return {
        mount.source if mount.kind == "volume" else posixpath.normpath(mount.source)
        for mount in container.mounts
        if mount.writable and holds_data(mount.kind, mount.source) and not is_anonymous(mount.source)
    }


def written(app: App, service: Service, root: str = "", kept: Mapping[str, str] = NOTHING_KEPT) -> set[str]:
    """Return the volumes and paths in which a service's containers can write data.

    `root` is the host's data root; `kept` are sources by target that stand in the place of what the file leaves open.
    """
    names = {volume.key: volume.name for volume in app.volumes}
    found: set[str] = set()
    volumes = service.compose.get("volumes")
    for entry in volumes if isinstance(volumes, (list, tuple)) else ():
        if isinstance(entry, Mapping) and not entry.get("read_only"):
            kind, source = str(entry.get("type", "")), str(entry.get("source") or "")
            source = kept.get(normal_target(str(entry.get("target", "")))) or names.get(source, source)
            found |= {source} if source and holds_data(kind, source) else set()
    for files in service.files:
        if files.writable_path is not None and (files.directory or not files.entries):
            path = f"{root}/{app.key.namespace}/{app.key.name}/{files.writable_path}"
            found.add(kept.get(normal_target(files.target), path))
    return {posixpath.normpath(source) if source.startswith("/") else source for source in found}
