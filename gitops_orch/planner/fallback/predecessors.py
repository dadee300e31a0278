"""Decides which containers serve if a first release fails that was to replace something else.

That is what an app adopts (`adopt: true`), or the app under its former name. Such a first release does not stay up: its
containers are removed, and the previous ones serve again.
"""

from dataclasses import replace

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.observed import LIVE_STATES
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.fallback.fallback import best_first, can_serve, is_backed_off, may_start, restart
from gitops_orch.planner.fallback.spare_capacity import RunningSet
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.container_exit import why_stopped
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import Role, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_order import service_of


def with_predecessors(world: World, index: Index) -> World:
    """Return the world, where a failed first release does not stay up if the containers that it was to replace exist.

    It counts as failed then, so that its containers are replaced.
    """
    renamed = {new for old, new in world.findings.successors.items() if index.apps.get(old)}
    back = {
        each.app.key: each
        for each in world.releases.targets
        if each.stays_running and (each.app.key in renamed or adopted_containers(each.app, index))
    }
    if not back:
        return world
    failures = {
        key: world.releases.failed_or_running.get(key, {}).get(each.app.digest, "")
        for key, each in back.items()
    }
    stuck = {
        key: replace(
            each, role=Role.BLOCKED, stays_running=False, reason=_predecessor_runs(each.app, failures[key])
        )
        for key, each in back.items()
    }
    failed = {
        key: {**world.releases.failed.get(key, {}), each.app.digest: failures[key]}
        for key, each in back.items()
    }
    return replace(
        world,
        releases=replace(
            world.releases,
            targets=tuple(stuck.get(each.app.key, each) for each in world.releases.targets),
            failed={**world.releases.failed, **failed},
        ),
    )


def _predecessor_runs(app: App, why: str) -> str:
    return (
        f"release {app.digest[:12]} failed, and what it was to take over serves again; it is not tried again until the "
        f"app changes or `gitops-orch retry {app.key}` is run: {why}"
    )


def restart_predecessors(
    old: AppKey, successor: AppKey, draft: PlanBuilder, world: World, index: Index
) -> None:
    """Restart the stopped services of an app's old name for which no container of the new app runs and stays.

    If the old app waits for a person, only containers that were stopped from outside are restarted: one that ends by
    itself would be restarted forever. Not restarted are jobs, which never run again; services of which the new app's
    own former container is started; and containers that cannot run beside the running ones of the old app.
    """
    former = world.desired.former.apps.get(old)
    jobs = {service.name for service in former.services if service.job} if former is not None else set()
    there = [
        found
        for found in index.apps.get(old, ())
        if can_serve(found)
        and service_of(found) not in jobs
        and (old not in world.findings.retained_apps or why_stopped(found))
    ]
    if old in world.findings.blocked or not there:
        return
    new = [each for each in index.apps.get(successor, ()) if each.state in LIVE_STATES]
    stops = {each.id: draft.ledger.stop_of(each.host, each.id) for each in new}
    served = {service_of(each) for each in new if stops[each.id] is None}
    served |= {str(each.service) for each in draft.actions_of(successor) if each.kind is Kind.START}
    ends = tuple(
        stop for each in new if service_of(each) not in served and (stop := stops[each.id]) is not None
    )
    running = [each for each in index.apps.get(old, ()) if each.state in LIVE_STATES]
    room = RunningSet(former, running)
    for found in best_first(there, old, world.releases):
        if service_of(found) in served or not may_start(found, world.observed):
            continue
        if room.add_if_free(found) and not is_backed_off(draft, successor, found, world.memory):
            restart(draft, found, ends)
