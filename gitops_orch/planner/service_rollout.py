"""Adds the steps of one service: new and repaired containers first, then replacements in lanes, reloads and restarts."""

from collections import deque
from collections.abc import Mapping, Sequence

from gitops_orch.model.app import Service
from gitops_orch.model.container import has_ended
from gitops_orch.model.plan.kinds import Restart, Signal
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.fallback.fallback import restart_previous
from gitops_orch.planner.removal.removal_steps import grace_s
from gitops_orch.planner.rollout.canary_and_lanes import Lane, arrange, update_policy
from gitops_orch.planner.rollout.reload import changed_sets, needs_signal, record_sets, signal_reason
from gitops_orch.planner.rollout.rollout_inputs import Rollout
from gitops_orch.planner.rollout.slot_rollout import SlotRollout


class ServiceRollout:
    """Rolls out the services of one app; `run_stops` are, by scheduled service, the stops that its next run awaits."""

    def __init__(
        self,
        rollout: Rollout,
        slot_rollout: SlotRollout,
        failed: Sequence[str],
        run_stops: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.rollout = rollout
        self.slot_rollout = slot_rollout
        self.replacement = slot_rollout.replacement
        self.added = rollout.added
        self.failed = tuple(failed)
        self.run_stops = run_stops

    def roll_out(self, service: Service, slots: Sequence[Slot]) -> None:
        """Add all steps of a service's slots. Its dependencies must be rolled out before."""
        if service.schedule is not None:
            for slot in slots:
                self._run_job(slot)
            return
        fresh = [slot for slot in slots if not slot.outdated and (slot.is_new or slot.diffs or slot.ungated)]
        for slot in fresh:
            self.slot_rollout.deploy(slot)
        self._replace([slot for slot in slots if slot.outdated])
        self._note_joinable(service, slots)
        for slot in slots:
            self.replacement.remove_old_generations(slot)
        self._reload(service, slots)
        self._restart_dependents(service, slots)

    def _note_joinable(self, service: Service, slots: Sequence[Slot]) -> None:
        """Note which container others may join: the current or new one; while a canary waits, the outdated one."""
        for slot in slots:
            where = (service.name, slot.host)
            if slot.current is not None:
                self.added.joinable[where] = slot.current.id
            elif (slot.host, slot.name) in self.added.created_names:
                self.added.joinable[where] = slot.name
            else:
                for old in (each for each in slot.outdated if each.host == slot.host):
                    self.added.joinable.setdefault(where, old.id)

    def _run_job(self, slot: Slot) -> None:
        """Start a scheduled run. The stops that it waits for begin once its container is created."""
        created = [self.slot_rollout.create(slot)] if slot.is_new else []
        stops = self.run_stops.get(slot.service.name, ())
        after = (*self.failed, *self.rollout.prepared[slot.host], *created, *stops)
        self.slot_rollout.starter.start_run(slot, after)
        for stop in stops:
            for each in created:
                self.rollout.draft.waits(stop, each)

    def _replace(self, replaced: Sequence[Slot]) -> None:
        """Replace containers: each waits until the one before it in its lane has passed its gate and made room."""
        arrangement = arrange(self.rollout.chosen, replaced, self.rollout.world)
        if arrangement.canary and not self._is_promoted():
            self._await_promotion(arrangement.canary, replaced)
            return
        deployed = [self.slot_rollout.deploy(slot) for slot in arrangement.canary]
        gates = tuple(each.gate for each in deployed if each.gate)
        stops = [stop for each in deployed for stop in each.stops]
        for slot in arrangement.canary:
            stops += self.replacement.retire_outdated(slot, gates)
        canary = (*gates, *self._awaited(stops))
        ends: dict[Lane, tuple[str, ...]] = {}
        for slot, lane in arrangement.turns:
            before = ends.get(lane, canary)
            each = self.slot_rollout.deploy(slot, before)
            own = () if each.gate is None else (each.gate,)
            retired = self.replacement.retire_outdated(slot, own)
            ends[lane] = (*own, *self._awaited((*each.stops, *retired))) or before

    def _awaited(self, stops: Sequence[str]) -> tuple[str, ...]:
        """With max_surge, the next slot waits until the replaced containers have stopped, too."""
        return () if self.rollout.app.rollout.surge_max is None else tuple(stops)

    def _is_promoted(self) -> bool:
        return self.rollout.app.rollout.auto_promote or self.rollout.world.operator.accepted

    def _await_promotion(self, canary: Sequence[Slot], replaced: Sequence[Slot]) -> None:
        """Start the canary beside what it will replace, and change nothing else until a user promotes it."""
        rollout, service = self.rollout, canary[0].service.name
        for slot in canary:
            if slot.is_new or slot.diffs or slot.ungated:
                self.slot_rollout.deploy(slot)
        waiting = tuple(
            slot
            for slot in replaced
            if slot not in canary and not any(has_ended(old) for old in slot.outdated)
        )
        previous = AppSlots(slots=waiting, surplus=(), failed=())
        restart_previous(rollout.app, previous, rollout.draft, rollout.world)
        rollout.draft.hold(
            str(rollout.app.key),
            f"{len(canary)} of {service} run as a canary; "
            f"`gitops-orch accept {rollout.world.desired.commit[:12]}` promotes it, a revert takes it back",
            rollout.app.key,
        )

    def _reload(self, service: Service, slots: Sequence[Slot]) -> None:
        """Signal staying containers about changed files, `parallelism` at a time; each must then pass its gate."""
        if not service.reload:
            return
        rollout, starter = self.rollout, self.slot_rollout.starter
        ready_by_host = {slot.host: list(rollout.prepared[slot.host]) for slot in slots}
        together = update_policy(rollout.chosen, service).parallelism or max(1, len(slots))
        lanes: deque[tuple[str, ...]] = deque([()] * together, together)
        for slot in slots:
            changed = changed_sets(rollout.app, slot, rollout.index.hosts[slot.host])
            if changed and slot.current is not None and needs_signal(slot):
                target, reason = slot.current.id, signal_reason(slot, changed)
                after = (*rollout.prepared[slot.host], *self.added.repairs[target])
                signal = Signal(service.reload)
                sent = rollout.steps.add(signal, slot, target, reason, after=after, follows=lanes[0])
                ready_by_host[slot.host].append(sent)
                lanes.append((starter.gate(slot, target, (sent,)),))
                self.added.gates[service.name] += lanes[-1]
        record_sets(rollout.app, slots, rollout.index.hosts, rollout.draft, ready_by_host)

    def _restart_dependents(self, service: Service, slots: Sequence[Slot]) -> None:
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
                after = [identity for parent in sorted(parents) for identity in self.added.gates[parent]]
                reason = f"{', '.join(sorted(parents))} was replaced, and depends_on asks for a restart"
                restart, current = Restart(grace_s=grace_s(slot.current)), slot.current.id
                restarted = self.rollout.steps.add(restart, slot, current, reason, after=tuple(after))
                for removal in (
                    each for parent in sorted(parents) for each in self.replacement.retired[parent]
                ):
                    self.rollout.draft.waits(removal, restarted)

    def _is_replaced(self, service: str) -> bool:
        return self.added.creates_any(service) or bool(self.replacement.retired[service])
