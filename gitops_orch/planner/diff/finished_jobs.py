"""Skips jobs that have already run: a release that was stable, or is rolled back to, runs none of its jobs again.

The work of a job is done: neither healing nor a rollback repeats it, and no older job undoes it. Its container is kept
as the record of its success; if the record is missing, the stable release itself is the record.
"""

from dataclasses import replace

from gitops_orch.model.app import Mode
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease


def have_jobs_finished(chosen: TargetRelease, releases: ReleaseInputs) -> bool:
    """Return whether all jobs of the target release have already completed successfully."""
    if chosen.role is Role.HEAD:
        return chosen.app.key in releases.stable_heads
    return chosen.role in {Role.ROLLBACK, Role.PINNED}


def skip_finished_jobs(chosen: TargetRelease, slots: AppSlots, releases: ReleaseInputs) -> AppSlots:
    """Return the slots without those of jobs that must not run again."""
    if not have_jobs_finished(chosen, releases) or not any(slot.service.job for slot in slots.slots):
        return slots
    kept: list[Slot] = []
    surplus, failed = list(slots.surplus), list(slots.failed)
    for slot in slots.slots:
        if not _would_run_again(slot, chosen):
            kept.append(slot)
            continue
        record, others = _record(slot)
        surplus += others
        if record is None:
            failed += slot.failed
            surplus += (*slot.retained, *slot.discarded)
        else:
            kept.append(
                replace(slot, current=record, diffs=(), outdated=(), ungated=False, reason="", changes=())
            )
    return replace(slots, slots=tuple(kept), surplus=tuple(surplus), failed=tuple(failed))


def _would_run_again(slot: Slot, chosen: TargetRelease) -> bool:
    if not slot.service.job:
        return False
    if (
        slot.is_new
        and not slot.outdated
        and slot.service.mode is Mode.GLOBAL_JOB
        and chosen.role is Role.HEAD
    ):
        return False  # a host that was added later has not run its job yet
    return slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)


def _record(slot: Slot) -> tuple[SlotContainer | None, tuple[SlotContainer, ...]]:
    """Return the container that stays as the record, and those to remove: one record, on this host, is enough."""
    there = (*((slot.current,) if slot.current is not None else ()), *slot.outdated)
    record = next((found for found in there if found.host == slot.host), None)
    return record, tuple(found for found in there if found is not record)
