"""Adds the start of a slot's container, and the gate that it must pass then."""

from collections import defaultdict
from collections.abc import Iterable

from gitops_orch.model.plan.kinds import RunJob, Start, WaitHealthy
from gitops_orch.model.plan.values import Gate
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.model.rules.ports import fixed_ports
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.plan_builder import StepFields
from gitops_orch.planner.rollout.canary_and_lanes import failure_budget, update_policy
from gitops_orch.planner.rollout.gate_rules import gate_of
from gitops_orch.planner.rollout.rollout_inputs import Rollout


class Starter:
    """Adds starts and gates within the failure budget of each service."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout
        self.steps = rollout.steps
        by_service: dict[str, list[Slot]] = defaultdict(list)
        for slot in rollout.slots.slots:
            by_service[slot.service.name].append(slot)
        self.budgets = {
            service.name: failure_budget(
                rollout.chosen, service, by_service[service.name], rollout.world.releases
            )
            for service in rollout.app.services
        }

    def start(self, slot: Slot, target: str, after: Iterable[str], before: tuple[str, ...]) -> str:
        """Add the start of a container and its gate; return the id of the gate. A job's run is its gate."""
        diff = next((each for each in slot.diffs if each.remedy is Remedy.START), None)
        reason = diff.reason if diff else slot.reason
        fields = StepFields(
            after=tuple(after),
            follows=before,
            changes=diff.changes if diff else (),
            budget=self.budgets.get(slot.service.name),
        )
        job = RunJob(gate=self._gate_of(slot)) if slot.service.job else None
        started = self.steps.add(job or Start(), slot, target, reason, **fields)
        self._needs_resources(slot, started)
        self.rollout.added.started[slot.service.name].append(started)
        return started if job is not None else self.gate(slot, target, (started,))

    def start_run(self, slot: Slot, after: Iterable[str]) -> str:
        """Add the start of a scheduled run, and no gate: its result does not affect the release."""
        target = slot.current.id if slot.current else slot.name
        started = self.steps.add(Start(), slot, target, slot.reason, after=tuple(after), optional=True)
        self._needs_resources(slot, started)
        return started

    def gate(self, slot: Slot, target: str, after: Iterable[str], before: tuple[str, ...] = ()) -> str:
        """Add the gate of a container, and return its id."""
        monitor_s = update_policy(self.rollout.chosen, slot.service).monitor_s
        what = "must end with exit code 0" if slot.service.job else f"must be healthy for {monitor_s:g} s"
        return self.steps.add(
            WaitHealthy(self._gate_of(slot)),
            slot,
            target,
            what,
            after=tuple(after),
            follows=before,
            budget=self.budgets.get(slot.service.name),
        )

    def _gate_of(self, slot: Slot) -> Gate:
        return gate_of(self.rollout.chosen, slot, self.rollout.added.gates)

    def _needs_resources(self, slot: Slot, started: str) -> None:
        draft = self.rollout.draft
        draft.ledger.needs_ports(slot.host, fixed_ports(slot.service), started)
        draft.ledger.needs_addresses(slot.host, fixed_addresses(self.rollout.app, slot.service), started)
