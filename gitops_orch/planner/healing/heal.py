"""Self-heal with judgement: what is unhealthy is restarted, and what healing does not help is left alone, with the reason.

Note [Three kinds of what does not help]
A container that ends again and again is started again each time later.  One that its healthcheck finds unhealthy is
restarted so many times within so long, and then no more.  And what is changed again whenever it was put right is a fight
with another hand: the product yields, says so, and names who it may be.  What ends by itself cannot be told from what
another hand stops, so a container that ended in order counts as a fight, too.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from gitops_orch.model.app import Drift
from gitops_orch.model.display.legible import check_words, why_unhealthy
from gitops_orch.model.display.same_reason import AGAIN, LEFT
from gitops_orch.model.heal import HealedField, HealRecord
from gitops_orch.model.observed import Health, State
from gitops_orch.model.plan import Change
from gitops_orch.model.rules.exit_codes import ORDERLY_CODES
from gitops_orch.model.rules.failure_policy import is_tolerated
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.shared_namespaces import NAMESPACE
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

HEALTH, STATE, PAUSE = "health", "state", "state paused"
WHOLE_CONTAINER = "container"  # the path of what is made anew because it is not there at all


def limit_healing(
    chosen: TargetRelease, slots: AppSlots, world: World, index: Index, draft: PlanBuilder
) -> AppSlots:
    """Return the slots with what is unhealthy to be restarted, and without what healing does not help; note the latter."""
    limiter = _HealLimiter(chosen, world, index, draft)
    on_trial = chosen.role is Role.HEAD and chosen.app.key not in world.stable_heads
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
    """Tell whether its release is judged by a container: one that may not fail, and that was made for this release."""
    owner = slot.current.container.owner if slot.current is not None else None
    is_older = owner is not None and owner.release != chosen.app.digest
    return not (is_older or is_tolerated(slot.service))


def path_of(changes: tuple[Change, ...]) -> str:
    """Return the path by which heals are counted: one that is paused is another matter than one that ended."""
    if not changes:
        return WHOLE_CONTAINER
    first = changes[0]
    return PAUSE if first.path == STATE and first.before == State.PAUSED.value else first.path


def _with_restart(chosen: TargetRelease, slot: Slot) -> Slot:
    current = slot.current.container if slot.current is not None else None
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
    """Knows what was healed before, and notes what it stops."""

    chosen: TargetRelease
    world: World
    index: Index
    draft: PlanBuilder

    def without_stopped(self, slot: Slot) -> Slot:
        """Return a slot without the findings that are left alone for now."""
        if slot.is_new:
            return slot
        asked = (each for each in slot.diffs if each.remedy is Remedy.RESTART or not slot.outdated)
        put_off = [each for each in asked if self._is_backed_off(slot, each)]
        kept = tuple(each for each in slot.diffs if each not in put_off)
        return slot if len(kept) == len(slot.diffs) else replace(slot, diffs=kept)

    def _is_backed_off(self, slot: Slot, diff: ContainerDiff) -> bool:
        path = path_of(diff.changes)
        if path == NAMESPACE:
            return self._waits(slot, path, diff)  # later each time: its parent may be in a crash loop
        if diff.remedy is not Remedy.START:
            return self.is_stopped(slot, path)
        return (_ended_in_order(slot) and self.is_stopped(slot, path)) or self._waits(slot, path, diff)

    def is_suspended(self, slot: Slot, path: str) -> bool:
        """Tell whether a container is not made for now; one that only follows its parent is never the cause of anything."""
        return path != NAMESPACE and self.is_stopped(slot, path)

    def is_stopped(self, slot: Slot, path: str) -> bool:
        """Tell whether what is at a path is put right no more; if so, that is noted."""
        healing = self._healing(slot, path)
        left_s = 0.0 if healing is None or healing.release != self.chosen.app.digest else stopped_s(healing)
        if left_s:
            key = self.chosen.app.key
            end = f"{self._moment(left_s)}, until the app changes, or until `gitops-orch retry {key}`"
            # What a check printed differs each time, so it stands behind the part that `lasting` keeps.
            printed = self._printed(slot) if path == HEALTH else ""
            reason = f"{self._why_stopped(slot, path)}{LEFT}{end}{printed}"
            self.draft.hold(_subject(slot), reason, key, error=True, stopped=True)
        return bool(left_s)

    def _printed(self, slot: Slot) -> str:
        details = slot.current.container.details if slot.current is not None else None
        words = check_words(details, self.chosen.app)
        return f"; the check printed: {words}" if words else ""

    def _why_stopped(self, slot: Slot, path: str) -> str:
        often = f"{HEALS_MAX} times within {SPAN_S:g} s"
        actors = likely_tools(self.index, slot.host, self.chosen.app.key)
        if path == HEALTH:
            return f"it was restarted {often}, and its healthcheck says unhealthy again"
        if path == STATE:
            return (
                f"it was started {often}, and ended each time in order: by itself, or by another hand{actors}"
            )
        return f"{path} was put right {often}, and changed again each time: another hand is at work{actors}"

    def _waits(self, slot: Slot, path: str, diff: ContainerDiff) -> bool:
        healing = self._healing(slot, path)
        left_s = 0.0 if healing is None else wait_s(healing)
        if healing is not None and left_s:
            reason = f"{diff.reason}, {crash_count(healing) + 1} times in a row{AGAIN}{self._moment(left_s)}"
            self.draft.hold(_subject(slot), reason, self.chosen.app.key, error=True)
        return bool(left_s)

    def _healing(self, slot: Slot, path: str) -> HealRecord | None:
        if not self.world.heals:
            return None
        app, service = self.chosen.app, slot.service.name
        field = HealedField(
            app=app.key, service=service, slot=slot.assignment.slot, host=slot.host, path=path
        )
        found = self.world.heals.get(field)
        return found if found and found.spec_hash == self.world.spec(app, service).hash else None

    def _moment(self, left_s: float) -> str:
        return f"{self.world.now + timedelta(seconds=left_s):%H:%M:%SZ}"


def _subject(slot: Slot) -> str:
    name = slot.current.container.name if slot.current is not None else slot.name
    return f"{name} on {slot.host}"


def _ended_in_order(slot: Slot) -> bool:
    """By itself with code 0, or because it was asked to or killed: none of that is a crash."""
    details = slot.current.container.details if slot.current is not None else None
    return details is None or (details.exit_code in ORDERLY_CODES and not details.oom_killed)
