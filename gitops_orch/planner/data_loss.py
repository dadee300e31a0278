"""Would a container start on an empty volume or directory where the one before it has its data?

A volume or directory that the file names in full is a wish.  One that is named after its key, its path or its app is
not: whoever renames those seldom means to leave the data behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, Service
from gitops_orch.model.mounts import holds_data, normal_target
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import ObservedMount
from gitops_orch.planner.aside import is_aside
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.kept_mounts import MountKeeper
from gitops_orch.planner.slots import AppSlots, Slot
from gitops_orch.planner.world import World


@dataclass(frozen=True, slots=True)
class Loss:
    """What a service has at a place now, and what it would have there instead."""

    service: str
    target: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.service} has {self.before} at {self.target}, and would get {self.after}"


def losses(
    app: App, service: Service, found: Located, index: Index, *, moved: bool = False
) -> Iterator[Loss]:
    """Yield the data of a container that a service would start without on its host; `moved`: it was another app's."""
    there = index.hosts[found.host].volumes
    for mount in found.container.mounts:
        if not (mount.writable and holds_data(mount.kind, mount.source)) or is_anonymous(mount.source):
            continue
        target = normal_target(mount.target)
        volume = _own_volume(app, service, target)
        if mount.kind == "volume" and volume is not None and volume != mount.source and volume not in there:
            yield Loss(service.name, target, f"volume {mount.source}", f"the new, empty volume {volume}")
        path = _own_directory(service, target)
        if mount.kind == "bind" and path is not None and _is_left(app, mount, path, moved=moved):
            yield Loss(service.name, target, mount.source, f"the directory ./{path} of {app.key}")


def lost_data(app: App, slots: AppSlots, world: World, index: Index) -> str:
    """Return why an app is not touched: a key or path in its file changed, and its data would stay behind."""
    if world.accepted:
        return ""
    keeper = MountKeeper(app, index)
    made = (slot for slot in slots.slots if slot.made and not slot.service.job)
    return next(
        (_held(app, loss, slot.host, world) for slot in made for loss in _left(app, slot, index, keeper)), ""
    )


def _left(app: App, slot: Slot, index: Index, keeper: MountKeeper) -> Iterator[Loss]:
    """Yield what a slot would leave behind of the containers that it replaces on its host."""
    before = [old for old in slot.olds if old.host == slot.host and not is_aside(old.container)]
    lost = [loss for found in before for loss in losses(app, slot.service, found, index)]
    kept = keeper.of(slot).sources if lost else {}
    yield from (loss for loss in lost if loss.target not in kept)


def _held(app: App, loss: Loss, host: str, world: World) -> str:
    source = loss.before.removeprefix("volume ")
    keep = (
        f"write `name: {source}` below that volume in {app.path}"
        if source != loss.before
        else f"write `{source}:{loss.target}` in {app.path}, or move the directory there and accept the commit"
    )
    return (
        f"{loss} on {host}, without the data. To keep the data, {keep}; to start without it, run "
        f"`gitops-orch accept {world.commit[:12]}`"
    )


def _own_volume(app: App, service: Service, target: str) -> str | None:
    """Return the volume at a target that is named after its key; None where there is none."""
    volumes = {each.key: each for each in app.volumes if not each.external}
    for entry in _entries(service):
        volume = volumes.get(str(entry.get("source") or ""))
        at_target = normal_target(str(entry.get("target", ""))) == target
        if entry.get("type") == "volume" and at_target and volume is not None:
            return volume.name if volume.name == f"{app.key.project}_{volume.key}" else None
    return None


def _own_directory(service: Service, target: str) -> str | None:
    for files in service.files:
        from_git = files.entries and not files.directory  # a single file, which is written again
        if files.writable_path is not None and not from_git and normal_target(files.target) == target:
            return files.writable_path.removeprefix("./")
    return None


def _is_left(app: App, mount: ObservedMount, path: str, *, moved: bool) -> bool:
    """Tell whether a directory of ours would be left; what was taken over from elsewhere is kept, or reported there."""
    if moved:
        return not mount.source.endswith(f"/{app.key.namespace}/{app.key.name}/{path}")
    ours = f"/{app.key.namespace}/{app.key.name}/"
    return ours in mount.source and not mount.source.endswith(f"{ours}{path}")


def _entries(service: Service) -> Iterator[Mapping[str, object]]:
    volumes = service.compose.get("volumes")
    for entry in volumes if isinstance(volumes, (list, tuple)) else ():
        if isinstance(entry, Mapping):
            yield entry
