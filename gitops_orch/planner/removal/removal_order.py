"""Sorts removals so that dependents are removed first, by the dependencies that containers were created with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gitops_orch.model.app import App
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.planner.diff.shared_namespaces import namespace_parents
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.dependency_order import in_dependency_order
from gitops_orch.planner.removal.removal_steps import retire, retire_after_gate


def remove_in_order(
    draft: PlanBuilder,
    former: App | None,
    removing: Iterable[SlotContainer],
    reason: str,
    after: Iterable[str],
    gates: Iterable[str] = (),
) -> list[str]:
    """Add stops and removals, and return the ids of the removals; without a former app, sorted only by name.

    `gates` are the steps that show that the successor of the removed containers is healthy. They are removed after the
    gates, and also stopped after them, unless they hold a port that the successor needs to start.
    """
    gates = tuple(gates)
    removed: dict[str, list[str]] = defaultdict(list)
    dependents = dependents_of(former)
    for found in in_removal_order(former, removing):
        name = service_of(found)
        above = [identity for other in sorted(dependents.get(name, ())) for identity in removed[other]]
        if gates:
            identity = retire_after_gate(draft, found, reason, after, (*above, *gates))
        else:
            (identity,) = retire(draft, found, reason, (*after, *above)).last
        removed[name].append(identity)
    return [identity for ids in removed.values() for identity in ids]


def order_removals(draft: PlanBuilder, former: App | None, removing: Iterable[SlotContainer]) -> None:
    """Let a container stop after its dependents if all of them are removed and their removals are already in the draft.

    A container that holds a port that a start of this plan needs stops before that start in any case.
    """
    dependents = dependents_of(former)
    if not dependents:
        return
    ledger, removing = draft.ledger, tuple(removing)
    removals: dict[str, list[str]] = defaultdict(list)
    for found in removing:
        removals[service_of(found)] += ledger.removals_of(found.host, found.id)
    for found in removing:
        above = [each for other in sorted(dependents.get(service_of(found), ())) for each in removals[other]]
        stop, end = ledger.stop_of(found.host, found.id), ledger.end_of(found.host, found.id)
        if stop is not None:
            ledger.waits_unless_needed(stop, above)
        elif end is not None:
            for each in above:
                draft.waits(end, each)


def in_removal_order(former: App | None, removing: Iterable[SlotContainer]) -> list[SlotContainer]:
    """Return containers so that each is before those that it depends on; those of unknown services are first."""
    names = [service.name for service in in_dependency_order(former.services)] if former is not None else []
    last = {name: -number for number, name in enumerate(names)}
    return sorted(
        removing,
        key=lambda found: (last.get(service_of(found), -len(names)), found.host, found.name),
    )


def dependents_of(former: App | None) -> Mapping[str, set[str]]:
    """Return, by service, the services that depend on it or share its namespace or volumes."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in former.services if former is not None else ():
        for name in {dependency.service for dependency in service.depends_on} | namespace_parents(service):
            found[name].add(service.name)
    return found


def service_of(found: SlotContainer) -> str:
    """Return the service of a container; "" if it has no owner."""
    return found.owner.service if isinstance(found, OwnedContainer) else ""
