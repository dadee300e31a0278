"""The removal budget: a plan that removes too much is refused as a whole, with the numbers.

It counts containers whose service left Git. Replacements, moves, scaling down, a rollback, and containers that `prune`
keeps are not losses. An app that may have been renamed is kept, but still counts as one that left Git: one such app
does not show that the removal of all others is intended. An app that is in Git with other services than before has not
left it.
"""

from gitops_orch.model.app import AppKey, Prune
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.plan.plan import Refusal
from gitops_orch.planner.inputs.allowed_removals import is_allowed
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World

REMOVAL_BUDGET = "removal-budget"
EVERYTHING = "remove-everything"


def check_removals(world: World, index: Index) -> tuple[Refusal, ...]:
    """Return why the plan must not be executed; empty if it may be."""
    chosen = {each.app.key: each for each in world.releases.targets}
    total, leaving, counted, absent = 0, 0, 0, 0
    for key, found in index.apps.items():
        if key in world.desired.former.foreign_apps:
            continue  # perhaps another controller's, and removed only by name
        located = tuple(each for each in found if not is_retained(each))
        lost = _lost_count(key, world, chosen.get(key), located)
        total += len(located)
        leaving += lost
        absent += 0 if key in chosen else len(located) if key in world.findings.retained_apps else lost
        counted += 0 if is_allowed(world.operator, key) else lost
    budget = world.desired.fleet.prune
    # other apps replace them, and each removed app is allowed by name
    replaced = bool(chosen) and counted == 0
    if leaving and absent == total and not budget.allow_empty and not replaced:
        return (
            Refusal(
                rule=EVERYTHING,
                message=f"all {total} containers left Git; nothing is touched. {_way_out(world.releases)}",
            ),
        )
    if total >= budget.removals_min and counted * 100 > budget.removals_max_percent * total:
        message = (
            f"{counted} of {total} containers left Git, which is more than {budget.removals_max_percent:g} %; "
            f"nothing is touched. If this is meant, name the apps in the commit's trailer `Allow-Prune: <app>`, or "
            f"run `gitops-orch accept {world.desired.commit[:12]}`"
        )
        return (Refusal(rule=REMOVAL_BUDGET, message=message),)
    return ()


def _lost_count(
    key: AppKey, world: World, chosen: TargetRelease | None, located: tuple[OwnedContainer, ...]
) -> int:
    prune = world.desired.former.prune_of(key) if chosen is None else chosen.app.prune
    asked = prune is Prune.CONFIRM or (chosen is None and key in world.findings.retained_apps)
    if prune is Prune.NEVER or (asked and not is_allowed(world.operator, key)):
        return 0
    if chosen is None:
        return 0 if key in world.desired.invalid_apps or world.desired.invalid_paths else len(located)
    if chosen.role is not Role.HEAD:
        return 0  # a service that an older release lacks is still in Git
    wanted = {service.name for service in chosen.app.services}
    return sum(each.owner.service not in wanted for each in located)


def _way_out(releases: ReleaseInputs) -> str:
    if releases.targets:
        return "If this is meant, name each app in the commit's trailer `Allow-Prune: <app>`"
    return "If this is meant, set spec.prune.allow_empty in gitops.yaml; else, were the right branch and path given?"
