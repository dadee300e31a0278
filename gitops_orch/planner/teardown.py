"""In which order things go: what depends on others first, as they were when they were made."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gitops_orch.model.app import App
from gitops_orch.model.plan import Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import Located
from gitops_orch.planner.namespaces import namespace_parents
from gitops_orch.planner.order import in_dependency_order
from gitops_orch.planner.removal import remove_container, retire, stop_container


def remove_in_order(
    draft: Draft,
    former: App | None,
    going: Iterable[Located],
    reason: str,
    after: Iterable[str],
    proved: Iterable[str] = (),
) -> list[str]:
    """Add stops and removals, and return the ids of the removals; without a former app, in no order but their names'.

    What is removed has a successor where `proved` are the steps that show that the successor does well: it is removed
    after them, and stopped after them unless it holds ports, which the successor may need to start.
    """
    proved = tuple(proved)
    removed: dict[str, list[str]] = defaultdict(list)
    dependents = dependents_of(former)
    for found in in_removal_order(former, going):
        name = service_of(found)
        above = [identity for other in sorted(dependents.get(name, ())) for identity in removed[other]]
        if proved and not draft.wants_name(found.host, found.container.name):
            early = tuple(after) if found.container.ports else (*after, *above, *proved)
            stopped = stop_container(draft, found, reason, early)
            ends = (*after, *above, *proved, *((stopped,) if stopped is not None else ()))
            identity = remove_container(draft, found, reason, ends)
        else:
            identity = retire(draft, found, reason, (*after, *above))
        removed[name].append(identity)
    return [identity for ids in removed.values() for identity in ids]


def order_removals(draft: Draft, former: App | None, going: Iterable[Located]) -> None:
    """Let what others depend on stop after them, where all of them go and their removals are in the draft already.

    One whose ports may be wanted goes early, whatever else goes: its successor waits for it, and others for that.
    """
    dependents = dependents_of(former)
    quiet = {found.container.id: service_of(found) for found in going if not found.container.ports}
    first: dict[str, str] = {}
    removals: dict[str, list[str]] = defaultdict(list)
    for action in draft.actions if dependents and quiet else ():
        if action.target in quiet and action.kind in {Kind.STOP, Kind.REMOVE}:
            first.setdefault(action.target, action.id)
            if action.kind is Kind.REMOVE:
                removals[quiet[action.target]].append(action.id)
    for target, ends in first.items():
        above = sorted(dependents.get(quiet[target], ()))
        for removal in (each for other in above for each in removals[other]):
            draft.waits(ends, removal)


def in_removal_order(former: App | None, going: Iterable[Located]) -> list[Located]:
    """Return containers so that each comes before those that it depends on; what is not known of comes first."""
    names = [service.name for service in in_dependency_order(former.services)] if former is not None else []
    last = {name: -number for number, name in enumerate(names)}
    return sorted(
        going, key=lambda found: (last.get(service_of(found), -len(names)), found.host, found.container.name)
    )


def dependents_of(former: App | None) -> Mapping[str, set[str]]:
    """Return by service which others depend on it, or live in it."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in former.services if former is not None else ():
        for name in {dependency.service for dependency in service.depends_on} | namespace_parents(service):
            found[name].add(service.name)
    return found


def service_of(found: Located) -> str:
    """Return the service that a container is of."""
    return found.container.owner.service if found.container.owner is not None else ""
