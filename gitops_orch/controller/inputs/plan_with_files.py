"""Makes the plan. If it needs files of hosts that were not read yet, reads them and plans again."""

from dataclasses import replace
from functools import partial

from gitops_orch.controller.inputs.gather import Sources
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.observe.bind_files import Unread, holds_of, unknown_of
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.observed import OwnedContainer, owned_containers
from gitops_orch.model.plan.plan import Plan
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan import make_plan


def plan_with_files(
    sources: Sources, memory: Memory, world: World, index: Index
) -> tuple[World, Plan, tuple[Unread, ...]]:
    """Return the world with the files of hosts that its plan needs, the plan, and the files that could not be read.

    `index` is the world's.
    """
    world = replace(world, observed=replace(world.observed, files=memory.host_files.known()))
    plan = make_plan(world, index)
    former = partial(_earlier_releases, sources, owned_containers(world.observed.hosts))
    if plan.unread and memory.host_files.read_needed(plan, world.observed.hosts, former):
        world = replace(world, observed=replace(world.observed, files=memory.host_files.known()))
        plan = make_plan(world, index)
    unread = memory.host_files.unread(plan)
    if any(each.waits for each in unread):
        world = replace(
            world, memory=replace(world.memory, backoffs={**holds_of(unread), **world.memory.backoffs})
        )
        plan = make_plan(world, index)
    plan = replace(plan, files_unknown=unknown_of(unread))
    memory.host_files.forget(plan)
    return world, plan, unread


def _earlier_releases(sources: Sources, containers: list[OwnedContainer], key: AppKey) -> list[App]:
    """Return the releases of an app that its containers and history name.

    Commits that are no longer in Git are left out.
    """
    commits = {release.commit for release in sources.history.releases(key)}
    commits |= {c.owner.commit for c in containers if c.owner.app == key}
    found = (sources.repository.app_at(key, commit) for commit in sorted(commits))
    return [app for app in found if app is not None]
