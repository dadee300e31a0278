"""Finds the hosts with the data of a service, also if it had another name, or if only its image declares volumes."""

from collections.abc import Collection, Iterator, Sequence

from gitops_orch.model.app import App
from gitops_orch.model.container import is_retained
from gitops_orch.model.names import is_anonymous
from gitops_orch.planner.inputs.allowed_removals import is_allowed
from gitops_orch.planner.inputs.former_slots import RemovedSlot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import OperatorInputs, World


def previous_data_hosts(
    app: App, world: World, index: Index, allowed: Collection[str]
) -> Iterator[tuple[str, int, str]]:
    """Yield the service, slot and host that an app's services had under other names.

    If a slot has no data, or a person released it, this host is only a preference and must be usable.
    """
    for service in app.services:
        for slot in world.findings.former_slots.get((app.key, service.name), ()):
            if _binds(app, slot, world) or (slot.host in index.hosts and slot.host in allowed):
                yield service.name, slot.slot, slot.host


def unknown_data_host(app: App, world: World, silent: Sequence[str]) -> str:
    """Return why an app waits for hosts that do not answer and have the data of its services under other names.

    A service that spreads waits on each of these hosts separately.
    """
    for service in (each for each in app.services if silent and not app.spreads(each)):
        for slot in world.findings.former_slots.get((app.key, service.name), ()):
            if slot.host in silent and _binds(app, slot, world):
                former = slot.service if slot.app == app.key else f"{slot.service} of {slot.app}"
                return (
                    f"{service.name} looks like {former} under another name, which was last seen on {slot.host}, and {slot.host} "
                    f"does not answer: elsewhere it would start without its data. It waits for {slot.host}; to start it "
                    f"without the data, run `gitops-orch accept {world.desired.commit[:12]}`"
                )
    return ""


def services_holding(app: App, world: World, index: Index) -> frozenset[str]:
    """Return the services that may have data on their hosts: declared in their file, or in an anonymous volume."""
    found = {service.name for service in app.services if service.writable or service.stateful}
    jobs = {service.name for service in app.services if service.job}
    for each in (*index.apps.get(app.key, ()), *index.runs.get(app.key, ())):
        owner = each.owner
        nameless = any(mount.writable and is_anonymous(mount.source) for mount in each.mounts)
        if nameless and owner.service not in jobs and not is_retained(each):
            found.add(owner.service)
    for service in app.services:
        former = world.findings.former_slots.get((app.key, service.name), ())
        if any(slot.inherited and not _is_released(app, slot, world.operator) for slot in former):
            found.add(service.name)
    return frozenset(found)


def _binds(app: App, slot: RemovedSlot, world: World) -> bool:
    """Return whether a slot has data that must be found: declared by its file, or perhaps by its image.

    In the latter case, nothing waits for a host that left Git.
    """
    if slot.data is None and all(host.name != slot.host for host in world.desired.hosts):
        return False
    return slot.data != {} and not _is_released(app, slot, world.operator)


def _is_released(app: App, slot: RemovedSlot, operator: OperatorInputs) -> bool:
    return operator.accepted if slot.app == app.key else is_allowed(operator, slot.app)
