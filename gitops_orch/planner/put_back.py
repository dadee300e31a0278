"""While an app waits for trouble to pass, what it ran before runs.

A stop-first replacement that broke off because the Engine would not start the new container has left its slot empty.
Trouble of the world is no failed gate, so the release is tried again later; until then the old container serves.
"""

from gitops_orch.model.app import App
from gitops_orch.model.observed import State
from gitops_orch.model.plan import Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import Located
from gitops_orch.planner.removal import LIVE_STATES, owned
from gitops_orch.planner.slots import AppSlots, Slot, is_parked


def put_back(app: App, slots: AppSlots, draft: Draft) -> None:
    """Add the start of the old container of every slot in which nothing runs."""
    for slot in slots.slots:
        old = None if slot.service.job else _put_off(slot)
        if old is not None:
            reason = "it serves until its successor can be started"
            started = draft.add(
                Kind.START,
                slot.host,
                old.container.id,
                reason,
                **owned(old),
                grace_s=slot.service.stop_grace_s,
            )
            draft.takes_ports(slot.host, slot.service, started)
            draft.proves(app.key, started)


def _put_off(slot: Slot) -> Located | None:
    """Return the stopped container to go back to; None where one runs, or there is none."""
    there = [*slot.olds, *((slot.current,) if slot.current is not None else ())]
    if any(found.container.state in LIVE_STATES for found in there):
        return None
    stopped = [
        found
        for found in slot.olds
        if found.host == slot.host
        and found.container.state is State.EXITED
        and not is_parked(found.container)
    ]
    return stopped[0] if stopped else None
