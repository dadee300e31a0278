"""What becomes of the containers of a slot, beside the one that stays."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.planner.aside import is_kept, is_parked
from gitops_orch.planner.compare import Finding, Remedy
from gitops_orch.planner.gate import is_doubtful
from gitops_orch.planner.index import Located
from gitops_orch.planner.namespaces import NAMESPACE
from gitops_orch.planner.world import Chosen, Role, World

Verdict: TypeAlias = tuple[Located, tuple[Finding, ...]]


class Fate(Enum):
    """What becomes of a container beside the one that its slot keeps."""

    OLD = "old"
    KEPT = "kept"
    PARKED = "parked"
    DROPPED = "dropped"


_NONE: Mapping[Fate, tuple[Located, ...]] = dict.fromkeys(Fate, ())


def sort_out(
    chosen: Chosen, keep: Located | None, found: list[Located], host: str, world: World
) -> Mapping[Fate, tuple[Located, ...]]:
    """Say what becomes of each container beside the one that stays, first match wins."""
    if not found or (len(found) == 1 and found[0] is keep):
        return _NONE
    failed = world.failed.get(chosen.app.key, {})
    serves = keep is not None and keep.container.state is State.RUNNING
    fates: dict[Fate, list[Located]] = defaultdict(list)
    for each in found:
        container = each.container
        if keep is not None and each is keep:
            continue
        if is_failed(chosen, container, failed) and (serves or is_doubtful(container)):
            # While it does well and nothing else serves, it serves until it is replaced in its turn.
            fates[Fate.DROPPED if _never_ran(container) else Fate.PARKED].append(each)
        elif is_parked(container):
            fates[Fate.DROPPED].append(each)
        elif is_kept(container) and each.host == host:
            fates[Fate.KEPT].append(each)
        else:
            fates[Fate.OLD].append(each)
    return {fate: tuple(fates[fate]) for fate in Fate}


def _did_well(container: ObservedContainer) -> bool:
    """One that is stopped already was stopped for its successor; what its health was then nobody can tell any more."""
    well = container.health in {Health.NONE, Health.HEALTHY}
    return container.state is State.EXITED or (container.state is State.RUNNING and well)


def _never_ran(container: ObservedContainer) -> bool:
    """One that was made ahead and never started tells nothing to those who look; one that could not be started does."""
    details = container.details
    return container.state is State.CREATED and (details is None or not (details.exit_code or details.error))


def worthy(
    chosen: Chosen,
    verdicts: Iterable[Verdict],
    olds: tuple[Located, ...],
    world: World,
) -> frozenset[str]:
    """Return the ids of olds that are worth going back to: made as Git said before, and never found wanting."""
    key = chosen.app.key
    if not olds or chosen.role not in {Role.HEAD, Role.PINNED} or not world.containers_kept:
        return frozenset()
    doubtful = {*world.failed.get(key, ()), *world.begun.get(key, ())}
    return frozenset(
        each.container.id
        for each, findings in verdicts
        if each in olds
        and each.container.owner is not None
        and each.container.owner.release not in doubtful
        and _did_well(each.container)
        and is_superseded(findings)
    )


def is_failed(chosen: Chosen, container: ObservedContainer, failed: Mapping[str, str]) -> bool:
    """A failed container stays for a look at it, as long as its release is the quarantined one, or was reverted in Git."""
    if container.owner is None or container.owner.release not in failed:
        return False
    return chosen.role in {Role.FALLBACK, Role.STUCK} or container.owner.release == chosen.reverted


def is_superseded(findings: tuple[Finding, ...]) -> bool:
    """Tell whether a container is what Git said before, and nobody else changed it."""
    return replaces(findings) and not findings[0].drift and findings[0].argument != NAMESPACE


def replaces(findings: tuple[Finding, ...]) -> bool:
    """Tell whether these findings cannot be put right in place."""
    return bool(findings) and findings[0].remedy is Remedy.REPLACE
