"""Handles Ctrl-C, SIGTERM and SIGHUP while this process executes a verb.

The first signal ends a sync in a consistent state; a second Ctrl-C or SIGTERM ends it at once. Any other verb ends at
once.

Note [Hangups]
A terminal that is closed, or a connection that is lost, sends SIGHUP, often twice: from the kernel and from the shell.
So a second SIGHUP has no further effect. Nothing can be written to that terminal any more, and an output that fails
must not end a run. A process that was started to outlive its terminal (`nohup`) ignores SIGHUP, and continues to ignore
it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType
from typing import TypeAlias

from gitops_orch.controller.execute.run_control import Progress, ProgressEvent, RunControl, silent
from gitops_orch.errors import Interrupted
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STREAMS = (1, 2)  # standard output, standard error
# A command that a signal ended exits with this number plus the signal's number.
SIGNAL_CODE = 128
FIRST = "stopping: what is under way is finished, so that nothing is left down"

Receive: TypeAlias = Callable[[int, FrameType | None], None]


class StoppedContainers:
    """Follows a run, and knows which containers it stopped whose successors it has not started yet."""

    def __init__(self, progress: Progress = silent) -> None:
        self._progress = progress
        self._stopped: dict[tuple[str, AppKey | None, str | None, int | None], Action] = {}

    def __call__(self, event: ProgressEvent) -> None:
        """Record an action that starts or has ended."""
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
        """Return which containers are down or being stopped, and what to do; "" if there are none."""
        names = sorted(f"{action.name} on {action.host}" for action in self._stopped.values())
        return f"left down: {', '.join(names)}; `gitops-orch sync` continues from here" if names else ""


def _is_done(event: ProgressEvent) -> bool:
    return event.result is not None and event.result.outcome is Outcome.DONE


class Interrupt:
    """Handles the signals that arrive during a run."""

    def __init__(self, progress: Progress) -> None:
        self.number = 0
        self._down = StoppedContainers(progress)

    @property
    def control(self) -> RunControl:
        """Return a run control that the signals end."""
        return RunControl(progress=self._down, should_stop=lambda: bool(self.number))

    def code(self, exit_code: int) -> int:
        """Return the exit code of a command: the signal's code if a signal arrived, else the command's own."""
        return SIGNAL_CODE + self.number if self.number else exit_code

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; raises Interrupted at the second signal, unless it is a SIGHUP."""
        if number == signal.SIGHUP:
            leave_closed_terminal()
            if self.number:
                return
        elif self.number not in {0, signal.SIGHUP}:
            raise Interrupted(self._down.sentence(), code=SIGNAL_CODE + number)
        self.number = number
        with suppress(OSError):
            sys.stderr.write(f"{FIRST}\n" if number == signal.SIGHUP else f"{FIRST}; again to end at once\n")


def leave_closed_terminal() -> None:
    """Redirect output to /dev/null if its terminal does not exist any more; see Note [Hangups]."""
    for stream in STREAMS:
        try:
            os.write(stream, b"")
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _end_at_once(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        leave_closed_terminal()
    raise Interrupted(code=SIGNAL_CODE + number)


@contextmanager
def interruptible(progress: Progress) -> Iterator[Interrupt]:
    """Let signals end the run in the block. Only the main thread of a process can receive them."""
    interrupt = Interrupt(progress)
    with _receiving(interrupt.receive, SIGNALS):
        yield interrupt


@contextmanager
def held_back() -> Iterator[None]:
    """Delay signals until the block ends."""
    came: list[int] = []
    with _receiving(lambda number, _frame: came.append(number), SIGNALS):
        yield
    for number in came[:1]:
        signal.raise_signal(number)


def ending_at_once() -> AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does: its cleanup runs."""
    return _receiving(_end_at_once, (signal.SIGTERM, signal.SIGHUP))


@contextmanager
def _receiving(handler: Receive, numbers: Iterable[int]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # see Note [Hangups]
    heard = [number for number in numbers if not (number == signal.SIGHUP and ignored)]
    former = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, handler_before in former.items():
            signal.signal(number, handler_before)
