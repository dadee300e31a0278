"""The removal budget: a plan that takes away too much is refused as a whole, with the numbers.

It counts containers that the plan removes because their service left Git; replacements, moves, scaling down, going
back to an older release, and what is held and stays, are not losses (DESIGN.md, 4).
"""

from collections.abc import Iterable

from gitops_orch.model.plan import Action, Kind, Refusal
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.prune import is_allowed
from gitops_orch.planner.world import Chosen, Role, World

REMOVAL_BUDGET = "removal-budget"
EVERYTHING = "remove-everything"


def check_removals(world: World, index: Index, actions: Iterable[Action]) -> tuple[Refusal, ...]:
    """Return why a plan of these actions must not be carried out; empty where it may."""
    removed = {(action.host, action.target) for action in actions if action.kind is Kind.REMOVE}
    chosen = {each.app.key: each for each in world.chosen}
    total, leaving, counted = 0, 0, 0
    for key, located in index.apps.items():
        going = [each for each in located if (each.host, each.container.id) in removed]
        lost = _lost_count(chosen.get(key), going)
        total += len(located)
        leaving += lost
        counted += 0 if is_allowed(world, key) else lost
    budget = world.fleet.prune
    replaced = bool(chosen) and counted == 0  # others come in their stead, and each that goes is named
    if leaving and leaving == total and not budget.allow_empty and not replaced:
        return (
            Refusal(
                rule=EVERYTHING,
                message=f"all {total} containers left Git; nothing is touched. {_way_out(world)}",
            ),
        )
    if total >= budget.removals_min and counted * 100 > budget.removals_max_percent * total:
        message = (
            f"{counted} of {total} containers left Git, which is more than {budget.removals_max_percent:g} %; "
            f"nothing is touched. If this is meant, name the apps in the commit's trailer `Allow-Prune: <app>`, or "
            f"run `gitops-orch accept {world.commit[:12]}`"
        )
        return (Refusal(rule=REMOVAL_BUDGET, message=message),)
    return ()


def _lost_count(chosen: Chosen | None, going: list[Located]) -> int:
    if chosen is None:
        return len(going)
    if chosen.role is not Role.HEAD:
        return 0  # what an older release has no service for is still in Git
    wanted = {service.name for service in chosen.app.services}
    owners = [each.container.owner for each in going]
    return sum(owner is not None and owner.service not in wanted for owner in owners)


def _way_out(world: World) -> str:
    if world.chosen:
        return "If this is meant, name each app in the commit's trailer `Allow-Prune: <app>`"
    return "If this is meant, set spec.prune.allow_empty in gitops.yaml; else, were the right branch and path given?"
