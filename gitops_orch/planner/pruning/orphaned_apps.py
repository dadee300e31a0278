"""Removes the containers and networks of apps that are no longer in Git."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gitops_orch.model.app import AppKey, Prune
from gitops_orch.model.display.same_reason import AGAIN
from gitops_orch.planner.fallback.predecessors import restart_predecessors
from gitops_orch.planner.inputs.allowed_removals import is_allowed
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import Role, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.dependency_order import app_order
from gitops_orch.planner.removal.removal_order import remove_in_order

FOREIGN_APP = (
    "was never in this repository: perhaps another controller, of another repository, deployed it to this Engine, so it "
    "is left alone. Give each controller that shares an Engine a name of its own with the setting `instance`"
)


def removed_apps(world: World, index: Index) -> tuple[AppKey, ...]:
    """Return apps that have something on a known host, and are neither in Git nor invalid."""
    wanted = {chosen.app.key for chosen in world.releases.targets} | set(world.desired.invalid_apps)
    return tuple(
        sorted((set(index.apps) | set(index.pre_starts) | set(index.runs) | set(index.networks)) - wanted)
    )


def prune_apps(world: World, index: Index, draft: PlanBuilder) -> None:
    """Add the removal of apps that left Git, dependents first; or a hold that says why an app stays.

    A removal that failed is retried with backoff, like everything else. An app that returned under another name
    (`World.successors`) is removed once the new one has passed its gates.
    """
    removed: dict[AppKey, list[str]] = {}
    depends = {
        key: world.desired.former.apps[key].depends_on if key in world.desired.former.apps else ()
        for key in removed_apps(world, index)
    }
    leaving = _by_dependency(depends)
    needs = _RemainingNeeds.of(world, draft) if depends else _RemainingNeeds()
    for key in reversed(app_order(depends, depends)):
        successor = world.findings.successors.get(key)
        gates = draft.gates(successor) if successor is not None and successor not in needs.held else []
        obstacle = _obstacle(world, key) or needs.why_kept(key)
        if (
            successor is not None
            and key in world.findings.retained_apps
            and obstacle == world.findings.retained_apps[key]
        ):
            restart_predecessors(key, successor, draft, world, index)
        elif successor is not None and not gates and not obstacle:
            obstacle = f"left Git, and is removed once {successor}, which takes its place, is healthy"
            restart_predecessors(key, successor, draft, world, index)
        wait = world.memory.backoffs.get(key)
        if obstacle:
            draft.hold(str(key), obstacle, key)
            continue
        if wait is not None:
            draft.hold(str(key), f"{wait.reason}{AGAIN}{wait.until:%H:%M:%SZ}", key, error=True)
            continue
        above = [identity for other in needs.running.get(key, ()) for identity in draft.gates(other)]
        above += [identity for other in leaving.get(key, ()) for identity in removed.get(other, ())]
        there = (*index.apps.get(key, ()), *index.pre_starts.get(key, ()), *index.runs.get(key, ()))
        former = world.desired.former.apps.get(key)
        reason = _reason(world, key) if successor is None else f"its app is {successor} now"
        removed[key] = remove_in_order(draft, former, there, reason, above, gates=gates)
        draft.networks_wanted[key] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemainingNeeds:
    """By app that left Git: the apps that stay and depend on it, in their running or their target release."""

    running: Mapping[AppKey, Sequence[AppKey]] = field(default_factory=dict)
    # in a target release that is not the head's
    older: Mapping[AppKey, Sequence[AppKey]] = field(default_factory=dict)
    held: frozenset[AppKey | None] = frozenset()  # apps of which only previous containers may be started

    @classmethod
    def of(cls, world: World, draft: PlanBuilder) -> "_RemainingNeeds":
        """Return the needs of a world's apps."""
        older = (each.app for each in world.releases.targets if each.role is not Role.HEAD)
        return cls(
            running=_by_dependency(
                {key: runs.app.depends_on for key, runs in world.releases.running.items()}
            ),
            older=_by_dependency({app.key: app.depends_on for app in older}),
            held=frozenset(hold.app for hold in draft.holds if hold.covers_app),
        )

    def why_kept(self, key: AppKey) -> str:
        """Return why an app is kept: an app that stays still runs a release that depends on it; "" if none does."""
        running = (other for other in self.running.get(key, ()) if other in self.held)
        needing = min((*self.older.get(key, ()), *running), default=None)
        return f"left Git, and is kept while {needing} runs a release that depends on it" if needing else ""


def _by_dependency(depends: Mapping[AppKey, Iterable[AppKey]]) -> Mapping[AppKey, Sequence[AppKey]]:
    """Return, by app, the apps that depend on it, in order."""
    found: dict[AppKey, list[AppKey]] = defaultdict(list)
    for key in sorted(depends):
        for other in depends[key]:
            found[other].append(key)
    return found


def _reason(world: World, key: AppKey) -> str:
    place = world.desired.left_out.get(key)
    return f"its app is left out by {place}" if place else "its app left Git"


def _obstacle(world: World, key: AppKey) -> str:
    if key in world.desired.former.foreign_apps and str(key) not in world.operator.allowed_prunes:
        return FOREIGN_APP
    if world.desired.invalid_paths:
        return f"is not removed while {world.desired.invalid_paths[0]} cannot be read: it may be there"
    hold = world.operator.holds.get(key)
    if hold is not None and (hold.until is None or hold.until > world.now):
        return f"is held: {hold.reason}"
    if world.desired.former.prune_of(key) is Prune.NEVER:
        return "left Git, and prune: never keeps what runs"
    if key in world.findings.retained_apps and not is_allowed(world.operator, key):
        return world.findings.retained_apps[key]
    if world.desired.former.prune_of(key) is Prune.CONFIRM and not is_allowed(world.operator, key):
        return f"left Git, and waits for a commit with the trailer `Allow-Prune: {key}`"
    return ""
