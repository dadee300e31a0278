"""Jobs that have run: a release that has been stable, or is gone back to, runs none of its jobs again.

What a job did is done: neither healing nor going back repeats it, and no older job undoes it.  Its container is kept as
the record that it ended well; where the record is gone, that the release was stable says the same.
"""

from dataclasses import replace

from gitops_orch.model.app import Mode
from gitops_orch.planner.compare import Remedy
from gitops_orch.planner.slots import AppSlots, Slot
from gitops_orch.planner.world import Chosen, Role, World


def have_jobs_run(chosen: Chosen, world: World) -> bool:
    """Tell whether all jobs of the release that an app should run have ended well before."""
    if chosen.role is Role.HEAD:
        return chosen.app.key in world.settled
    return chosen.role in {Role.FALLBACK, Role.PINNED}


def spare_jobs(chosen: Chosen, slots: AppSlots, world: World) -> AppSlots:
    """Return the slots without those of jobs that are not to be run again."""
    if not have_jobs_run(chosen, world) or not any(slot.service.job for slot in slots.slots):
        return slots
    spared = [slot for slot in slots.slots if _would_run_again(slot, chosen)]
    kept = tuple(_as_it_is(slot) if slot in spared else slot for slot in slots.slots)
    parked = tuple(found for slot in spared if not (slot.current or slot.olds) for found in slot.parked)
    return replace(
        slots,
        slots=tuple(slot for slot in kept if slot is not None),
        parked=(*slots.parked, *parked),
    )


def _would_run_again(slot: Slot, chosen: Chosen) -> bool:
    if not slot.service.job:
        return False
    if slot.made and not slot.olds and slot.service.mode is Mode.GLOBAL_JOB and chosen.role is Role.HEAD:
        return False  # a host that came later has not had its job
    return slot.made or any(finding.remedy is Remedy.START for finding in slot.findings)


def _as_it_is(slot: Slot) -> Slot | None:
    """Return the slot with whatever is in it; None where there is nothing."""
    there = (slot.current,) if slot.current is not None else slot.olds
    if not there:
        return None
    return replace(slot, current=there[0], findings=(), olds=(), unproved=False, reason="", changes=())
