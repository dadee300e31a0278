"""Finds where the data of an adopted app is, so that it stays there in this release and all later ones.

What the file leaves open (a relative bind, or a volume without a name of its own) is mounted from the place where the
adopted container has it. This is recorded in a label of every container that is created with it, and in a separate
volume for each slot, which still exists if all containers and our state are lost. A mount that the file names must be
the same; if it is not, nothing is started: only a person knows which of the two places has the data.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.names import is_anonymous, mounts_record_name
from gitops_orch.model.observed import ObservedContainer, ObservedMount
from gitops_orch.model.rules.data_mounts import holds_data, normal_target, parse_mounts
from gitops_orch.model.rules.labels import MOUNTS_LABEL
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.declared_mounts import Declared, MountSource, declared_mounts
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.slot_container import AdoptedContainer
from gitops_orch.planner.placement.assignment import Assignment

if TYPE_CHECKING:
    from gitops_orch.planner.diff.slots import Slot  # which itself asks for sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedMounts:
    """The sources, by target, that a slot's new container keeps.

    `shown` is for the plan; `conflict` is the reason why the container is not created.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    conflict: str = ""

    def explain(self, reason: str) -> str:
        """Return the reason of a create, with the mounts that are kept."""
        return "; ".join((reason, *((f"keeps {', '.join(self.shown)}",) if self.shown else ())))


NO_MOUNTS = RetainedMounts()


@dataclass(frozen=True, slots=True)
class _DataSource:
    """A container or volume on the host that shows where the data of a slot is."""

    name: str
    sources: Mapping[str, str]
    shown: tuple[str, ...] = ()


class MountResolver:
    """Decides for each slot of one app which mounts its new container keeps."""

    def __init__(self, app: App, index: Index) -> None:
        self.app = app
        self.index = index
        self._adopted = {each.found.id: each for each in adopted_containers(app, index)}
        self._ours = [found for found in index.apps.get(app.key, ()) if MOUNTS_LABEL in found.labels]
        self._records = {
            (host, service.name, slot): record
            for host, there in index.hosts.items()
            if there.mount_records
            for service in app.services
            for slot in range(1, service.replicas + 1)
            if (record := _record(app.key, index, host, service.name, slot)) is not None
        }

    def of(self, slot: "Slot") -> RetainedMounts:
        """Return the mounts that a slot's new container keeps on its host."""
        found = self._find(slot.assignment)
        takes_over = any(isinstance(old, AdoptedContainer) for old in slot.outdated)
        return found if takes_over else replace(found, shown=())

    def sources(self, assignment: Assignment) -> Mapping[str, str]:
        """Return the sources, by target, that the containers of a slot keep; empty if that cannot be decided."""
        return self._find(assignment).sources

    def _find(self, slot: Assignment) -> RetainedMounts:
        if not (self._adopted or self._ours or self._records):
            return NO_MOUNTS
        wanted = declared_mounts(self.app, slot.service)
        try:
            own = list(self._data_sources(slot, wanted, own=True))
            return _agreed(own or list(self._data_sources(slot, wanted, own=False)), wanted)
        except _Conflict as conflict:
            return RetainedMounts(conflict=f"{slot.service.name} on {slot.host}: {conflict}")

    def is_recorded(self, slot: "Slot") -> bool:
        """Return whether the record of a slot already exists on its host."""
        return (slot.host, slot.service.name, slot.assignment.slot) in self._records

    def _data_sources(
        self, slot: Assignment, wanted: Mapping[str, Declared], *, own: bool
    ) -> Iterator[_DataSource]:
        name, number = slot.service.name, slot.slot
        for each in self._adopted.values():
            if each.service == name and each.found.host == slot.host and (each.slot == number or not own):
                yield _read(slot.service, each.found, wanted)
        for found in self._ours:
            of_service = found.owner.service == name and found.host == slot.host
            if of_service and (found.owner.slot == number or not own):
                yield _recorded(found.name, parse_mounts(found.labels), wanted)
        for (host, service, recorded), record in self._records.items():
            if service == name and host == slot.host and (recorded == number or not own):
                yield _recorded(f"volume {record[0]}", record[1], wanted)


class _Conflict(Exception):
    """It cannot be decided where the data is; the message names the places."""


def _record(
    key: AppKey, index: Index, host: str, service: str, slot: int
) -> tuple[str, Mapping[str, str]] | None:
    volume = index.hosts[host].volumes.get(mounts_record_name(key.project, service, slot))
    if volume is None or volume.owner != key:
        return None
    sources = parse_mounts(volume.labels)
    return (volume.name, sources) if sources else None


def open_places(app: App, service: Service) -> Mapping[str, str]:
    """Return, by target, the mounts for which a service's file leaves the place on the host open."""
    left_open = {MountSource.RELATIVE, MountSource.IMPLICIT, MountSource.ANONYMOUS}
    mounts = declared_mounts(app, service)
    return {target: each.value for target, each in mounts.items() if each.source in left_open}


def _recorded(name: str, sources: Mapping[str, str], wanted: Mapping[str, Declared]) -> _DataSource:
    """Return a record without the targets that Git names now: a record is only for what the file leaves open."""
    still_open = {
        target: source
        for target, source in sources.items()
        if target in wanted and wanted[target].source is _fitting(source)
    }
    return _DataSource(name, still_open)


def _fitting(source: str) -> MountSource:
    return MountSource.RELATIVE if source.startswith("/") else MountSource.IMPLICIT


def _read(service: Service, container: ObservedContainer, wanted: Mapping[str, Declared]) -> _DataSource:
    """Return where an adopted container has its data."""
    sources: dict[str, str] = {}
    shown: list[str] = []
    for mount in container.mounts:
        target = normal_target(mount.target)
        there = wanted.get(target)
        has_data = mount.writable and holds_data(mount.kind, mount.source)
        if not has_data or (there is None and "volumes_from" in service.compose):
            continue
        if mount.kind == "volume" and is_anonymous(mount.source):
            if there is not None and there.source not in {MountSource.ANONYMOUS, MountSource.GIT}:
                raise _Conflict(_differs(container, mount, there))
            sources[target] = mount.source  # its successor inherits it
        elif there is None or there.source is not MountSource.GIT:
            _check(container, mount, there)
            sources[target] = mount.source
            shown.append(f"{mount.source} at {target}")
    return _DataSource(container.name, sources, tuple(shown))


def _check(container: ObservedContainer, mount: ObservedMount, there: Declared | None) -> None:
    """Raise _Conflict unless the file leaves the place of this mount open, or names the same place."""
    of_volume = mount.kind == "volume"
    left_open = MountSource.IMPLICIT if of_volume else MountSource.RELATIVE
    named = MountSource.NAMED if of_volume else MountSource.PATH
    if there is None or not (
        there.source is left_open or (there.source is named and there.value == mount.source)
    ):
        raise _Conflict(_differs(container, mount, there))


def _differs(container: ObservedContainer, mount: ObservedMount, there: Declared | None) -> str:
    has = f"a volume {mount.source[:12]}" if is_anonymous(mount.source) else mount.source
    wants = f"has {there.value} there" if there is not None else "mounts nothing there"
    way_out = (
        "" if is_anonymous(mount.source) else f"write `{mount.source}:{mount.target}` into its volumes, or "
    )
    return (
        f"{container.name}, which is to be taken over, has {has} at {mount.target}, and Git {wants}: it would start "
        f"without its data; {way_out}move the data and remove {container.name}"
    )


def _agreed(data_sources: Iterable[_DataSource], wanted: Mapping[str, Declared]) -> RetainedMounts:
    sources: dict[str, tuple[str, str]] = {}
    shown: tuple[str, ...] = ()
    for data_source in data_sources:
        shown = shown or data_source.shown
        for target, source in data_source.sources.items():
            known = sources.setdefault(target, (source, data_source.name))
            if known[0] != source:
                raise _Conflict(
                    f"it is unknown where its data at {target} is: {known[1]} has {known[0]}, {data_source.name} has "
                    f"{source}; name it in Git by an absolute path, or remove the one that is wrong"
                )
    kept = {
        target: source
        for target, (source, _) in sources.items()
        if target in wanted and wanted[target].source is _fitting(source) and wanted[target].value != source
    }
    return RetainedMounts(sources=kept, shown=shown)
