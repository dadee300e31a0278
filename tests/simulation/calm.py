"""Checks after all trouble has ended: a few passes leave nothing to do, and every rollback is complete."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from simulation.oracle import app_differences
from simulation.recipes import BAD, BAD_HOOKS, AppRecipe, TreeRecipe, is_hopeless, never_ends
from simulation.witness import Violation

from gitops_orch.model.app import AppKey
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.plan.action import Action
from gitops_orch.model.status import AppHealth, AppReleaseState, Status

if TYPE_CHECKING:
    from simulation.history import Stage

CALM_PASSES_MAX = 12
NOT_TRIED = "is not tried again until"  # in the reason of the hold of an app that was rolled back
PAUSED = "tried again at"  # in the reason of a hold that ends by itself after a failure
ROLLED_BACK = {AppReleaseState.ROLLED_BACK, AppReleaseState.FAILED}
HEALTHY = {AppHealth.HEALTHY, AppHealth.PROGRESSING}


def calm_down(stage: "Stage") -> None:
    """Run passes without faults; Violation if they leave something to do, whatever the commit declares."""
    for _ in range(CALM_PASSES_MAX):
        report = stage.run()
        stage.clock.sleep(30)
        if report is not None and is_at_rest(report.final_status) and is_at_rest(stage.status()):
            break
    status = stage.status()
    in_force = stage.repository.commits.get(stage.monitor.commit, stage.repository.head_tree)
    # While the controller cannot act on the head, the previous commit stays in force.
    asked = (*stage.repository.head_tree.apps, *in_force.apps)
    hopeless = {app.key for app in asked if is_hopeless(app)}
    # If all state was lost, a job that never ends counts as part of a release that was stable.
    hopeless |= {app.key for app in asked if stage.tally.wipes and any(map(never_ends, app.services))}
    # An app whose rollback is not healthy either is retried now and then, without end.
    last = report.final_status.plan.holds if report is not None else ()
    paused = {hold.app for hold in (*last, *status.plan.holds) if PAUSED in hold.reason}
    gone_back = [app for app in status.apps if app.release_state in ROLLED_BACK]
    hopeless |= {app.key for app in gone_back if app.health not in HEALTHY or app.key in paused}
    hopeless |= (
        _robbed(stage, asked) | _forgotten(stage) | stage.taken_for_stable | _kept_with_bad_hooks(stage)
    )
    for _ in asked:  # an app that depends on one of these waits, too
        hopeless |= {app.key for app in asked if _needed(app) in hopeless}
    hopeless |= _kept_for(stage, hopeless)
    left = [action for action in standing(status) if action.app not in hopeless]
    left += [hold for hold in status.plan.holds if PAUSED in hold.reason and hold.app not in hopeless]
    if left and not status.plan.refusals:
        fail(f"still not at rest after {CALM_PASSES_MAX} calm passes: {left}")
    _check_whole(stage, status, in_force)
    _check_git_heard(stage, status)
    check_damage(stage)


def _robbed(stage: "Stage", apps: Iterable[AppRecipe]) -> set[AppKey]:
    """Apps that wait for a port: head gives it to them, but another app still runs a release that publishes it."""
    taken = {
        (port, container.owner.app)
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.up and container.owner is not None
        for _, port, _ in container.ports
    }
    return {
        app.key
        for app in apps
        for service in app.services
        for port, owner in taken
        if port == service.port and owner != app.key
    }


def _forgotten(stage: "Stage") -> set[AppKey]:
    """Apps with a failing container of a release that the lost history knew as not yet stable.

    Without that history, the release may have been stable and its container may have failed later. This is trouble: it
    is retried, and it does not fail the release that Git declares now, which keeps that container unchanged.
    """
    releases = stage.history.releases(None)
    known = {(release.app, release.digest) for release in releases}
    in_force = stage.repository.desired(stage.monitor.commit).apps if stage.monitor.commit else ()
    known |= {(app.key, app.digest) for app in in_force}
    return {
        container.owner.app
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if stage.tally.wipes and container.owner is not None and container.image in BAD
        if container.up and (container.owner.app, container.owner.release) not in known
    }


def _kept_with_bad_hooks(stage: "Stage") -> set[AppKey]:
    """Apps whose files have mistakes now, and whose release has a command that fails whenever it is run.

    Such a release may be stable: its containers were taken over from the release before it, without the command.
    """
    broken = stage.repository.commits[stage.monitor.commit].broken if stage.monitor.commit else ()
    recipes = (
        (container.owner.app, stage.repository.recipes.get((container.owner.app, container.owner.release)))
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.owner is not None and container.owner.app.name in broken
    )
    return {
        app
        for app, recipe in recipes
        if recipe is not None and any(hook in BAD_HOOKS for s in recipe.services for hook in s.hooks)
    }


def _kept_for(stage: "Stage", hopeless: set[AppKey]) -> set[AppKey]:
    """Apps that left Git and stay, because a running release that cannot be replaced depends on them."""
    running = (
        stage.repository.recipes.get((container.owner.app, container.owner.release))
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.owner is not None and container.owner.app in hopeless
    )
    return {_needed(recipe) for recipe in running if recipe is not None and recipe.needs}


def _needed(app: AppRecipe) -> AppKey | None:
    return AppKey(namespace="default", name=app.needs) if app.needs else None


def _check_whole(stage: "Stage", status: Status, tree: TreeRecipe) -> None:
    """An app that was rolled back runs its previous release on all hosts, never a mix of two releases."""
    busy = {action.app for action in status.plan.actions}
    # Held apps stay as they are.
    busy |= {hold.app for hold in status.plan.holds if NOT_TRIED not in hold.reason}
    for row in status.apps:
        back = row.release_state is AppReleaseState.ROLLED_BACK and row.health is AppHealth.HEALTHY
        recipe = stage.repository.recipes.get((row.key, row.release))
        if recipe is None or any(service.everywhere for service in recipe.services):
            continue  # its number of containers depends on which hosts are active now
        if back and row.key not in busy and not status.plan.unknown_hosts:
            wrong = app_differences(tree, recipe, stage.fleet, failed_may_stay=True)
            if wrong:
                fail(f"{row.key} went back to a mix: {wrong}")


def _check_git_heard(stage: "Stage", status: Status) -> None:
    """A release that was rolled back was also reverted in Git, or history records why it was not.

    Exception: a head on which the controller cannot act already declares another release: nothing is to be reverted.
    """
    if not (stage.pushes and status.commit) or status.plan.refusals or status.plan.unknown_hosts:
        return
    asked = {app.key: app.digest for app in stage.repository.desired(status.commit).apps}
    ahead = {app.key: app.digest for app in stage.repository.desired(stage.repository.head).apps}
    held = {hold.app for hold in status.plan.holds if NOT_TRIED not in hold.reason}
    for row in status.apps:
        record = stage.history.reverts().get((row.key, asked.get(row.key, "")))
        if ahead.get(row.key) != asked.get(row.key):
            continue
        if row.release_state is AppReleaseState.ROLLED_BACK and row.key not in held and record is None:
            fail(f"{row.key} went back, and nobody tried to revert it in Git")


def is_at_rest(status: Status) -> bool:
    """Whether nothing is left to do, neither now nor after the pause that follows a failure."""
    paused = any(PAUSED in hold.reason or "which is not healthy" in hold.reason for hold in status.plan.holds)
    return bool(status.plan.refusals) or not (standing(status) or paused)


def standing(status: Status) -> list[Action]:
    """The actions that are left, without scheduled runs (due at any time) and actions that only those need."""
    left: dict[str, bool] = {}  # by id: whether it serves anything but a scheduled run
    followers: dict[str, list[str]] = defaultdict(list)
    for action in status.plan.actions:
        for before in (*action.after, *action.follows):
            followers[before].append(action.id)
    for action in reversed(status.plan.actions):
        is_run, standing_on_it = is_run_slot(action.slot or 0), followers[action.id]
        left[action.id] = not is_run and (not standing_on_it or any(left[each] for each in standing_on_it))
    return [action for action in status.plan.actions if left[action.id]]


def check_damage(stage: "Stage") -> None:
    damage = stage.weather.damage() + stage.projects.damage(stage.fleet)
    if damage:
        fail("; ".join(damage))


def fail(sentence: str) -> NoReturn:
    raise Violation(sentence)
