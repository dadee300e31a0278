"""Which slots are in Git no more, and which services are new?  A service that was renamed is one of each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.model.mounts import holds_data, normal_target
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.planner.adoption import adopted_containers
from gitops_orch.planner.aside import is_aside
from gitops_orch.planner.declared import Source, data_path, declared_mounts
from gitops_orch.planner.former_slots import FormerSlot, ServiceKey
from gitops_orch.planner.images import repository_of
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.world import World

Groups = Mapping[ServiceKey, Sequence[FormerSlot]]


def leaving_slots(world: World, index: Index) -> Groups:
    """Return the slots that are in Git no more, by app and service; what `prune` says to keep is not among them."""
    chosen = {each.app.key: each.app for each in world.chosen}
    found: dict[ServiceKey, list[FormerSlot]] = defaultdict(list)
    for key in sorted(index.apps.keys() | index.runs.keys() | index.away.keys()):
        app = chosen.get(key)
        if _stays(key, app, world):
            continue
        services = {service.name for service in app.services} if app is not None else set()
        for each in _slots(key, world, index):
            if each.service not in services:
                found[each.key].append(each)
    return found


def new_services(world: World, index: Index) -> Iterator[tuple[App, str]]:
    """Yield each app and service that has no container anywhere, and takes none over; a job has no data of its own."""
    for app in (each.app for each in world.chosen if each.app.key not in world.broken):
        there = _services_seen(app.key, index)
        there |= {each.service for each in adopted_containers(app, index)}
        yield from (
            (app, service.name) for service in app.services if not service.job and service.name not in there
        )


def is_nowhere(key: AppKey, index: Index) -> bool:
    """Tell whether an app has no container anywhere."""
    return not _services_seen(key, index)


def _stays(key: AppKey, app: App | None, world: World) -> bool:
    if app is not None and key not in world.broken:
        return app.prune is Prune.NEVER
    stranger = key in world.strangers or key in world.broken
    return stranger or key in world.kept or world.prune_of(key) is Prune.NEVER


def _services_seen(key: AppKey, index: Index) -> set[str]:
    there = {
        found.container.owner.service
        for found in (*index.apps.get(key, ()), *index.runs.get(key, ()))
        if found.container.owner is not None
    }
    return there | {placed.service for _, placed in index.away.get(key, ())}


def _slots(key: AppKey, world: World, index: Index) -> Iterator[FormerSlot]:
    for found in (*index.apps.get(key, ()), *_last_runs(key, index)):
        owner = found.container.owner
        if owner is not None and not is_aside(found.container):
            yield FormerSlot(
                app=key,
                service=owner.service,
                slot=owner.slot,
                host=found.host,
                container=found.container,
                repository=repository_of(found.container.image),
                data=data_of(found.container),
            )
    former = world.former.get(key)
    for host, placed in index.away.get(key, ()):
        if host not in world.let_go:
            yield _away(key, host, placed.service, placed.slot, former)


def _last_runs(key: AppKey, index: Index) -> Iterator[Located]:
    """Yield the last run of each scheduled service on each host: it has the data of all before it."""
    last: dict[tuple[str, str], tuple[int, Located]] = {}
    for found in index.runs.get(key, ()):
        owner = found.container.owner
        if owner is not None:
            where = (found.host, owner.service)
            last[where] = max(last.get(where, (0, found)), (owner.slot, found), key=lambda row: row[0])
    yield from (found for _, found in last.values())


def _away(key: AppKey, host: str, service: str, slot: int, former: App | None) -> FormerSlot:
    known = next((each for each in former.services if each.name == service), None) if former else None
    return FormerSlot(
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
    """Return the same of what a file declares; None where it declares none, for its image may."""
    found = {
        target: data_path(app.key, each.value) if each.source is Source.RELATIVE else each.value
        for target, each in declared_mounts(app, app.service(service)).items()
        if each.data
    }
    return found or None
