"""Finds the slots that are no longer in Git, and the services that are new. A renamed service is in both sets."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import ObservedContainer, OwnedContainer
from gitops_orch.model.rules.data_mounts import holds_data, normal_target
from gitops_orch.model.rules.image_names import repository_of
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.declared_mounts import MountSource, data_path, declared_mounts
from gitops_orch.planner.inputs.former_slots import RemovedSlot, ServiceKey
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World

Groups = Mapping[ServiceKey, Sequence[RemovedSlot]]


def removed_slots(world: World, index: Index) -> Groups:
    """Return the slots that are no longer in Git, by app and service, without those that `prune` keeps."""
    chosen = {each.app.key: each.app for each in world.releases.targets}
    found: dict[ServiceKey, list[RemovedSlot]] = defaultdict(list)
    for key in sorted(index.apps.keys() | index.runs.keys() | index.unreachable_slots.keys()):
        app = chosen.get(key)
        if _remains(key, app, world):
            continue
        services = {service.name for service in app.services} if app is not None else set()
        for each in _slots(key, world, index):
            if each.service not in services:
                found[each.key].append(each)
    return found


def new_services(world: World, index: Index) -> Iterator[tuple[App, str]]:
    """Yield each app and service without any container, own or adopted; no jobs: they have no data of their own."""
    for app in (
        each.app for each in world.releases.targets if each.app.key not in world.desired.invalid_apps
    ):
        there = _services_seen(app.key, index)
        there |= {each.service for each in adopted_containers(app, index)}
        yield from (
            (app, service.name) for service in app.services if not service.job and service.name not in there
        )


def is_absent(key: AppKey, index: Index) -> bool:
    """Return whether an app has no container anywhere."""
    return not _services_seen(key, index)


def _remains(key: AppKey, app: App | None, world: World) -> bool:
    if app is not None and key not in world.desired.invalid_apps:
        return app.prune is Prune.NEVER
    is_foreign = key in world.desired.former.foreign_apps or key in world.desired.invalid_apps
    return (
        is_foreign or key in world.findings.retained_apps or world.desired.former.prune_of(key) is Prune.NEVER
    )


def _services_seen(key: AppKey, index: Index) -> set[str]:
    there = {found.owner.service for found in (*index.apps.get(key, ()), *index.runs.get(key, ()))}
    return there | {placed.service for _, placed in index.unreachable_slots.get(key, ())}


def _slots(key: AppKey, world: World, index: Index) -> Iterator[RemovedSlot]:
    for found in (*index.apps.get(key, ()), *_last_runs(key, index)):
        owner = found.owner
        if not is_retained(found):
            yield RemovedSlot(
                app=key,
                service=owner.service,
                slot=owner.slot,
                host=found.host,
                container=found,
                repository=repository_of(found.image),
                data=data_of(found),
            )
    former = world.desired.former.apps.get(key)
    for host, placed in index.unreachable_slots.get(key, ()):
        if host not in world.observed.released_hosts:
            yield _on_silent_host(key, host, placed.service, placed.slot, former)


def _last_runs(key: AppKey, index: Index) -> Iterator[OwnedContainer]:
    """Yield the last run of each scheduled service on each host: it has the data of all runs before it."""
    last: dict[tuple[str, str], tuple[int, OwnedContainer]] = {}
    for found in index.runs.get(key, ()):
        where = (found.host, found.owner.service)
        last[where] = max(last.get(where, (0, found)), (found.owner.slot, found), key=lambda row: row[0])
    yield from (found for _, found in last.values())


def _on_silent_host(key: AppKey, host: str, service: str, slot: int, former: App | None) -> RemovedSlot:
    known = next((each for each in former.services if each.name == service), None) if former else None
    return RemovedSlot(
        app=key,
        service=service,
        slot=slot,
        host=host,
        repository="" if known is None else repository_of(known.image),
        data=None if known is None or former is None else _declared_data(former, known.name),
    )


def data_of(container: ObservedContainer) -> Mapping[str, str]:
    """Return the volumes and paths in which a container can write data, by target."""
    return {
        normal_target(mount.target): mount.source
        for mount in container.mounts
        if mount.writable and holds_data(mount.kind, mount.source)
    }


def _declared_data(app: App, service: str) -> Mapping[str, str] | None:
    """Return the same for what a file declares; None if it declares no data, because its image may."""
    found = {
        target: data_path(app.key, each.value) if each.source is MountSource.RELATIVE else each.value
        for target, each in declared_mounts(app, app.service(service)).items()
        if each.data
    }
    return found or None
