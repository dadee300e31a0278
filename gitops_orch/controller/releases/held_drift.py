"""Computes what a sync would do to held apps without their holds: the difference between them and Git."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.releases.outdated_releases import previous_services
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, ObservedHost, owned_containers
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.plan import Plan
from gitops_orch.planner.inputs.world import TargetRelease, World
from gitops_orch.planner.plan import make_plan
from gitops_orch.python_gc import few_collections


def held_actions(
    desired: Desired, world: World, plan: Plan, repository: ConfigRepository
) -> tuple[Action, ...]:
    """Return the actions that would bring held apps to their head releases. They are never executed."""
    held = {hold.app for hold in plan.holds if not hold.kept}
    heads = {app.key: replace(app, hold=None) for app in desired.apps if app.key in held}
    if not heads:
        return ()
    free = _without_holds(world, heads.values(), repository)
    with few_collections():
        unheld = make_plan(free)
    return tuple(action for action in unheld.actions if action.app in heads)


def _without_holds(world: World, heads: Iterable[App], repository: ConfigRepository) -> World:
    """Return a world without the holds, backoffs and quarantines of these apps, with their head releases as targets."""
    spec_cache = SpecCache()
    keyed = {app.key: app for app in spec_cache.keyed(heads, world.specs.salt).values()}
    chosen = tuple(
        TargetRelease(app=keyed[each.app.key], commit=world.desired.commit) if each.app.key in keyed else each
        for each in world.releases.targets
    )
    specs = {**world.specs.by_service, **spec_cache.specs(keyed.values(), world.specs.salt)}
    observed = {name: _without_retained(host, keyed) for name, host in world.observed.hosts.items()}
    return replace(
        world,
        observed=replace(world.observed, hosts=observed),
        releases=replace(
            world.releases,
            targets=chosen,
            failed={key: failed for key, failed in world.releases.failed.items() if key not in keyed},
        ),
        specs=replace(
            world.specs,
            by_service=specs,
            declared_services=previous_services(
                chosen, owned_containers(observed), specs, repository, world.specs.salt
            ),
        ),
        operator=replace(
            world.operator,
            holds={key: hold for key, hold in world.operator.holds.items() if key not in keyed},
        ),
        memory=replace(
            world.memory,
            backoffs={key: wait for key, wait in world.memory.backoffs.items() if key not in keyed},
            heals={field: healing for field, healing in world.memory.heals.items() if field.app not in keyed},
        ),
    )


def _without_retained(host: Observation, apps: Collection[AppKey]) -> Observation:
    """Return a host without retained and failed containers of these apps, so that only running ones are compared."""
    if not isinstance(host, ObservedHost):
        return host
    kept = (each for each in host.owned if each.owner.app not in apps or not is_retained(each))
    return replace(host, owned=tuple(kept))
