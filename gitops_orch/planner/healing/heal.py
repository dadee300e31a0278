"""Decides which unhealthy containers are restarted, and suspends healing that does not converge, with the reason.

Note [When healing backs off]
A container that ends again and again is started again with a growing delay. A container that its healthcheck reports as
unhealthy is restarted a limited number of times within a limited time, and then no more. A field that is changed again
after every repair shows a conflict with another tool: healing is suspended, and the hold names the likely tools. A
container that ends by itself cannot be distinguished from one that another tool stops, so a container that exited in
order counts as such a conflict, too.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from gitops_orch.model.app import Drift
from gitops_orch.model.display.legible import check_words, why_unhealthy
from gitops_orch.model.display.same_reason import AGAIN, LEFT
from gitops_orch.model.heal import HEALTH, NAMESPACE, STATE, HealedField, HealRecord, path_of
from gitops_orch.model.observed import Health, OwnedContainer, State
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.exit_codes import ORDERLY_CODES
from gitops_orch.model.rules.failure_policy import is_tolerated
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.healing.heal_limits import (
    HEALS_MAX,
    SPAN_S,
    crash_count,
    stopped_s,
    wait_s,
)
from gitops_orch.planner.healing.known_tools import likely_tools
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import Role, TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder


def limit_healing(
    chosen: TargetRelease, slots: AppSlots, world: World, index: Index, draft: PlanBuilder
) -> AppSlots:
    """Return the slots with restarts of unhealthy containers, and without repairs that do not converge; note those."""
    limiter = _HealLimiter(chosen, world, index, draft)
    on_trial = chosen.role is Role.HEAD and chosen.app.key not in world.releases.stable_heads
    is_rollout = on_trial and (
        chosen.stays_running or any(slot.is_new or slot.outdated or slot.ungated for slot in slots.slots)
    )
    there = [
        slot if is_rollout and _is_on_trial(chosen, slot) else _with_restart(chosen, slot)
        for slot in slots.slots
    ]
    withheld = tuple(
        slot for slot in there if slot.is_new and limiter.is_suspended(slot, path_of(slot.changes))
    )
    return replace(
        slots,
        slots=tuple(limiter.without_stopped(slot) for slot in there if slot not in withheld),
        heal_suspended=withheld,
    )


def _is_on_trial(chosen: TargetRelease, slot: Slot) -> bool:
    """Return whether a container is on trial with its release: it must not fail, and was created for this release."""
    current = slot.current
    is_older = isinstance(current, OwnedContainer) and current.owner.release != chosen.app.digest
    return not (is_older or is_tolerated(slot.service))


def _with_restart(chosen: TargetRelease, slot: Slot) -> Slot:
    current = slot.current
    if current is None or slot.diffs or current.state is not State.RUNNING:
        return slot
    if current.health is not Health.UNHEALTHY:
        return slot
    change = Change(path=HEALTH, before=Health.UNHEALTHY.value, after=Health.HEALTHY.value)
    diff = ContainerDiff(Remedy.RESTART, why_unhealthy(current.details, chosen.app), (change,))
    if chosen.app.drift is Drift.ENFORCE:
        return replace(slot, diffs=(diff,))
    return replace(slot, drifted=(*slot.drifted, diff))


@dataclass(frozen=True, slots=True)
class _HealLimiter:
    """Knows the recent heals, and notes which repairs are suspended."""

    chosen: TargetRelease
    world: World
    index: Index
    draft: PlanBuilder

    def without_stopped(self, slot: Slot) -> Slot:
        """Return a slot without the diffs that are not repaired for now."""
        if slot.is_new:
            return slot
        asked = (each for each in slot.diffs if each.remedy is Remedy.RESTART or not slot.outdated)
        put_off = [each for each in asked if self._is_backed_off(slot, each)]
        kept = tuple(each for each in slot.diffs if each not in put_off)
        return slot if len(kept) == len(slot.diffs) else replace(slot, diffs=kept)

    def _is_backed_off(self, slot: Slot, diff: ContainerDiff) -> bool:
        path = path_of(diff.changes)
        if path == NAMESPACE:
            return self._waits(slot, path, diff)  # with a growing delay: its parent may be in a crash loop
        if diff.remedy is not Remedy.START:
            return self.is_stopped(slot, path)
        return (_ended_in_order(slot) and self.is_stopped(slot, path)) or self._waits(slot, path, diff)

    def is_suspended(self, slot: Slot, path: str) -> bool:
        """Return whether a container is not created for now; one that only follows its parent is always created."""
        return path != NAMESPACE and self.is_stopped(slot, path)

    def is_stopped(self, slot: Slot, path: str) -> bool:
        """Return whether the repair of a path is suspended; if so, that is noted."""
        healing = self._healing(slot, path)
        left_s = 0.0 if healing is None or healing.release != self.chosen.app.digest else stopped_s(healing)
        if left_s:
            key = self.chosen.app.key
            end = f"{self._moment(left_s)}, until the app changes, or until `gitops-orch retry {key}`"
            # A check's output differs each time, so it is after the part that `stable_part` keeps.
            printed = self._printed(slot) if path == HEALTH else ""
            reason = f"{self._why_stopped(slot, path)}{LEFT}{end}{printed}"
            self.draft.hold(_subject(slot), reason, key, error=True, stopped=True)
        return bool(left_s)

    def _printed(self, slot: Slot) -> str:
        details = slot.current.details if slot.current is not None else None
        words = check_words(details, self.chosen.app)
        return f"; the check printed: {words}" if words else ""

    def _why_stopped(self, slot: Slot, path: str) -> str:
        often = f"{HEALS_MAX} times within {SPAN_S:g} s"
        actors = likely_tools(self.index, slot.host, self.chosen.app.key)
        if path == HEALTH:
            return f"it was restarted {often}, and its healthcheck reports unhealthy again"
        if path == STATE:
            return f"it was started {often}, and ended each time in order: by itself, or from outside{actors}"
        return f"{path} was repaired {often}, and changed again each time: another tool or person changes it{actors}"

    def _waits(self, slot: Slot, path: str, diff: ContainerDiff) -> bool:
        healing = self._healing(slot, path)
        left_s = 0.0 if healing is None else wait_s(healing)
        if healing is not None and left_s:
            reason = f"{diff.reason}, {crash_count(healing) + 1} times in a row{AGAIN}{self._moment(left_s)}"
            self.draft.hold(_subject(slot), reason, self.chosen.app.key, error=True)
        return bool(left_s)

    def _healing(self, slot: Slot, path: str) -> HealRecord | None:
        if not self.world.memory.heals:
            return None
        app, service = self.chosen.app, slot.service.name
        field = HealedField(
            app=app.key, service=service, slot=slot.assignment.slot, host=slot.host, path=path
        )
        found = self.world.memory.heals.get(field)
        return found if found and found.spec_hash == self.world.specs.of(app, service).hash else None

    def _moment(self, left_s: float) -> str:
        return f"{self.world.now + timedelta(seconds=left_s):%H:%M:%SZ}"


def _subject(slot: Slot) -> str:
    name = slot.current.name if slot.current is not None else slot.name
    return f"{name} on {slot.host}"


def _ended_in_order(slot: Slot) -> bool:
    """Return whether a container ended by itself with code 0, or was stopped or killed: none of these is a crash."""
    details = slot.current.details if slot.current is not None else None
    return details is None or (details.exit_code in ORDERLY_CODES and not details.oom_killed)
