"""Adds the steps of one slot: create or repair its container, stop what is in its way, start it, and gate it.

Start-first, a slot's steps are: create, start, wait_healthy, stop old, remove old; stop-first: create, stop old, start,
wait_healthy, remove old. The old container exists for a rollback until the new one has passed its gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gitops_orch.model.plan.kinds import Create
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.shared_namespaces import is_lost_namespace, namespace_parents
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.removal.removal_steps import remove_container, stop_container
from gitops_orch.planner.rollout.container_intent import make_intent
from gitops_orch.planner.rollout.dependency_gates import dependency_steps
from gitops_orch.planner.rollout.excess import predecessors
from gitops_orch.planner.rollout.gate_rules import is_over, stays_paused
from gitops_orch.planner.rollout.repair import Repairer
from gitops_orch.planner.rollout.replace import Replacement, is_removing
from gitops_orch.planner.rollout.rollout_inputs import Rollout
from gitops_orch.planner.rollout.start import Starter


@dataclass(frozen=True, slots=True)
class Deployed:
    """The steps that were added to make a slot current."""

    gate: str | None = None  # None: nothing needs to be started or gated
    stops: tuple[str, ...] = ()  # of containers that its new container cannot run beside


class SlotRollout:
    """Makes slots of one app current; `failed` are the stops of failed containers, for which starts wait.

    `cleared` has, by id, the stops of `removing` containers that a start needs.
    """

    def __init__(self, rollout: Rollout, failed: Sequence[str], removing: Sequence[SlotContainer]) -> None:
        self.rollout = rollout
        self.failed = tuple(failed)
        self.removing = removing
        self.cleared: dict[str, str] = {}
        self.keeper = MountResolver(rollout.app, rollout.index)
        self.repairer = Repairer(rollout.app, rollout.steps, rollout.index, rollout.pulls)
        self.replacement = Replacement(
            rollout.chosen,
            rollout.slots,
            rollout.index,
            rollout.draft,
            rollout.world.operator.containers_kept,
        )
        self.starter = Starter(rollout)

    def deploy(self, slot: Slot, before: tuple[str, ...] = ()) -> Deployed:
        """Add the steps that make a slot current; its stops, start and gate follow the steps `before`."""
        rollout = self.rollout
        step_ids = [self.create(slot)] if slot.is_new else self._repair(slot)
        if slot.current is not None:
            rollout.added.repairs[slot.current.id] = step_ids
        must_start = slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)
        if not (must_start or slot.outdated or slot.ungated) or stays_paused(slot):
            return Deployed()
        if not must_start and is_over(slot):
            return Deployed()
        target = slot.current.id if slot.current else slot.name
        ready = [
            *self.failed,
            *rollout.prepared[slot.host],
            *dependency_steps(rollout, slot.service),
            *step_ids,
        ]
        if not must_start:
            return self._gated(slot, self.starter.gate(slot, target, ready, before))
        stops = self.replacement.stop_first(slot, ready, before)
        known = set(self.cleared.values())
        cleared = self._free_resources(slot, ready)
        gate = self.starter.start(slot, target, [*ready, *stops, *cleared], before)
        return self._gated(slot, gate, (*stops, *(each for each in cleared if each not in known)))

    def _gated(self, slot: Slot, gate: str, stops: tuple[str, ...] = ()) -> Deployed:
        self.rollout.added.gates[slot.service.name].append(gate)
        self.rollout.draft.add_gate(self.rollout.app.key, gate)
        return Deployed(gate, stops)

    def _repair(self, slot: Slot) -> list[str]:
        lost = any(map(is_lost_namespace, slot.diffs))
        parents = dependency_steps(self.rollout, slot.service) if lost else []
        return self.repairer.repair(slot, self.rollout.prepared[slot.host], parents)

    def create(self, slot: Slot) -> str:
        """Add the creation of a slot's container, and return its id."""
        rollout, added = self.rollout, self.rollout.added
        for old in filter(is_removing, slot.outdated):
            # It keeps its name until it is gone and cannot be renamed: wait for that, and retain nothing of it.
            remove_container(rollout.draft, old, "it is removed from outside", ())
        self.repairer.free_name(slot, slot.name)
        parents = sorted(namespace_parents(slot.service))
        after = [*rollout.pulls, *rollout.prepared[slot.host]]
        for parent in parents:
            after += added.created[(parent, slot.host)]
        there = ((name, slot.host) for name in parents)
        peers = {place[0]: added.joinable[place] for place in there if place in added.joinable}
        kept = self.keeper.of(slot)
        intent = make_intent(rollout.chosen, slot, rollout.world, peers=peers, kept=kept.sources)
        created = rollout.steps.add(
            Create(intent),
            slot,
            slot.name,
            kept.explain(slot.reason),
            after=tuple(after),
            changes=slot.changes,
        )
        added.created[(slot.service.name, slot.host)].append(created)
        added.created_names.add((slot.host, slot.name))
        rollout.draft.ledger.needs_name(slot.host, slot.name, created)
        return created

    def _free_resources(self, slot: Slot, ready: Sequence[str]) -> list[str]:
        """Stop containers that have another name in Git now before the successor starts; return these stops."""
        before = predecessors(self.rollout.app, slot, self.removing, self.rollout.world.findings)
        for identity, (found, what) in before.items():
            if identity not in self.cleared:
                stop = stop_container(self.rollout.draft, found, f"{slot.name} takes over its {what}", ready)
                self.cleared |= {} if stop is None else {identity: stop}
        return [self.cleared[identity] for identity in before if identity in self.cleared]
