"""Restarts stopped containers of apps and services that are kept until a person decides about their data.

A container that ended by itself is not restarted, because that would be repeated forever.
"""

from collections.abc import Collection

from gitops_orch.model.app import App
from gitops_orch.model.observed import LIVE_STATES
from gitops_orch.planner.fallback.fallback import best_first, can_restart, is_backed_off, restart
from gitops_orch.planner.fallback.spare_capacity import RunningSet
from gitops_orch.planner.inputs.container_exit import why_stopped
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_order import service_of


def keep_running(app: App, draft: PlanBuilder, world: World, index: Index) -> None:
    """Restart the stopped containers of an app that is left as it is, including services that were renamed in Git."""
    found = {service_of(each) for each in index.apps.get(app.key, ())}
    _start(app, found, draft, world, index)


def keep_services_running(app: App, draft: PlanBuilder, world: World, index: Index) -> None:
    """Restart the stopped containers of services that left an app and are kept."""
    kept = {service for key, service in world.findings.retained_services if key == app.key}
    if kept:
        _start(app, kept, draft, world, index)


def _start(app: App, services: Collection[str], draft: PlanBuilder, world: World, index: Index) -> None:
    jobs = {service.name for service in app.services if service.job}
    there = index.apps.get(app.key, ())
    stopped = [
        each
        for each in there
        if service_of(each) in services
        and service_of(each) not in jobs
        and why_stopped(each)
        and can_restart(each, app.key, world)
    ]
    room = RunningSet(app, [each for each in there if each.state in LIVE_STATES])
    for each in best_first(stopped, app.key, world.releases):
        if room.add_if_free(each) and not is_backed_off(draft, app.key, each, world.memory):
            draft.add_gate(app.key, restart(draft, each, ()))
