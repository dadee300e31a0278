"""Finds containers with a volume that their Engine no longer lists: a successor would start on an empty volume.

`docker system prune --volumes` can remove a volume under a running container after a restart of its daemon (moby#40693,
moby#38883). The data exists only as long as that container runs, and a new volume of the same name is empty. A volume
whose plugin does not answer is not listed either: unknown is never empty.
"""

from collections.abc import Iterator

from gitops_orch.model.app import App
from gitops_orch.model.container import is_retained
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import LIVE_STATES, ObservedContainer, ObservedMount, State
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World

_SHOWN_CHARS = 12  # of the name of an anonymous volume


def lost_volume(app: App, world: World, index: Index) -> str:
    """Return why an app is not changed: a container has data in a volume that no longer exists; "" if none has.

    A person who accepts the commit lets the app start on an empty volume.
    """
    if world.operator.accepted:
        return ""
    adopted = (each.found for each in adopted_containers(app, index))
    for found in (*index.apps.get(app.key, ()), *adopted):
        for mount in _lost(app, found, index):
            return _reason(found, mount, world)
    return ""


def _lost(app: App, found: ObservedContainer, index: Index) -> Iterator[ObservedMount]:
    container, declared = found, {volume.name for volume in app.volumes}
    if is_retained(container) or container.state not in {*LIVE_STATES, State.EXITED}:
        return
    there = index.hosts[found.host].volumes
    for mount in container.mounts:
        has_data = mount.writable or mount.source in declared
        if mount.kind == "volume" and has_data and mount.source not in there:
            yield mount


def _reason(found: ObservedContainer, mount: ObservedMount, world: World) -> str:
    name, container = mount.source, found.name
    volume = f"anonymous volume {name[:_SHOWN_CHARS]}" if is_anonymous(name) else f"volume {name}"
    where = "only in that container" if found.state in LIVE_STATES else "lost"
    return (
        f"{volume}, which container {container} mounts at {mount.target}, is not listed by the Engine of {found.host} any "
        f"more: its data is {where}. To keep the data, copy it out first (`docker cp {container}:{mount.target} ./saved`), "
        f"then create the volume (`docker volume create {name}`) and copy the data into it; to start on an empty volume, "
        f"run `gitops-orch accept {world.desired.commit[:12]}`"
    )
