"""Plans how a container is replaced: it stops before or after its successor starts, and is removed or retained."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gitops_orch.model.app import Order
from gitops_orch.model.container import RETAINED_SUFFIX
from gitops_orch.model.observed import State
from gitops_orch.model.rules.ports import fixed_ports, same_port
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import TargetRelease
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_order import dependents_of, order_removals, service_of
from gitops_orch.planner.removal.removal_steps import RemovalSteps, remove_container, retire, stop_container
from gitops_orch.planner.removal.retain import StopRequest, keep_newest, retain
from gitops_orch.planner.rollout.canary_and_lanes import choose_order, update_policy
from gitops_orch.planner.rollout.gate_rules import is_over


class Replacement:
    """Adds the steps that remove or retain the predecessors of one app's containers.

    `retired` has, by service, the ids of the last step for each predecessor; `stopped` are the containers that stop
    first.
    """

    def __init__(
        self, chosen: TargetRelease, slots: AppSlots, index: Index, draft: PlanBuilder, containers_kept: int
    ) -> None:
        self.chosen = chosen
        self.index = index
        self.draft = draft
        self.containers_kept = containers_kept
        self.retired: dict[str, list[str]] = defaultdict(list)
        self.stopped: set[str] = set()
        self.staying = self._staying_for_others(slots.slots)

    def stop_first(self, slot: Slot, ready: Sequence[str], before: tuple[str, ...]) -> list[str]:
        """Stop the containers that a slot's new container cannot run beside; return the ids of the stops."""
        update = update_policy(self.chosen, slot.service)
        order, why = choose_order(slot, update, self.chosen.app.rollout)
        if order is Order.START_FIRST:
            return []
        reason = f"it is stopped before its successor starts, because {why}"
        here = [old for old in slot.outdated if old.host == slot.host]
        stops = {old.id: stop_container(self.draft, old, reason, ready, before) for old in here}
        self.stopped.update(stops)
        added = [stop for stop in stops.values() if stop is not None]
        self._check_ports_first(slot, added)
        return added

    def _check_ports_first(self, slot: Slot, stops: Sequence[str]) -> None:
        """Let the Engine be asked about ports that no container holds before a stop: a process may hold them."""
        wanted = fixed_ports(slot.service) if stops else ()
        held = self.index.hosts[slot.host].held_ports
        unknown = tuple(
            port for port in wanted if not any(same_port(port, other) for other in held.get(port[1:], ()))
        )
        if unknown:
            self.draft.check_ports(stops[0], unknown, slot.image, self.chosen.app.digest)
            for other in stops[1:]:
                self.draft.waits(other, stops[0])

    def retire_outdated(self, slot: Slot, gates: tuple[str, ...]) -> list[str]:
        """Remove the replaced containers after all `gates`, or retain them if they are rollback candidates.

        Without gates, only the containers that a finished job replaced are removed. The stops are returned, except
        those of containers that serve others on a host that all of them leave: they wait for the next slots.
        """
        stops: list[str] = []
        name = slot.current.name if slot.current else slot.name
        reason = f"{name} on {slot.host} replaces it"
        for old in self._not_removing(slot.outdated, slot) if gates or is_over(slot) else ():
            stopped = old.id in self.stopped
            if old.id in slot.rollback_candidates:
                how = StopRequest(
                    reason=f"{reason}, and it is kept for going back",
                    after=gates,
                    stopped=stopped,
                    successor=slot.current.id if slot.current else "",
                )
                removed = retain(self.draft, self.index.hosts[old.host], old, RETAINED_SUFFIX, how)
            elif stopped:
                removed = RemovalSteps((remove_container(self.draft, old, reason, gates),))
            else:
                removed = retire(self.draft, old, reason, gates)
            self.retired[slot.service.name] += removed.last or gates  # no step: it is already retained
            if removed.stop is not None and old.id not in self.staying:
                stops.append(removed.stop)
        return stops

    @staticmethod
    def _not_removing(outdated: Iterable[SlotContainer], slot: Slot) -> list[SlotContainer]:
        """Leave out containers that are already being removed: the create of their successor waited for them."""
        return [old for old in outdated if not (slot.is_new and is_removing(old))]

    def order_moves(self, slots: Iterable[Slot]) -> None:
        """Let moving containers stop before their dependencies that move, too, as when an app is removed."""
        order_removals(self.draft, self.chosen.app, _moved(slots))

    def _staying_for_others(self, slots: Iterable[Slot]) -> frozenset[str]:
        """Return the ids of containers that move to another host, and stop only after others that move, too."""
        moved = _moved(slots)
        dependents, moving = dependents_of(self.chosen.app), set(map(service_of, moved))
        return frozenset(found.id for found in moved if dependents.get(service_of(found), set()) & moving)

    def remove_old_generations(self, slot: Slot) -> None:
        """Retain only the newest former generations of a slot."""
        if not slot.retained and not slot.rollback_candidates:
            return
        joining = [old for old in slot.outdated if old.id in slot.rollback_candidates]
        after = self.retired[slot.service.name] if joining else ()
        host = self.index.hosts[slot.host]
        for found in keep_newest(self.draft, host, slot.retained, joining, self.containers_kept):
            # Its removal is already planned where a later generation takes its name.
            if not self.draft.ledger.removals_of(found.host, found.id):
                reason = f"retain.containers is {self.containers_kept}, and there are newer ones"
                remove_container(self.draft, found, reason, after)


def _moved(slots: Iterable[Slot]) -> list[SlotContainer]:
    return [old for slot in slots for old in slot.outdated if old.host != slot.host]


def is_removing(found: SlotContainer) -> bool:
    """Return whether a container is already being removed."""
    return found.state is State.REMOVING
