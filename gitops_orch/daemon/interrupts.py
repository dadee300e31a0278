"""Ctrl-C, SIGTERM and SIGHUP while this process carries out a verb.

The first one ends a sync whole, a second Ctrl-C or SIGTERM at once.  Any other verb is ended at once.

Note [Hangups]
A terminal that is closed, or a connection that is lost, sends SIGHUP, often twice: the kernel does, and the shell does.  So
a second one asks for nothing more than the first.  Nothing can be written to that terminal any more, and what cannot be
shown must not end a run.  A process that was started to outlive its terminal (`nohup`) ignores SIGHUP, and goes on to.
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
from gitops_orch.model.plan import Action, Kind
from gitops_orch.model.status import Outcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STREAMS = (1, 2)  # standard output, standard error
SIGNAL_CODE = 128  # a command that a signal ended exits with this and the signal's number
FIRST = "stopping: what is under way is finished, so that nothing is left down"

Receive: TypeAlias = Callable[[int, FrameType | None], None]


class StoppedContainers:
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
        self._down = StoppedContainers(progress)

    @property
    def control(self) -> RunControl:
        """Return how a run lets itself be ended by the signals."""
        return RunControl(progress=self._down, should_stop=lambda: bool(self.number))

    def code(self, exit_code: int) -> int:
        """Return what a command exits with: the signal's code where one came, else its own."""
        return SIGNAL_CODE + self.number if self.number else exit_code

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal; raises Interrupted at the second that is no hangup."""
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
    """Write to nowhere what would go to a terminal that is there no more; see Note [Hangups]."""
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
    """Let signals end the run in the block; only the main thread of a process can receive them."""
    interrupt = Interrupt(progress)
    with _receiving(interrupt.receive, SIGNALS):
        yield interrupt


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals wait until the block is over."""
    came: list[int] = []
    with _receiving(lambda number, _frame: came.append(number), SIGNALS):
        yield
    for number in came[:1]:
        signal.raise_signal(number)


def ending_at_once() -> AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does: with what has to be done at its end."""
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
