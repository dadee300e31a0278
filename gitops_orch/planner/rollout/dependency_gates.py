"""Adds the gates of containers that stay, if others are started only once these are healthy."""

from gitops_orch.model.app import Condition, Service
from gitops_orch.model.plan.kinds import WaitHealthy
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.rollout.gate_rules import gate_of_dependency, is_awaited
from gitops_orch.planner.rollout.rollout_inputs import Rollout


def dependency_steps(rollout: Rollout, service: Service) -> list[str]:
    """Return the steps that a start of a service waits for, because of `depends_on` of its service and its app."""
    after: list[str] = []
    for dependency in service.depends_on:
        if dependency.condition is Condition.STARTED:
            after += rollout.added.started[dependency.service]
        else:
            _await_dependency(rollout, dependency.service)
            after += rollout.added.gates[dependency.service]
    for app in rollout.app.depends_on:
        after += rollout.draft.gates(app)
    return after


def _await_dependency(rollout: Rollout, name: str) -> None:
    """Let dependents wait until a dependency that already exists is healthy; no new container of it is created."""
    gates = rollout.added.gates
    if gates[name]:
        return
    for slot in rollout.slots.slots:
        if slot.service.name == name and is_awaited(slot, rollout.chosen, rollout.world.releases):
            gates[name].append(_await_current(rollout, slot))


def _await_current(rollout: Rollout, slot: Slot) -> str:
    target = slot.current.id if slot.current is not None else slot.name
    gate = gate_of_dependency(rollout.chosen, slot, rollout.added.gates, rollout.world.releases)
    what = "what depends on it is started once it is healthy"
    after = tuple(rollout.added.repairs[target])
    return rollout.steps.add(WaitHealthy(gate), slot, target, what, after=after)
