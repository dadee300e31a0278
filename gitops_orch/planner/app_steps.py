"""Adds the steps of one app: pull everywhere, prepare, then create, start and gate, and only then remove.

Start-first, a slot's steps are: create, start, wait_healthy, stop old, remove old; stop-first: create, stop old, start,
wait_healthy, remove old. The old container exists for a rollback until the new one has passed its gate.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from gitops_orch.model.app import Condition, Service
from gitops_orch.model.container import FAILED_SUFFIX, has_ended
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.plan.action import FailureBudget
from gitops_orch.model.plan.kinds import Create, Kind, Restart, RunJob, Signal, Start, WaitHealthy
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.model.rules.ports import fixed_ports
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.shared_namespaces import is_lost_namespace, namespace_parents
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.fallback.fallback import restart_previous
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder, StepFields
from gitops_orch.planner.removal.dependency_order import in_dependency_order
from gitops_orch.planner.removal.removal_order import order_removals
from gitops_orch.planner.removal.removal_steps import grace_s, remove_container, stop_container
from gitops_orch.planner.removal.retain import StopRequest, retain
from gitops_orch.planner.removal.slot_steps import SlotSteps
from gitops_orch.planner.resources.prepare import prepare_hosts
from gitops_orch.planner.resources.pulls import pull_images
from gitops_orch.planner.rollout.canary_and_lanes import Lane, arrange, failure_budget, update_policy
from gitops_orch.planner.rollout.container_intent import make_intent
from gitops_orch.planner.rollout.excess import predecessors, removable_surplus, remove_surplus
from gitops_orch.planner.rollout.gate_rules import (
    gate_of,
    gate_of_dependency,
    is_awaited,
    is_over,
    stays_paused,
)
from gitops_orch.planner.rollout.reload import changed_sets, needs_signal, record_sets, signal_reason
from gitops_orch.planner.rollout.repair import Repairer
from gitops_orch.planner.rollout.replace import Replacement, is_removing
from gitops_orch.planner.rollout.scheduled_runs import manage_runs


class AppPlanner:
    """Adds one app's steps to a draft. `plan` calls them in their order."""

    def __init__(
        self, chosen: TargetRelease, slots: AppSlots, world: World, index: Index, draft: PlanBuilder
    ) -> None:
        self.chosen = chosen
        self.app = chosen.app
        self.steps = SlotSteps(chosen.app, draft)
        self.slots = slots
        self.world = world
        self.index = index
        self.draft = draft
        self.keeper = MountResolver(chosen.app, index)
        self.pulls = pull_images(self.app, slots, index, draft)
        self.prepared = prepare_hosts(self.app, slots, world, index, draft, self.pulls)
        self.repairer = Repairer(chosen.app, self.steps, index, self.pulls)
        self.replacement = Replacement(chosen, index, draft, world.operator.containers_kept)
        self.budgets: dict[str, FailureBudget | None] = {}  # by service
        self.created: dict[tuple[str, str], list[str]] = defaultdict(list)  # (service, host) -> creates
        self.repairs: dict[str, list[str]] = defaultdict(list)  # id of a staying container -> its repairs
        self.started: dict[str, list[str]] = defaultdict(list)  # service -> ids of the starts
        self.gates: dict[str, list[str]] = defaultdict(list)  # service -> ids of the gates
        self.run_stops: Mapping[str, tuple[str, ...]] = {}  # scheduled service -> what its next run awaits
        self.removals: list[str] = []  # stops of failed containers: starts on their data wait for them
        self.removing = removable_surplus(chosen, slots, world, draft)
        self.cleared: dict[str, str] = {}  # id of a removed container -> its stop, if a start needs it
        self.staying: frozenset[str] = frozenset()  # ids of containers that serve others on a drained host
        self.names: dict[tuple[str, str], str] = {}  # (service, host) -> the container that others can join

    def plan(self) -> None:
        """Add all steps of the app."""
        self.remove_failed()
        self.run_stops = manage_runs(self.chosen, self.world, self.index, self.draft)
        self.staying = self.replacement.staying_for_others(self.slots.slots)
        by_service: dict[str, list[Slot]] = defaultdict(list)
        for slot in self.slots.slots:
            by_service[slot.service.name].append(slot)
        self.budgets = {
            service.name: failure_budget(self.chosen, service, by_service[service.name], self.world.releases)
            for service in self.app.services
        }
        for service in in_dependency_order(self.app.services):
            self._service(service, by_service[service.name])
        self.replacement.order_moves(self.slots.slots)
        self._surplus()
        self.draft.networks_wanted[self.app.key] = self._wanted_networks()

    def remove_failed(self) -> list[str]:
        """Add the steps that permanently stop the failed containers, and no other steps; return their ids."""
        first = len(self.draft.actions)
        failed = self.world.releases.failed.get(self.app.key, {})
        for found in (*self.slots.failed, *(each for slot in self.slots.slots for each in slot.failed)):
            why = failed.get(found.owner.release, "") if isinstance(found, OwnedContainer) else ""
            how = StopRequest(reason=f"its release failed ({why})")
            retain(self.draft, self.index.hosts[found.host], found, FAILED_SUFFIX, how)
        self.removals = [action.id for action in self.draft.actions[first:]]
        return self.removals

    # -- services, in the order of their dependencies

    def _service(self, service: Service, slots: list[Slot]) -> None:
        if service.schedule is not None:
            for slot in slots:
                self._run_job(slot)
            return
        fresh = [slot for slot in slots if not slot.outdated and (slot.is_new or slot.diffs or slot.ungated)]
        replaced = [slot for slot in slots if slot.outdated]
        for slot in fresh:
            self._deploy_slot(slot)
        self._roll_out(replaced)
        self._name(service, slots)
        for slot in slots:
            self.replacement.remove_old_generations(slot)
        self._reload(service, slots)
        self._restart_dependents(service, slots)

    def _name(self, service: Service, slots: list[Slot]) -> None:
        """Note which container others may join: the current or new one; while a canary waits, the outdated one."""
        for slot in slots:
            where = (service.name, slot.host)
            if slot.current is not None:
                self.names[where] = slot.current.id
            elif f"{Kind.CREATE}/{slot.host}/{slot.name}" in self.created[where]:
                self.names[where] = slot.name
            else:
                for old in (each for each in slot.outdated if each.host == slot.host):
                    self.names.setdefault(where, old.id)

    def _run_job(self, slot: Slot) -> None:
        """Start a scheduled run, and wait for nothing: its result does not affect the release."""
        step_ids = self._create(slot) if slot.is_new else []
        stops = self.run_stops.get(slot.service.name, ())
        started = self.steps.add(
            Start(),
            slot,
            slot.current.id if slot.current else slot.name,
            slot.reason,
            after=(*self.removals, *self.prepared[slot.host], *step_ids, *stops),
            optional=True,
        )
        self._note_resources(slot, started)
        for stop in stops:
            for created in step_ids:
                self.draft.waits(stop, created)

    def _roll_out(self, replaced: list[Slot]) -> None:
        """Replace containers: each waits until the one before it in its lane has passed its gate and made room."""
        arrangement = arrange(self.chosen, replaced, self.world)
        if arrangement.canary and not self._is_promoted():
            self._await_promotion(arrangement.canary, replaced)
            return
        first = len(self.draft.actions)
        canary_gates = tuple(filter(None, [self._deploy_slot(slot) for slot in arrangement.canary]))
        for slot in arrangement.canary:
            self.replacement.retire_outdated(slot, canary_gates)
        canary = (*canary_gates, *self._removal_ids(first))
        ends: dict[Lane, tuple[str, ...]] = {}
        for slot, lane in arrangement.turns:
            first, before = len(self.draft.actions), ends.get(lane, canary)
            gate_ids = self._deploy_slot(slot, before)
            own = () if gate_ids is None else (gate_ids,)
            self.replacement.retire_outdated(slot, own)
            ends[lane] = (*own, *self._removal_ids(first)) or before

    def _removal_ids(self, first: int) -> tuple[str, ...]:
        """With max_surge, the next slot waits until the replaced containers have stopped, too.

        A container that serves others on a host that all of them leave is excepted: it stops after them, and they wait
        for the next slots.
        """
        if self.app.rollout.surge_max is None:
            return ()
        stops = (action for action in self.draft.actions[first:] if action.kind is Kind.STOP)
        return tuple(action.id for action in stops if action.target not in self.staying)

    def _is_promoted(self) -> bool:
        return self.app.rollout.auto_promote or self.world.operator.accepted

    def _await_promotion(self, canary: tuple[Slot, ...], replaced: list[Slot]) -> None:
        """Start the canary beside what it will replace, and change nothing else until a user promotes it."""
        service = canary[0].service.name
        for slot in canary:
            if slot.is_new or slot.diffs or slot.ungated:
                self._deploy_slot(slot)
        waiting = tuple(
            slot
            for slot in replaced
            if slot not in canary and not any(has_ended(old) for old in slot.outdated)
        )
        restart_previous(self.app, AppSlots(slots=waiting, surplus=(), failed=()), self.draft, self.world)
        self.draft.hold(
            str(self.app.key),
            f"{len(canary)} of {service} run as a canary; "
            f"`gitops-orch accept {self.world.desired.commit[:12]}` promotes it, a revert takes it back",
            self.app.key,
        )

    def _reload(self, service: Service, slots: list[Slot]) -> None:
        """Signal staying containers about changed files, `parallelism` at a time; each must then pass its gate."""
        if not service.reload:
            return
        ready_by_host = {slot.host: list(self.prepared[slot.host]) for slot in slots}
        together = update_policy(self.chosen, service).parallelism or max(1, len(slots))
        lanes: deque[tuple[str, ...]] = deque([()] * together, together)
        for slot in slots:
            changed = changed_sets(self.app, slot, self.index.hosts[slot.host])
            if changed and slot.current is not None and needs_signal(slot):
                target, reason = slot.current.id, signal_reason(slot, changed)
                after = (*self.prepared[slot.host], *self.repairs[target])
                signal = Signal(service.reload)
                sent = self.steps.add(signal, slot, target, reason, after=after, follows=lanes[0])
                ready_by_host[slot.host].append(sent)
                lanes.append((self._wait(slot, target, (sent,)),))
                self.gates[service.name] += lanes[-1]
        record_sets(self.app, slots, self.index.hosts, self.draft, ready_by_host)

    def _deploy_slot(self, slot: Slot, before: tuple[str, ...] = ()) -> str | None:
        """Make the slot current; return the id of the gate's step, None if nothing needs to be started or gated."""
        step_ids = self._create(slot) if slot.is_new else self._repair(slot)
        if slot.current is not None:
            self.repairs[slot.current.id] = step_ids
        must_start = slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)
        if not (must_start or slot.outdated or slot.ungated) or stays_paused(slot):
            return None
        if not must_start and is_over(slot):
            return None
        target = slot.current.id if slot.current else slot.name
        ready = [*self.removals, *self.prepared[slot.host], *self._dependencies(slot.service), *step_ids]
        stops = self.replacement.stop_first(slot, ready, before) if must_start else []
        gate_ids = (
            self._start(slot, target, [*ready, *stops, *self._free_resources(slot, ready)], before)
            if must_start
            else self._wait(slot, target, ready, before)
        )
        self.gates[slot.service.name].append(gate_ids)
        self.draft.add_gate(self.app.key, gate_ids)
        return gate_ids

    def _repair(self, slot: Slot) -> list[str]:
        lost = any(map(is_lost_namespace, slot.diffs))
        parents = self._dependencies(slot.service) if lost else []
        return self.repairer.repair(slot, self.prepared[slot.host], parents)

    def _create(self, slot: Slot) -> list[str]:
        for old in filter(is_removing, slot.outdated):
            # It keeps its name until it is gone and cannot be renamed: wait for that, and retain nothing of it.
            remove_container(self.draft, old, "it is removed from outside", ())
        self.repairer.free_name(slot, slot.name)
        parents = sorted(namespace_parents(slot.service))
        after = [*self.pulls, *self.prepared[slot.host]]
        for parent in parents:
            after += self.created[(parent, slot.host)]
        peers = {name: self.names[name, slot.host] for name in parents if (name, slot.host) in self.names}
        kept = self.keeper.of(slot)
        intent = make_intent(self.chosen, slot, self.world, peers=peers, kept=kept.sources)
        created = self.steps.add(
            Create(intent),
            slot,
            slot.name,
            kept.explain(slot.reason),
            after=tuple(after),
            changes=slot.changes,
        )
        self.created[(slot.service.name, slot.host)].append(created)
        self.draft.needs_name(slot.host, slot.name, created)
        return [created]

    def _dependencies(self, service: Service) -> list[str]:
        after: list[str] = []
        for dependency in service.depends_on:
            if dependency.condition is Condition.STARTED:
                after += self.started[dependency.service]
            else:
                self._await_dependency(dependency.service)
                after += self.gates[dependency.service]
        for app in self.app.depends_on:
            after += self.draft.gates(app)
        return after

    def _await_dependency(self, name: str) -> None:
        """Let dependents wait until a dependency that already exists is healthy; no new container of it is created."""
        if self.gates[name]:
            return
        for slot in self.slots.slots:
            if slot.service.name == name and is_awaited(slot, self.chosen, self.world.releases):
                self.gates[name].append(self._await_current(slot))

    def _await_current(self, slot: Slot) -> str:
        target = slot.current.id if slot.current is not None else slot.name
        gate = gate_of_dependency(self.chosen, slot, self.gates, self.world.releases)
        what = "what depends on it is started once it is healthy"
        after = tuple(self.repairs[target])
        return self.steps.add(WaitHealthy(gate), slot, target, what, after=after)

    def _free_resources(self, slot: Slot, ready: list[str]) -> list[str]:
        """Stop containers that have another name in Git now before the successor starts; return these stops."""
        before = predecessors(self.app, slot, self.removing, self.world.findings)
        for identity, (found, what) in before.items():
            if identity not in self.cleared:
                stop = stop_container(self.draft, found, f"{slot.name} takes over its {what}", ready)
                self.cleared |= {} if stop is None else {identity: stop}
        return [self.cleared[identity] for identity in before if identity in self.cleared]

    def _start(self, slot: Slot, target: str, after: list[str], before: tuple[str, ...]) -> str:
        diff = next((each for each in slot.diffs if each.remedy is Remedy.START), None)
        reason = diff.reason if diff else slot.reason
        changes = diff.changes if diff else ()
        fields = StepFields(
            after=tuple(after), follows=before, changes=changes, budget=self.budgets.get(slot.service.name)
        )
        job = RunJob(gate=gate_of(self.chosen, slot, self.gates)) if slot.service.job else None
        started = self.steps.add(job or Start(), slot, target, reason, **fields)
        self._note_resources(slot, started)
        self.started[slot.service.name].append(started)
        return started if job is not None else self._wait(slot, target, (started,))

    def _note_resources(self, slot: Slot, started: str) -> None:
        self.draft.needs_ports(slot.host, fixed_ports(slot.service), started)
        self.draft.needs_addresses(slot.host, fixed_addresses(self.app, slot.service), started)

    def _wait(self, slot: Slot, target: str, after: Iterable[str], before: tuple[str, ...] = ()) -> str:
        monitor_s = update_policy(self.chosen, slot.service).monitor_s
        what = "must end with exit code 0" if slot.service.job else f"must be healthy for {monitor_s:g} s"
        return self.steps.add(
            WaitHealthy(gate_of(self.chosen, slot, self.gates)),
            slot,
            target,
            what,
            after=tuple(after),
            follows=before,
            budget=self.budgets.get(slot.service.name),
        )

    def _restart_dependents(self, service: Service, slots: list[Slot]) -> None:
        """Restart what depends on a replaced service (`depends_on.<service>.restart`).

        The replaced container is removed after the restart, so that the next plan still finds it after a crash.
        """
        parents = {d.service for d in service.depends_on if d.restart and self._is_replaced(d.service)}
        for slot in slots:
            if (
                parents
                and slot.current is not None
                and not slot.diffs
                and not slot.outdated
                and not service.job
            ):
                after = [identity for parent in sorted(parents) for identity in self.gates[parent]]
                reason = f"{', '.join(sorted(parents))} was replaced, and depends_on asks for a restart"
                restart, current = Restart(grace_s=grace_s(slot.current)), slot.current.id
                restarted = self.steps.add(restart, slot, current, reason, after=tuple(after))
                for removal in (
                    each for parent in sorted(parents) for each in self.replacement.retired[parent]
                ):
                    self.draft.waits(removal, restarted)

    def _is_replaced(self, service: str) -> bool:
        return self.created_any(service) or bool(self.replacement.retired[service])

    def created_any(self, service: str) -> bool:
        """Return whether this plan creates any container of a service."""
        return any(ids and name == service for (name, _), ids in self.created.items())

    # -- containers that no slot needs

    def _surplus(self) -> None:
        gate_ids = [identity for ids in self.gates.values() for identity in ids]
        for found in (each for slot in self.slots.slots for each in slot.discarded):
            remove_container(
                self.draft, found, "it failed, and its release is no longer held back", self.pulls
            )
        remove_surplus(
            self.app, self.removing, self.draft, stopped=self.cleared, pulls=self.pulls, gates=gate_ids
        )
        former = self.world.releases.running.get(self.app.key)
        uncleared = [found for found in self.removing if found.id not in self.cleared]
        order_removals(self.draft, self.app.key, former.app if former is not None else None, uncleared)

    def _wanted_networks(self) -> dict[str, set[str]]:
        names = {network.key: network.name for network in self.app.networks}
        wanted: dict[str, set[str]] = defaultdict(set)
        asked = [(slot.host, slot.service) for slot in (*self.slots.slots, *self.slots.heal_suspended)]
        asked += [(each.host, each.service) for each in self.slots.scheduled]
        for host, service in asked:
            wanted[host].update(names.get(key, key) for key in service.networks)
        return wanted
