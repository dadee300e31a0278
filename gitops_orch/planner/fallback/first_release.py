"""Decides what happens to a release that failed while there is no stable release to roll back to.

Its containers stay up, as with Compose: the restart policy continues to restart them, missing containers are created,
and each pass checks again. A container that ended by itself is not started again, except by `retry` or as another
release. All containers are gated together, once all are healthy.
"""

from dataclasses import replace

from gitops_orch.model.observed import LIVE_STATES, Health, ObservedContainer, State
from gitops_orch.model.rules.exit_codes import BAD_COMMAND_CODES
from gitops_orch.model.rules.start_errors import host_hint, is_release_fault
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.container_exit import is_done, was_stopped_from_outside
from gitops_orch.planner.inputs.world import TargetRelease


def keep_failed_running(chosen: TargetRelease, slots: AppSlots, *, all_seen: bool) -> AppSlots:
    """Return the slots of an app. If its release stays up, the slots that failed are left alone until all are healthy.

    With `all_seen` False, a host of the app does not answer: the containers on it may be those that failed.
    """
    if not chosen.stays_running:
        return slots
    if all_seen and all(_is_healthy(slot) for slot in slots.slots):
        return replace(slots, slots=tuple(replace(slot, ungated=True) for slot in slots.slots))
    return replace(
        slots,
        slots=tuple(_without_repairs(slot) if _was_tried(slot) else slot for slot in slots.slots),
    )


def _is_healthy(slot: Slot) -> bool:
    if slot.current is None or any(diff.remedy is Remedy.START for diff in slot.diffs):
        return False
    container = slot.current
    if slot.service.job or is_done(container):
        return container.state is State.EXITED
    return container.state is State.RUNNING and container.health in {Health.NONE, Health.HEALTHY}


def _was_tried(slot: Slot) -> bool:
    """Return whether the slot's container has run, created for this release or for one that failed before."""
    return slot.current is not None and _has_run(slot.current)


def _has_run(container: ObservedContainer) -> bool:
    """Return whether a container was started, or cannot be started on any host."""
    details = container.details
    if container.state is not State.CREATED or details is None:
        return container.state is not State.CREATED
    bad_command = details.exit_code in BAD_COMMAND_CODES and not host_hint(details.error)
    return bad_command or is_release_fault(details.error)


def _without_repairs(slot: Slot) -> Slot:
    if any(old.state in LIVE_STATES for old in slot.outdated):
        # the container that serves instead continues
        return replace(slot, diffs=(), outdated=(), ungated=False)
    if slot.current is not None and was_stopped_from_outside(slot.current):
        return replace(slot, outdated=(), ungated=False)  # it did not end by itself: it is started again
    diffs = tuple(diff for diff in slot.diffs if diff.remedy is not Remedy.START)
    return replace(slot, diffs=diffs, outdated=(), ungated=False)
