"""Jobs that have run: a release that has been stable, or is gone back to, runs none of its jobs again.

What a job did is done: neither healing nor going back repeats it, and no older job undoes it.  Its container is kept as
the record that it ended well; where the record is gone, that the release was stable says the same.
"""

from dataclasses import replace

from gitops_orch.model.app import Mode
from gitops_orch.planner.compare import Remedy
from gitops_orch.planner.index import Located
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
    kept: list[Slot] = []
    surplus, parked = list(slots.surplus), list(slots.parked)
    for slot in slots.slots:
        if not _would_run_again(slot, chosen):
            kept.append(slot)
            continue
        record, others = _record(slot)
        surplus += others
        if record is None:
            parked += slot.parked
            surplus += (*slot.kept, *slot.dropped)
        else:
            kept.append(
                replace(slot, current=record, findings=(), olds=(), unproved=False, reason="", changes=())
            )
    return replace(slots, slots=tuple(kept), surplus=tuple(surplus), parked=tuple(parked))


def _would_run_again(slot: Slot, chosen: Chosen) -> bool:
    if not slot.service.job:
        return False
    if slot.made and not slot.olds and slot.service.mode is Mode.GLOBAL_JOB and chosen.role is Role.HEAD:
        return False  # a host that came later has not had its job
    return slot.made or any(finding.remedy is Remedy.START for finding in slot.findings)


def _record(slot: Slot) -> tuple[Located | None, tuple[Located, ...]]:
    """Return the container that stays as the record, and those that go: one is enough, and none is left elsewhere."""
    there = (*((slot.current,) if slot.current is not None else ()), *slot.olds)
    record = next((found for found in there if found.host == slot.host), None)
    return record, tuple(found for found in there if found is not record)
