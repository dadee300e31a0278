"""Apps that others depend on come first: what builds on one that is not what Git says, or does not do well, waits.

Note [What an app that waits runs]
An app whose turn has not come stays at the release that it runs, and is healed at that one: a plan is made a second time,
with that release in the place of head's.  One that runs nothing yet stays so.
"""

from collections.abc import Mapping
from dataclasses import replace

from gitops_orch.model.app import AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.model.plan import Kind
from gitops_orch.planner.admission.joined_containers import JoinableContainers
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import Role, TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.resources.external_resources import Externals

_ROLES = {
    Role.PINNED: "is pinned to a release of its own",
    Role.ROLLBACK: "was rolled back",
    Role.BLOCKED: "failed",
}
_GATE_KINDS = frozenset({Kind.START, Kind.WAIT_HEALTHY, Kind.RUN_JOB})


class AppDependencies:
    """Says of each app why others must wait for it; told of each once it is planned, in the order of dependencies."""

    def __init__(self, world: World, index: Index, draft: PlanBuilder, externals: Externals) -> None:
        self._world = world
        self.externals = externals
        self.outside = JoinableContainers(index)
        self.index = index
        self.draft = draft
        self._awaited = {other for each in world.targets for other in each.app.depends_on}
        self._reasons: dict[AppKey, str] = dict.fromkeys(world.invalid_apps, "cannot be read")
        self.waiting: dict[AppKey, str] = {}  # apps that are not rolled out for it, each with why

    def note_planned(self, chosen: TargetRelease) -> None:
        """Note how an app stands, now that its steps are in the draft."""
        if chosen.app.key in self._awaited:
            reason = self._why_not(chosen)
            if reason:
                self._reasons[chosen.app.key] = reason

    def must_wait(self, chosen: TargetRelease, slots: AppSlots) -> bool:
        """Tell whether an app must wait with what Git has new for it; if so, that is noted."""
        if chosen.role is not Role.HEAD or not self._is_rollout(chosen, slots):
            return False
        for other in sorted(chosen.app.depends_on):
            if other in self._reasons:
                key, reason = chosen.app.key, f"waits for {other}, which {self._reasons[other]}"
                self.waiting[key] = reason
                self._reasons[key] = f"waits for {other}"
                self.draft.hold(str(key), reason, key, heals=True)
                return True
        return False

    def _is_rollout(self, chosen: TargetRelease, slots: AppSlots) -> bool:
        """Healing what runs head's release is none."""
        key, digest = chosen.app.key, chosen.app.digest
        moves = any(slot.outdated or _must_start(slot) for slot in slots.slots)
        if not chosen.app.depends_on or not (slots.surplus or moves):
            return False
        containers = [found.container for found in self.index.apps.get(key, ())]
        releases = {each.owner.release for each in containers if each.owner and has_run(each)}
        runs_head = releases == {digest} or (not releases and key in self._world.stable_heads)
        return not runs_head or key in self._world.ungated

    def _why_not(self, chosen: TargetRelease) -> str:
        """First match wins; "" where others can build on it."""
        key = chosen.app.key
        if key in self._reasons:
            return self._reasons[key]
        if chosen.role is Role.WAITING:
            return chosen.reason.partition(",")[0]
        if chosen.stays_running:
            return _ROLES[Role.BLOCKED]
        if chosen.role is not Role.HEAD:
            return _ROLES[chosen.role]
        if key in self.draft.unknown:
            return "is on a host that does not answer"
        for hold in self.draft.holds:
            if hold.app == key and (hold.error or hold.subject == str(key)):
                return "is held" if hold.subject == str(key) and not hold.error else "cannot be put right"
        return self._unhealthy(chosen)

    def _unhealthy(self, chosen: TargetRelease) -> str:
        """What runs, does not do well, and is not being proved by this plan."""
        key = chosen.app.key
        actions = self.draft.actions_of(key)
        gated = {action.target for action in actions if action.kind in _GATE_KINDS}
        removing = {action.target for action in actions if action.kind is Kind.REMOVE}
        for found in self.index.apps.get(key, ()):
            container = found.container
            if container.id not in gated | removing and _is_unhealthy(container):
                return f"does not do well ({container.name} on {found.host} is {container.health.value})"
        return ""


def has_run(container: ObservedContainer) -> bool:
    """Tell whether a container was ever started, and is none of those that were set aside."""
    return container.state is not State.CREATED and not is_retained(container)


def _must_start(slot: Slot) -> bool:
    return slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)


def _is_unhealthy(container: ObservedContainer) -> bool:
    """One that does not run is put right by the plan, or was set aside."""
    return container.state is State.RUNNING and container.health in {Health.STARTING, Health.UNHEALTHY}


def with_running_releases(world: World, waiting: Mapping[AppKey, str]) -> World | None:
    """Return the world with the release that runs in the place of head's for apps that wait; None where there is none."""
    instead = {key: world.running[key] for key in waiting if key in world.running}
    if not instead:
        return None
    chosen = tuple(
        replace(instead[key], role=Role.WAITING, reason=waiting[key]) if key in instead else each
        for each in world.targets
        for key in (each.app.key,)
    )
    return replace(world, targets=chosen)
