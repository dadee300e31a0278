"""Adds steps that retain a container, or remove one that was retained before.

A retained container has the restart policy `no`: with any other policy, its daemon would start it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitops_orch.model.app import App
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX, has_suffix, is_retained, newest_first
from gitops_orch.model.observed import ObservedContainer, OwnedContainer
from gitops_orch.model.plan.kinds import Rename, Update
from gitops_orch.planner.diff.drift import restart_policy_fields
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import RemovalSteps, owned, remove_container, stop_container

NO_RESTART = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Why a container is stopped, and which steps the stop waits for."""

    reason: str
    after: tuple[str, ...] = ()
    stopped: bool = False  # by an earlier step
    successor: str = ""  # id of the container that replaces it, if it already exists


def retain_failed(
    app: App, slots: AppSlots, world: World, index: Index, draft: PlanBuilder
) -> tuple[str, ...]:
    """Add the steps that permanently stop an app's failed containers; return their ids."""
    failed = world.releases.failed.get(app.key, {})
    step_ids: list[str] = []
    for found in (*slots.failed, *(each for slot in slots.slots for each in slot.failed)):
        why = failed.get(found.owner.release, "") if isinstance(found, OwnedContainer) else ""
        how = StopRequest(reason=f"its release failed ({why})")
        step_ids += retain(draft, index.hosts[found.host], found, FAILED_SUFFIX, how).steps
    return tuple(step_ids)


def retain(
    draft: PlanBuilder, host: HostIndex, found: SlotContainer, suffix: str, how: StopRequest
) -> RemovalSteps:
    """Add the steps that stop a container permanently and rename it with the suffix.

    There are none if it is already retained.
    """
    container = found
    added: list[str] = []
    last = how.after
    if container.details is not None and container.details.restart_policy != NO_RESTART:
        fields = {"RestartPolicy": restart_policy_fields(NO_RESTART)}
        updated = draft.add(Update(fields), found.host, container.id, how.reason, **owned(found), after=last)
        added.append(updated)
        last = (updated,)
    stopped = None if how.stopped else stop_container(draft, found, how.reason, last)
    if stopped is not None:
        added.append(stopped)
        last = (stopped,)
    if has_suffix(container, suffix):
        return RemovalSteps(tuple(added), stopped)
    name, removed = _free_name(draft, host, found, suffix, replace(how, after=last))
    renamed = draft.add(Rename(name), found.host, container.id, how.reason, **owned(found), after=last)
    draft.ledger.releases_name(found.host, container.name, renamed)
    draft.ledger.needs_name(found.host, name, renamed)
    return RemovalSteps((*added, *removed, renamed), stopped)


def _free_name(
    draft: PlanBuilder, host: HostIndex, found: SlotContainer, suffix: str, how: StopRequest
) -> tuple[str, tuple[str, ...]]:
    """Return the name for a retained container, and the steps that free it.

    A container that was retained under that name is removed, as late as possible.

    Its own successor is not removed if it was retained until now: both may have been created before their image ids
    were known, so that their names do not differ.
    """
    name = _stem(found) + suffix
    holder = host.names.get(name)
    # the holder gets its own name back for a rollback
    if holder is None or draft.ledger.gives_up_name(found.host, name):
        return name, ()
    if isinstance(holder, OwnedContainer) and is_retained(holder) and holder.id != how.successor:
        reason = "a later former container takes its place"
        return name, (remove_container(draft, holder, reason, how.after),)
    return f"{found.name}-{found.id[:7]}{suffix}", ()


def _stem(container: ObservedContainer) -> str:
    """Return the name without the suffix that `retain` appended."""
    name = container.name
    for appended in (RETAINED_SUFFIX, FAILED_SUFFIX):
        name = name.removesuffix(appended) if has_suffix(replace(container, name=name), appended) else name
    return name


def keep_newest(
    draft: PlanBuilder,
    host: HostIndex,
    kept: Iterable[SlotContainer],
    joining: Iterable[SlotContainer],
    limit: int,
) -> tuple[SlotContainer, ...]:
    """Let the newest `limit` of the `kept` and `joining` containers stay; return those of `kept` that are too many.

    A kept container that stays gets steps only if its name, its state or its restart policy is not as `retain` leaves it.
    """
    joined = list(joining)
    by_id = {found.id: found for found in (*kept, *joined)}
    ranked = newest_first(found for found in by_id.values())
    remaining = {container.id for container in ranked[:limit]} | {found.id for found in joined}
    how = StopRequest(reason="it is kept for going back, and must not come back with its daemon")
    for found in kept:
        if found.id in remaining:
            retain(draft, host, found, RETAINED_SUFFIX, how)
    return tuple(by_id[container.id] for container in ranked if container.id not in remaining)
