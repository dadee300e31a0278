"""Decides which apps wait for apps that they depend on: those that do not run the head's release, or are unhealthy.

Note [What an app that waits runs]
An app that waits stays at the release that it runs, and that release is healed: the planner plans a second time with
that release instead of the head's. An app that runs nothing yet continues to run nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gitops_orch.model.app import AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.model.plan.kinds import KINDS
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


@dataclass(frozen=True, slots=True)
class Wait:
    """The app that another one waits for, and what prevents that it is built on; in the words after "which"."""

    other: AppKey
    obstacle: str

    @property
    def reason(self) -> str:
        """Return the reason as a sentence."""
        return f"{_waits_for(self.other)}, which {self.obstacle}"


def _waits_for(other: AppKey) -> str:
    return f"waits for {other}"


class AppDependencies:
    """Knows why others must wait for an app. Each app is noted once it is planned, in the order of dependencies."""

    def __init__(self, world: World, index: Index, draft: PlanBuilder, externals: Externals) -> None:
        self._world = world
        self.externals = externals
        self.outside = JoinableContainers(index)
        self.index = index
        self.draft = draft
        self._awaited = {other for each in world.releases.targets for other in each.app.depends_on}
        self._reasons: dict[AppKey, str] = dict.fromkeys(world.desired.invalid_apps, "cannot be read")
        self.waiting: dict[AppKey, Wait] = {}  # apps that are therefore not rolled out

    def note_planned(self, chosen: TargetRelease) -> None:
        """Note the state of an app, now that its steps are in the draft."""
        if chosen.app.key in self._awaited:
            reason = self._why_not(chosen)
            if reason:
                self._reasons[chosen.app.key] = reason

    def must_wait(self, chosen: TargetRelease, slots: AppSlots) -> bool:
        """Return whether an app's rollout must wait; if so, that is noted."""
        if chosen.role is not Role.HEAD or not self._is_rollout(chosen, slots):
            return False
        for other in sorted(chosen.app.depends_on):
            if other in self._reasons:
                key, wait = chosen.app.key, Wait(other, self._reasons[other])
                self.waiting[key] = wait
                self._reasons[key] = _waits_for(other)
                self.draft.hold(str(key), wait.reason, key, heals=True)
                return True
        return False

    def _is_rollout(self, chosen: TargetRelease, slots: AppSlots) -> bool:
        """Return whether the plan rolls out the head's release.

        Healing of containers that already run it is no rollout.
        """
        key, digest = chosen.app.key, chosen.app.digest
        moves = any(slot.outdated or _must_start(slot) for slot in slots.slots)
        if not chosen.app.depends_on or not (slots.surplus or moves):
            return False
        releases = {each.owner.release for each in self.index.apps.get(key, ()) if has_run(each)}
        runs_head = releases == {digest} or (not releases and key in self._world.releases.stable_heads)
        return not runs_head or key in self._world.releases.ungated

    def _why_not(self, chosen: TargetRelease) -> str:
        """Return why others cannot build on an app, the first match wins; "" if they can."""
        key = chosen.app.key
        if key in self._reasons:
            return self._reasons[key]
        if chosen.role is Role.WAITING:
            if chosen.waits_for is not None:
                return _waits_for(chosen.waits_for)
            return "cannot be started yet" if chosen.reason else ""
        if chosen.stays_running:
            return _ROLES[Role.BLOCKED]
        if chosen.role is not Role.HEAD:
            return _ROLES[chosen.role]
        if key in self.draft.unknown:
            return "is on a host that does not answer"
        for hold in self.draft.holds:
            if hold.app == key and (hold.error or hold.covers_app):
                return "is held" if hold.covers_app and not hold.error else "cannot be repaired"
        return self._unhealthy(chosen)

    def _unhealthy(self, chosen: TargetRelease) -> str:
        """Describe the first running container that is unhealthy and that this plan does not gate; "" if none."""
        key = chosen.app.key
        gated = {action.target for action in self.draft.actions_of(key) if KINDS[action.kind].brings_up}
        for found in self.index.apps.get(key, ()):
            stays = not self.draft.ledger.removals_of(found.host, found.id)
            if stays and found.id not in gated and _is_unhealthy(found):
                return f"is not healthy ({found.name} on {found.host} is {found.health.value})"
        return ""


def has_run(container: ObservedContainer) -> bool:
    """Return whether a container was ever started, and is not retained or failed."""
    return container.state is not State.CREATED and not is_retained(container)


def _must_start(slot: Slot) -> bool:
    return slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)


def _is_unhealthy(container: ObservedContainer) -> bool:
    """Return whether a running container is unhealthy. The plan repairs one that does not run, or it is retained."""
    return container.state is State.RUNNING and container.health in {Health.STARTING, Health.UNHEALTHY}


def with_running_releases(world: World, waiting: Mapping[AppKey, Wait]) -> World | None:
    """Return the world in which waiting apps have their running release as target; None if none of them runs one."""
    instead = {key: world.releases.running[key] for key in waiting if key in world.releases.running}
    if not instead:
        return None
    chosen = tuple(
        replace(instead[key], role=Role.WAITING, reason=waiting[key].reason, waits_for=waiting[key].other)
        if key in instead
        else each
        for each in world.releases.targets
        for key in (each.app.key,)
    )
    return replace(world, releases=replace(world.releases, targets=chosen))
