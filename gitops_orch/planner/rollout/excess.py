"""Removes the containers that no slot needs: of services that left Git, and excess replicas."""

from collections.abc import Iterable, Mapping, Sequence

from gitops_orch.model.app import App, Prune
from gitops_orch.model.rules.addresses import fixed_addresses, held_addresses
from gitops_orch.model.rules.ports import fixed_ports, port_text, ports_of, same_port
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.allowed_removals import is_allowed
from gitops_orch.planner.inputs.data_locations import written_by
from gitops_orch.planner.inputs.declared_mounts import declared_mounts
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import Findings, Role, TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_order import service_of
from gitops_orch.planner.removal.removal_steps import remove_container, retire_after_gate
from gitops_orch.planner.rollout.container_intent import inherited_from


def removable_surplus(
    chosen: TargetRelease, slots: AppSlots, world: World, draft: PlanBuilder
) -> tuple[SlotContainer, ...]:
    """Return the containers to remove. A container that `prune` keeps is noted and left out."""
    app = chosen.app
    kept = why_kept(app, world) if chosen.role is Role.HEAD else ""
    removing: list[SlotContainer] = []
    for found in slots.surplus:
        why = kept or world.findings.retained_services.get((app.key, service_of(found)), "")
        if why and _has_left(app, found):
            draft.hold(f"{found.name} on {found.host}", why, app.key)
        else:
            removing.append(found)
    return tuple(removing)


def predecessors(
    app: App, slot: Slot, surplus: Iterable[SlotContainer], findings: Findings
) -> dict[str, tuple[SlotContainer, str]]:
    """Return, by id, the containers that must stop before a slot starts, each with what it releases.

    That is data, a port or an address.

    A service that got another name in Git writes the same data, or has the same port on its host or address in a
    network.
    """
    former = inherited_from(app, slot, findings)
    found = {
        each.id: (each, "data" if each is former else _passed_on(app, slot, each))
        for each in surplus
        if each.host == slot.host
    }
    return {identity: row for identity, row in found.items() if row[1]}


def _passed_on(app: App, slot: Slot, found: SlotContainer) -> str:
    if slot.service.writable and _shares_data(app, slot, found):
        return "data"
    wanted, held = fixed_ports(slot.service), ports_of(found)
    port = next((each for each in wanted if any(same_port(each, other) for other in held)), None)
    if port is not None:
        return f"host port {port_text(port)}"
    addresses = {*held_addresses(found), *found.fixed_addresses}
    shared = next((each for each in fixed_addresses(app, slot.service) if each in addresses), None)
    return f"address {shared[1]}" if shared is not None else ""


def remove_surplus(
    app: App,
    removing: Iterable[SlotContainer],
    draft: PlanBuilder,
    *,
    stopped: Mapping[str, str],
    pulls: Sequence[str],
    gates: Sequence[str],
) -> None:
    """Add the removals after all `gates`, so that the containers can be started again until then.

    A container that holds a port that a start of this plan needs stops before that start, after the `pulls`. `stopped`
    are the stops that are already planned, by container id.
    """
    for found in removing:
        reason = "its service left Git" if _has_left(app, found) else "fewer replicas are wanted"
        stop = stopped.get(found.id)
        if stop is not None:
            remove_container(draft, found, reason, (stop, *gates))
        else:
            retire_after_gate(draft, found, reason, pulls, gates)


def _has_left(app: App, found: SlotContainer) -> bool:
    return all(service.name != service_of(found) for service in app.services)


def why_kept(app: App, world: World) -> str:
    """Return why the containers of a service that left Git stay; "" if they are removed."""
    if app.prune is Prune.NEVER:
        return "its service left Git, and x-gitops.prune: never keeps what runs"
    if app.prune is Prune.CONFIRM and not is_allowed(world.operator, app.key):
        return f"its service left Git, and waits for a commit with the trailer `Allow-Prune: {app.key}`"
    return ""


def _shares_data(app: App, slot: Slot, found: SlotContainer) -> bool:
    """Return whether both mount the same volume, or write to the same path."""
    if not _has_left(app, found):
        return False
    names = {volume.name for volume in app.volumes if volume.key in slot.service.volumes}
    if not names.isdisjoint(found.volumes):
        return True
    wanted = [each for each in declared_mounts(app, slot.service).values() if each.data]
    return any(each.is_at(app.key, place) for each in wanted for place in written_by(found))
