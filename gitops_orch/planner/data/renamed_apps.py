"""Finds apps and services that have another name in Git, and holds those that would start without their data.

An app whose directory, `name:` or namespace changes is a different app for us: it gets its own volumes and data
directories, which are empty. The same holds for a service that moves to another app, or is renamed together with its
volume. If the new one would start without its data, it is held, and so is the removal of the old one, until a person
decides. If no data is at stake, the new one starts on the host of the old one, and the old one is removed once the new
one has passed its gate.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitops_orch.model.app import App, AppKey
from gitops_orch.planner.data.data_loss import DataLoss, NewMounts, losses
from gitops_orch.planner.inputs.allowed_removals import is_allowed
from gitops_orch.planner.inputs.former_slots import RemovedSlot, ServiceKey
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import DesiredInputs, Role, World
from gitops_orch.planner.renames.app_match import NewApps
from gitops_orch.planner.renames.removed_slots import Groups, is_absent, new_services, removed_slots
from gitops_orch.planner.renames.service_match import NewService, is_same_service
from gitops_orch.planner.renames.service_moves import Pair, moved_services

LOSSES_SHOWN = 3


@dataclass(slots=True)
class _Renames:
    """The renames that were found, and what is held for them, each with the reason."""

    successors: dict[AppKey, AppKey] = field(default_factory=dict)  # by old app: the new one
    # by new service: the old slots
    slots: dict[ServiceKey, tuple[RemovedSlot, ...]] = field(default_factory=dict)
    held: dict[AppKey, str] = field(default_factory=dict)  # apps that are not started
    kept: dict[AppKey, str] = field(default_factory=dict)  # old apps that are not removed
    # old services, of apps that stay, that are not removed
    kept_services: dict[ServiceKey, str] = field(default_factory=dict)


def with_renames(world: World, index: Index) -> World:
    """Return the world with the renames, and what is held for them."""
    groups = removed_slots(world, index)
    if not groups:
        return world
    found = _Renames()
    _find_apps(found, groups, world, index)
    _find_services(found, groups, world, index)
    return replace(
        world,
        findings=replace(
            world.findings,
            successors=found.successors,
            former_slots=found.slots,
            data_holds=found.held,
            retained_apps={**world.findings.retained_apps, **found.kept},
            retained_services=found.kept_services,
        ),
    )


def keep_former(world: World, held: Collection[AppKey]) -> World:
    """Return the world in which no service is removed before the held app that replaces it can start."""
    if not world.findings.former_slots or not held:
        return world
    kept = {
        slot.key: f"is removed once {key}, where {service} takes its place, can start"
        for (key, service), slots in world.findings.former_slots.items()
        for slot in slots
        if key in held and slot.app != key
    }
    return replace(
        world,
        findings=replace(world.findings, retained_services={**kept, **world.findings.retained_services}),
    )


def _find_apps(found: _Renames, groups: Groups, world: World, index: Index) -> None:
    """Find the apps that left Git and returned under another name; each is used once."""
    chosen = {each.app.key for each in world.releases.targets}
    removed: dict[AppKey, dict[str, Sequence[RemovedSlot]]] = defaultdict(dict)
    for (key, service), slots in groups.items():
        if key not in chosen:
            removed[key][service] = slots
    if not removed:
        return
    new = NewApps(
        each
        for each in world.releases.targets
        if each.app.key not in world.desired.invalid_apps
        and (each.app.key in world.releases.never_stable or is_absent(each.app.key, index))
    )
    for old, there in removed.items():
        chosen_one = new.match(old, there)
        if chosen_one is None:
            continue
        app = chosen_one.app
        found.successors[old] = app.key
        pairs = list(_pairs(app, there))
        found.slots |= {(app.key, service): tuple(slots) for service, slots in pairs}
        lost = [loss for service, slots in pairs for loss in _at_stake(app, service, slots, index)]
        lost += [loss for service, slots in pairs for loss in _taken_name(app, service, slots)]
        if lost and is_absent(app.key, index) and not is_allowed(world.operator, old):
            found.held[app.key] = _app_held(app, old, lost, world.desired)
            found.kept[old] = _keeps_running(app, "this app")


def _pairs(
    app: App, there: Mapping[str, Sequence[RemovedSlot]]
) -> Iterator[tuple[str, Sequence[RemovedSlot]]]:
    """Yield each service of an app with its slots in the old app: of the service of its name, else of one like it."""
    names = {service.name for service in app.services}
    others = {name: slots for name, slots in there.items() if name not in names}
    for service in app.services:
        if service.name in there:
            yield service.name, there[service.name]
            continue
        new = NewService.of(app, service)
        same = next((name for name, slots in others.items() if is_same_service(new, slots)), None)
        if same is not None:
            yield service.name, others.pop(same)


def _find_services(found: _Renames, groups: Groups, world: World, index: Index) -> None:
    """Find renamed services, and those that moved to another app, among those that no renamed app explains."""
    taken = {slot.key for slots in found.slots.values() for slot in slots}
    old = {key: slots for key, slots in groups.items() if key not in taken}
    new = [
        NewService.of(app, app.service(service))
        for app, service in (new_services(world, index) if old else ())
        if (app.key, service) not in found.slots
    ]
    roles = {each.app.key: each.role for each in world.releases.targets}
    lost: dict[AppKey, list[tuple[Pair, list[DataLoss]]]] = defaultdict(list)
    for pair in moved_services(new, old, roles, lambda key: is_absent(key, index)):
        app, former = pair.new.app, pair.old[0]
        service = pair.new.service.name
        found.slots[app.key, service] = tuple(
            replace(each, is_same_service=pair.is_same_service) for each in pair.old
        )
        if former.app not in roles:
            found.successors.setdefault(former.app, app.key)
        at_stake = list(_at_stake(app, service, pair.old, index)) if pair.is_same_service else []
        if roles[app.key] is not Role.HEAD:  # a rollback needs the older volume
            at_stake = [loss for loss in at_stake if not loss.is_older]
        if at_stake and not is_allowed(world.operator, former.app):
            lost[app.key].append((pair, at_stake))
    for key, rows in lost.items():
        app = rows[0][0].new.app
        found.held.setdefault(
            key,
            "; ".join(_service_held(app, pair, each, world.desired) for pair, each in rows[:LOSSES_SHOWN]),
        )
        for pair, _ in rows:
            former = pair.old[0]
            if former.app not in roles:
                found.kept.setdefault(former.app, _keeps_running(app, f"its service {former.service}"))
            elif former.app != key:
                found.kept_services[former.key] = _keeps_running(app, "this service")


def _at_stake(app: App, service: str, slots: Iterable[RemovedSlot], index: Index) -> Iterator[DataLoss]:
    """Yield the data that a new service would start without."""
    for slot in slots:
        if slot.container is None or slot.host not in index.hosts:
            continue
        new_mounts = NewMounts.of(app, service, slot.key)
        yield from losses(new_mounts, slot.data or {}, index.hosts[slot.host].volumes)


def _taken_name(app: App, service: str, slots: Iterable[RemovedSlot]) -> Iterator[DataLoss]:
    """Yield a container name that both the old and the new container must have."""
    name = app.service(service).container_name
    if name and any(slot.container is not None and slot.container.name == name for slot in slots):
        yield DataLoss(service, "its container_name", name, "the same, which is taken")


def _keeps_running(app: App, what: str) -> str:
    return (
        f"keeps running: {app.key} ({app.path}) looks like {what} under another name, and would start without its data; "
        f"`gitops-orch status {app.key}` shows the lines that keep the data or start without it"
    )


def _app_held(app: App, old: AppKey, lost: Sequence[DataLoss], desired: DesiredInputs) -> str:
    shown = "; ".join(map(str, dict.fromkeys(lost[:LOSSES_SHOWN])))
    namespace = "" if old.namespace == app.key.namespace else f" and x-gitops: {{namespace: {old.namespace}}}"
    return (
        f"looks like {old} under another name, and would start without its data ({shown}). To keep the data, write "
        f"`name: {old.name}`{namespace} in {app.path}; to start without it, commit with the trailer "
        f"`Allow-Prune: {old}` or run `gitops-orch accept {desired.commit[:12]}`. {old} keeps running until then"
    )


def _service_held(app: App, pair: Pair, lost: Sequence[DataLoss], desired: DesiredInputs) -> str:
    former = pair.old[0]
    where = former.service if former.app == app.key else f"{former.service} of {former.app}"
    shown = "; ".join(map(str, dict.fromkeys(lost[:LOSSES_SHOWN])))
    keep = "; ".join(dict.fromkeys(loss.way_out(app) for loss in lost[:LOSSES_SHOWN]))
    return (
        f"{pair.new.service.name} looks like {where} under another name, and would start on {former.host} without its data "
        f"({shown}). To keep the data, {keep}; to start without it, run "
        f"`gitops-orch accept {desired.commit[:12]}`. {where} keeps running until then"
    )
