"""What becomes of the containers of a slot, beside the one that stays."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from gitops_orch.model.container import is_failed_copy, is_retained_copy
from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.shared_namespaces import NAMESPACE
from gitops_orch.planner.health_gate import is_doubtful
from gitops_orch.planner.inputs.index import Located
from gitops_orch.planner.inputs.world import Role, TargetRelease, World

ComparedContainer: TypeAlias = tuple[Located, tuple[ContainerDiff, ...]]


class Bucket(Enum):
    """What becomes of a container beside the one that its slot keeps."""

    OUTDATED = "old"
    RETAINED = "kept"
    FAILED = "parked"
    DISCARDED = "dropped"


_NONE: Mapping[Bucket, tuple[Located, ...]] = dict.fromkeys(Bucket, ())


def classify(
    chosen: TargetRelease, keep: Located | None, found: list[Located], host: str, world: World
) -> Mapping[Bucket, tuple[Located, ...]]:
    """Say what becomes of each container beside the one that stays, first match wins."""
    if not found or (len(found) == 1 and found[0] is keep):
        return _NONE
    failed = world.failed.get(chosen.app.key, {})
    serves = keep is not None and keep.container.state is State.RUNNING
    buckets: dict[Bucket, list[Located]] = defaultdict(list)
    for each in found:
        container = each.container
        if keep is not None and each is keep:
            continue
        if is_failed(chosen, container, failed) and (serves or is_doubtful(container)):
            # While it does well and nothing else serves, it serves until it is replaced in its turn.
            buckets[Bucket.DISCARDED if _never_ran(container) else Bucket.FAILED].append(each)
        elif is_failed_copy(container):
            buckets[Bucket.DISCARDED].append(each)
        elif is_retained_copy(container) and each.host == host:
            buckets[Bucket.RETAINED].append(each)
        else:
            buckets[Bucket.OUTDATED].append(each)
    return {bucket: tuple(buckets[bucket]) for bucket in Bucket}


def _was_healthy(container: ObservedContainer) -> bool:
    """One that is stopped already was stopped for its successor; what its health was then nobody can tell any more."""
    healthy = container.health in {Health.NONE, Health.HEALTHY}
    return container.state is State.EXITED or (container.state is State.RUNNING and healthy)


def _never_ran(container: ObservedContainer) -> bool:
    """One that was made ahead and never started tells nothing to those who look; one that could not be started does."""
    details = container.details
    return container.state is State.CREATED and (details is None or not (details.exit_code or details.error))


def rollback_candidates(
    chosen: TargetRelease,
    compared: Iterable[ComparedContainer],
    outdated: tuple[Located, ...],
    world: World,
) -> frozenset[str]:
    """Return the ids of olds that are worth going back to: made as Git said before, and never found wanting."""
    key = chosen.app.key
    if not outdated or chosen.role not in {Role.HEAD, Role.PINNED} or not world.containers_kept:
        return frozenset()
    doubtful = {*world.failed.get(key, ()), *world.progressing.get(key, ())}
    return frozenset(
        each.container.id
        for each, diffs in compared
        if each in outdated
        and each.container.owner is not None
        and each.container.owner.release not in doubtful
        and _was_healthy(each.container)
        and is_superseded(diffs)
    )


def is_failed(chosen: TargetRelease, container: ObservedContainer, failed: Mapping[str, str]) -> bool:
    """A failed container stays for a look at it, as long as its release is the quarantined one, or was reverted in Git."""
    if container.owner is None or container.owner.release not in failed:
        return False
    return chosen.role in {Role.ROLLBACK, Role.BLOCKED} or container.owner.release == chosen.reverted


def is_superseded(diffs: tuple[ContainerDiff, ...]) -> bool:
    """Tell whether a container is what Git said before, and nobody else changed it."""
    return replaces(diffs) and not diffs[0].drift and diffs[0].argument != NAMESPACE


def replaces(diffs: tuple[ContainerDiff, ...]) -> bool:
    """Tell whether these findings cannot be put right in place."""
    return bool(diffs) and diffs[0].remedy is Remedy.REPLACE
