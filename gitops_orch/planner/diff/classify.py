"""Decides what happens to the containers of a slot, except the one that stays."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from gitops_orch.model.container import is_failed_copy, is_retained_copy
from gitops_orch.model.heal import NAMESPACE
from gitops_orch.model.observed import Health, ObservedContainer, OwnedContainer, State
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.health_gate import is_doubtful
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World

ComparedContainer: TypeAlias = tuple[SlotContainer, tuple[ContainerDiff, ...]]


class Bucket(Enum):
    """What happens to a container that its slot does not keep as the current one."""

    OUTDATED = "old"
    RETAINED = "kept"
    FAILED = "parked"
    DISCARDED = "dropped"


_NONE: Mapping[Bucket, tuple[SlotContainer, ...]] = dict.fromkeys(Bucket, ())


def classify(
    chosen: TargetRelease,
    keep: SlotContainer | None,
    found: list[SlotContainer],
    host: str,
    releases: ReleaseInputs,
) -> Mapping[Bucket, tuple[SlotContainer, ...]]:
    """Return each container of a slot, except the one that stays, in its bucket; the first match wins."""
    if not found or (len(found) == 1 and found[0] is keep):
        return _NONE
    failed = releases.failed.get(chosen.app.key, {})
    serves = keep is not None and keep.state is State.RUNNING
    buckets: dict[Bucket, list[SlotContainer]] = defaultdict(list)
    for each in found:
        if keep is not None and each is keep:
            continue
        if is_failed(chosen, each, failed) and (serves or is_doubtful(each)):
            # While it is healthy and nothing else serves, it serves until it is replaced in its turn.
            buckets[Bucket.DISCARDED if _never_ran(each) else Bucket.FAILED].append(each)
        elif is_failed_copy(each):
            buckets[Bucket.DISCARDED].append(each)
        elif is_retained_copy(each) and each.host == host:
            buckets[Bucket.RETAINED].append(each)
        else:
            buckets[Bucket.OUTDATED].append(each)
    return {bucket: tuple(buckets[bucket]) for bucket in Bucket}


def _was_healthy(container: ObservedContainer) -> bool:
    """Return whether a container was healthy.

    A stopped one was stopped for its successor; its health at that time is unknown, so it counts as healthy.
    """
    healthy = container.health in {Health.NONE, Health.HEALTHY}
    return container.state is State.EXITED or (container.state is State.RUNNING and healthy)


def _never_ran(container: ObservedContainer) -> bool:
    """Return whether a container was created ahead and never started, so that there is nothing in it to inspect.

    A container that failed to start has an exit code or an error, and is worth an inspection.
    """
    details = container.details
    return container.state is State.CREATED and (details is None or not (details.exit_code or details.error))


def rollback_candidates(
    chosen: TargetRelease,
    compared: Iterable[ComparedContainer],
    outdated: tuple[SlotContainer, ...],
    world: World,
) -> frozenset[str]:
    """Return the ids of outdated containers to retain: they were as Git declared them before, and never failed."""
    key = chosen.app.key
    if not outdated or chosen.role not in {Role.HEAD, Role.PINNED} or not world.operator.containers_kept:
        return frozenset()
    doubtful = {*world.releases.failed.get(key, ()), *world.releases.progressing.get(key, ())}
    return frozenset(
        each.id
        for each, diffs in compared
        if each in outdated
        and isinstance(each, OwnedContainer)
        and each.owner.release not in doubtful
        and _was_healthy(each)
        and is_superseded(diffs)
    )


def is_failed(chosen: TargetRelease, container: ObservedContainer, failed: Mapping[str, str]) -> bool:
    """Return whether a container stays for inspection: its release is quarantined now, or was reverted in Git."""
    if not isinstance(container, OwnedContainer) or container.owner.release not in failed:
        return False
    return chosen.role in {Role.ROLLBACK, Role.BLOCKED} or container.owner.release == chosen.reverted


def is_superseded(diffs: tuple[ContainerDiff, ...]) -> bool:
    """Return whether a container is what Git declared before, and was not changed by others."""
    return replaces(diffs) and not diffs[0].drift and diffs[0].argument != NAMESPACE


def replaces(diffs: tuple[ContainerDiff, ...]) -> bool:
    """Return whether these diffs cannot be repaired in place."""
    return bool(diffs) and diffs[0].remedy is Remedy.REPLACE
