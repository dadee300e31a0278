"""Ctrl-C and SIGTERM while this process carries out a sync: the first one ends it whole, the second one at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gitops_orch.controller.conduct import Conduct, Progress, ProgressEvent, silent
from gitops_orch.errors import Interrupted
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import Action, Kind
from gitops_orch.model.status import Outcome

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNAL_CODE = 128  # a command that a signal ended exits with this and the signal's number
FIRST = "stopping: what is under way is finished, so that nothing is left down; again to end at once\n"


class Down:
    """Follows a run, and knows which containers it has stopped whose successors it has not started yet."""

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self._stopped: dict[tuple[str, AppKey | None, str | None, int | None], Action] = {}

    def __call__(self, event: ProgressEvent) -> None:
        """Take notice of an action that begins or has ended."""
        action = event.action
        if action is not None:
            slot = (action.host, action.app, action.service, action.slot)
            if action.kind is Kind.STOP and event.kind == "started":
                self._stopped[slot] = action
            elif (action.kind is Kind.START and _is_done(event)) or (
                action.kind is Kind.WAIT_HEALTHY and _is_done(event)
            ):
                self._stopped.pop(slot, None)
        self._progress(event)

    def sentence(self) -> str:
        """Return what is left down or is being stopped, and what to do; "" where nothing is."""
        names = sorted(f"{action.name} on {action.host}" for action in self._stopped.values())
        return f"left down: {', '.join(names)}; `gitops-orch sync` goes on from here" if names else ""


def _is_done(event: ProgressEvent) -> bool:
    return event.result is not None and event.result.outcome is Outcome.DONE


class Interrupt:
    """What signals ask of a run."""

    def __init__(self, progress: Progress) -> None:
        self.number = 0
        self._down = Down(progress)

    @property
    def conduct(self) -> Conduct:
        """Return how a run lets itself be ended by the signals."""
        return Conduct(progress=self._down, should_stop=lambda: bool(self.number))

    def code(self, exit_code: int) -> int:
        """Return what a command exits with: the signal's code where one came, else its own."""
        return SIGNAL_CODE + self.number if self.number else exit_code

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal; raises Interrupted at the second."""
        if self.number:
            raise Interrupted(self._down.sentence())
        self.number = number
        sys.stderr.write(FIRST)


@contextmanager
def interruptible(progress: Progress) -> Iterator[Interrupt]:
    """Let signals end the run in the block; only the main thread of a process can receive them."""
    interrupt = Interrupt(progress)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    former = {number: signal.signal(number, interrupt.receive) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
