"""Decides how a service's containers are replaced: in which order, how many at once, and how many may fail.

The functions are pure. `parallelism` is the number of slots that are replaced together. `max_surge` replaces it for
slots that start first, and `max_unavailable` for slots that stop first. Neither is ever exceeded, with one exception: a
slot that must stop first is replaced even if `max_unavailable` is 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.model.app import FailureAction, Order, RolloutPolicy, Service, UpdatePolicy
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.plan.action import FailureBudget
from gitops_orch.model.rules.ports import fixed_ports, ports_of, same_port
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World

HOST_NETWORK = "host"
Lane = tuple[Order, int]  # slots that start first and slots that stop first have separate lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Slots in the order in which they are replaced.

    The old containers of a canary stay beside the new ones until the whole canary has passed its gates and was
    promoted. The other slots are divided into parallel lanes: in each, a slot is replaced once the one before it has
    passed its gate, as with the workers of Swarm's updater.
    """

    canary: tuple[Slot, ...] = ()
    turns: tuple[tuple[Slot, Lane], ...] = ()


def update_policy(chosen: TargetRelease, service: Service) -> UpdatePolicy:
    """Return the policy for replacing a service; a rollback has its own (deploy.rollback_config)."""
    return service.rollback if chosen.role is Role.ROLLBACK else service.update


def choose_order(slot: Slot, update: UpdatePolicy, rollout: RolloutPolicy) -> tuple[Order, str]:
    """Return whether to start or stop first, and the reason as a clause that follows "because".

    Start-first if two containers can exist together on the host. The declared order is used if it is possible.
    """
    here = [old for old in slot.outdated if old.host == slot.host]
    service = slot.service
    if not here:
        return Order.START_FIRST, "nothing on this host is in its way"
    obstacle = _collision(service, here)
    if obstacle:
        return Order.STOP_FIRST, obstacle
    if update.order is not None:
        return update.order, f"its file has `order: {update.order.value}`"
    if rollout.surge_max == 0:
        return Order.STOP_FIRST, "`max_surge` is 0"
    if service.writable or _anonymous_volumes(slot, here):
        return Order.STOP_FIRST, "two containers at once could damage the data that they write"
    return Order.START_FIRST, "nothing that it uses is exclusive"


def _collision(service: Service, outdated: Sequence[SlotContainer]) -> str:
    if service.container_name:
        return f"`container_name: {service.container_name}` can exist only once"
    held = [port for old in outdated for port in ports_of(old)]
    for wanted in fixed_ports(service):
        if any(same_port(wanted, port) for port in held):
            return f"port {wanted[1]}/{wanted[2]} of the host can be published only once"
    in_host = any(HOST_NETWORK in old.networks for old in outdated)
    if service.compose.get("network_mode") == HOST_NETWORK or (in_host and fixed_ports(service)):
        return "both would use the ports of the host's network"
    return "a fixed address can be used only once" if _fixed_address(service) else ""


def _fixed_address(service: Service) -> bool:
    networks = service.compose.get("networks")
    if not isinstance(networks, dict):
        return False
    keys = ("ipv4_address", "ipv6_address", "mac_address")
    return any(isinstance(each, dict) and any(each.get(key) for key in keys) for each in networks.values())


def _anonymous_volumes(slot: Slot, outdated: Iterable[SlotContainer]) -> bool:
    """Return whether an old container has anonymous volumes, whose names are 64 hex digits.

    The successor inherits them, as in Compose.
    """
    return any(is_anonymous(name) for old in outdated for name in old.volumes) and not slot.service.job


def arrange(chosen: TargetRelease, slots: Sequence[Slot], world: World) -> Arrangement:
    """Arrange the slots of a service that are replaced, by their numbers, the canary first.

    A release that was stable before needs no canary: so a revert replaces a canary at once.
    """
    if not slots:
        return Arrangement()
    update, rollout = update_policy(chosen, slots[0].service), chosen.app.rollout
    tried = chosen.role is not Role.HEAD or chosen.app.key in world.releases.stable_heads
    count = 0 if tried or not any(slot.has_superseded for slot in slots) else rollout.canary
    rest = slots[count:]
    limits = _limits(update, rollout, len(rest))
    turns: list[tuple[Slot, Lane]] = []
    taken: Counter[Order] = Counter()
    for slot in rest:
        order, _ = choose_order(slot, update, rollout)
        turns.append((slot, (order, taken[order] % limits[order])))
        taken[order] += 1
    return Arrangement(canary=tuple(slots[:count]), turns=tuple(turns))


def _limits(update: UpdatePolicy, rollout: RolloutPolicy, count: int) -> Mapping[Order, int]:
    together = update.parallelism or max(1, count)
    surge, unavailable = rollout.surge_max, rollout.unavailable_max
    return {
        Order.START_FIRST: together if surge is None else max(1, surge),
        Order.STOP_FIRST: together if unavailable is None else max(1, unavailable),
    }


def failure_budget(
    chosen: TargetRelease, service: Service, slots: Sequence[Slot], releases: ReleaseInputs
) -> FailureBudget | None:
    """Return how many of a service's containers may fail before its release fails; None if no release is on trial.

    A release that was stable before did not get worse by itself, and a rollback must not fail: neither is on trial.
    """
    app = chosen.app
    if chosen.role is not Role.HEAD or app.key in releases.stable_heads:
        return None
    tolerant = service.update.failure_action is FailureAction.CONTINUE
    ratio = 1.0 if tolerant else service.update.failure_ratio_max
    allowed = (
        int(ratio * sum(slot.is_new or bool(slot.outdated) or slot.ungated for slot in slots)) if ratio else 0
    )
    return FailureBudget(service=f"{app.key}/{service.name}", failures_max=allowed)
