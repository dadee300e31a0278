"""Decides whether a container would start on an empty volume or directory although its predecessor has data.

If the file names a volume or directory in full, the user wants that one. A volume or directory that is named after its
key, its path or its app is different: a user who renames these rarely wants to leave the data behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import ObservedVolume, OwnedContainer
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.declared_mounts import Declared, MountSource, declared_mounts
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.placement.assignment import Assignment
from gitops_orch.planner.renames.removed_slots import data_of
from gitops_orch.planner.rollout.scheduled_runs import service_runs

_SHOWN_CHARS = 12  # of the name of an anonymous volume


@dataclass(frozen=True, slots=True)
class DataLoss:
    """The data that a service has at a target now, and what it would have there instead."""

    service: str
    target: str
    before: str  # a path of a host, or the name of a volume
    after: str
    is_volume: bool = True  # what it would have is a volume
    is_older: bool = False  # that volume exists, and is ours

    def __str__(self) -> str:
        is_path = self.before.startswith("/") or not self.target.startswith("/")
        has = self.before if is_path else f"volume {self.before}"
        if is_anonymous(self.before):
            has = f"the anonymous volume {self.before[:_SHOWN_CHARS]}"
        return f"{self.service} has {has} at {self.target}, and would get {self.after}"

    def way_out(self, app: App) -> str:
        """Return what to write in the app's file to keep the data."""
        if self.before.startswith("/"):
            return f"write `{self.before}:{self.target}` in {app.path}, or move the directory there and accept the commit"
        if self.is_volume:
            return f"write `name: {self.before}` below that volume in {app.path}"
        return (
            f"mount a volume with `name: {self.before}` at {self.target} in {app.path}, or copy the data there and accept "
            "the commit"
        )


@dataclass(frozen=True, slots=True)
class NewMounts:
    """A service that will start, what it mounts, and whether it had another name or app."""

    app: App
    service: str
    mounts: Mapping[str, Declared]
    renamed: bool = False  # so a volume of ours that has its name is an older one
    moved: bool = False  # it belonged to another app, so that nothing is inherited

    @classmethod
    def of(cls, app: App, service: str, former: tuple[AppKey, str] | None = None) -> "NewMounts":
        """Return a service of an app that was `former` before."""
        key = (app.key, service) if former is None else former
        mounts = declared_mounts(app, app.service(service))
        return cls(app, service, mounts, renamed=key != (app.key, service), moved=key[0] != app.key)


def losses(
    new_mounts: NewMounts, data: Mapping[str, str], volumes: Mapping[str, ObservedVolume]
) -> Iterator[DataLoss]:
    """Yield the data that a service would start without. `data` is by target, and `volumes` are those of its host."""
    for target, source in data.items():
        mount = new_mounts.mounts.get(target)
        if mount is None and new_mounts.moved and is_anonymous(source):
            yield DataLoss(new_mounts.service, target, source, "a new, empty volume", is_volume=False)
        if mount is None or not mount.data or mount.is_at(new_mounts.app.key, source):
            continue
        if mount.source is MountSource.IMPLICIT:
            there = volumes.get(mount.value)
            if there is None:
                yield DataLoss(new_mounts.service, target, source, f"the new, empty volume {mount.value}")
            elif new_mounts.renamed and there.owner == new_mounts.app.key:
                yield DataLoss(
                    new_mounts.service, target, source, f"the older volume {mount.value}", is_older=True
                )
        elif mount.source is MountSource.RELATIVE:
            directory = f"the directory {mount.value} of {new_mounts.app.key}"
            yield DataLoss(new_mounts.service, target, source, directory, is_volume=False)
        elif mount.source is MountSource.ANONYMOUS and (new_mounts.moved or not is_anonymous(source)):
            yield DataLoss(new_mounts.service, target, source, "a new, empty volume", is_volume=False)


def lost_data(app: App, slots: AppSlots, world: World, index: Index) -> str:
    """Return why an app is not changed: a key or path in its file changed, and would leave its data behind; else ""."""
    if world.operator.accepted:
        return ""
    keeper = MountResolver(app, index)
    return next(
        (
            _held(app, loss, where.host, world)
            for where, before in _replaced(app, slots, index)
            for loss in _left(app, where, before, index, keeper)
        ),
        "",
    )


def _replaced(app: App, slots: AppSlots, index: Index) -> Iterator[tuple[Assignment, list[OwnedContainer]]]:
    """Yield each slot with a new container, and what it replaces on its host; for a scheduled service, its last run."""
    for slot in slots.slots:
        if slot.is_new and not slot.service.job and slot.outdated:
            before = [old for old in slot.outdated if old.host == slot.host]
            # the resolver of kept mounts handles adopted containers
            yield (
                slot.assignment,
                [each for each in before if isinstance(each, OwnedContainer) and not is_retained(each)],
            )
    for where in slots.scheduled:
        runs = service_runs(app, where.service, index).all
        yield where, [each for each in runs if each.host == where.host][:1]


def _left(
    app: App, where: Assignment, before: list[OwnedContainer], index: Index, keeper: MountResolver
) -> Iterator[DataLoss]:
    """Yield the data of the replaced containers that a slot would leave behind on its host."""
    if not before:
        return
    new_mounts, volumes = NewMounts.of(app, where.service.name), index.hosts[where.host].volumes
    lost = [loss for each in before for loss in losses(new_mounts, data_of(each), volumes)]
    kept = keeper.sources(where) if lost else {}
    yield from (loss for loss in lost if loss.target not in kept)


def _held(app: App, loss: DataLoss, host: str, world: World) -> str:
    return (
        f"{loss} on {host}, without the data. To keep the data, {loss.way_out(app)}; to start without it, run "
        f"`gitops-orch accept {world.desired.commit[:12]}`"
    )
