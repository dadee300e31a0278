"""The loop: wakes up, reconciles, sleeps.

Note [Wake-ups are counted]
Timers, events and operators only raise a counter; they carry no facts and do no work.  The loop remembers the count
that it saw before it began to look.  A boolean flag, cleared after the work, would lose the wake-up that came between
the look and the clearing; a count cannot: whatever is raised while the loop works makes it work once more.  Many
wake-ups during one run make one more run, not many.  A run that has nothing left to do but wait for gates ends early
for it: the next run takes the gates up where they were left, so that a slow app holds up no other.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from gitops_orch.clock import Clock
from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.status import RunReport

LOOP_FAILED = "loop.failed"
POLL = "poll"
EVENT = "event"
RESYNC = "resync"
SCHEDULE = "schedule"  # a scheduled run is due, or has run for too long
RETRY = "retry"  # the wait after trouble is over
REQUEST = "request"  # another command asks, through history

_log = structlog.get_logger()


class Run(Protocol):
    """One reconcile: `fetch` False keeps to the commit that is known, and `quick` waits for no host that was silent.

    `should_stop` and `should_yield` are those of `conduct.Conduct`.
    """

    def __call__(
        self,
        *,
        trigger: str,
        fetch: bool,
        quick: bool,
        should_stop: Callable[[], bool],
        should_yield: Callable[[], bool],
    ) -> RunReport:
        """Reconcile and report."""
        ...


class Loop:
    """Runs reconciles one after another until it is stopped; `wake` and `stop` may be called from any thread."""

    def __init__(self, run: Run, clock: Clock, on_report: Callable[[RunReport], None]) -> None:
        self._run = run
        self._clock = clock
        self._on_report = on_report
        self._condition = threading.Condition()
        self._wakes = 0
        self._reasons: set[str] = set()
        self._stopping = False
        self._beat_s = clock.monotonic_s()
        self._busy = False

    def wake(self, reason: str) -> None:
        """Ask for a reconcile that begins after this call."""
        with self._condition:
            self._wakes += 1
            self._reasons.add(reason)
            self._condition.notify_all()

    def stop(self) -> None:
        """Ask for an end: the action under way is finished, and no other begun."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def stopping(self) -> bool:
        """Tell whether an end was asked for."""
        return self._stopping

    def quiet_s(self) -> float:
        """Return for how many seconds the loop has given no sign of life while it had work; 0 while it sleeps."""
        return self._clock.monotonic_s() - self._beat_s if self._busy else 0.0

    def beat(self) -> None:
        """Give a sign of life; called on every progress of a run."""
        self._beat_s = self._clock.monotonic_s()

    def run_forever(self) -> None:
        """Reconcile whenever woken, until stopped."""
        seen = 0
        while (seen := self._await_wake(seen)) >= 0:
            self._reconcile(self._take_reasons())

    def _woken(self) -> bool:
        """Whatever comes up is more urgent than waiting for gates: a drift to heal, or a newer commit (decision 14)."""
        return bool(self._reasons)

    def _await_wake(self, seen: int) -> int:
        """Return the count that woke the loop, or -1 where it was stopped."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopping or self._wakes != seen)
            return -1 if self._stopping else self._wakes

    def _take_reasons(self) -> frozenset[str]:
        with self._condition:
            reasons = frozenset(self._reasons)
            self._reasons.clear()
            return reasons

    def _reconcile(self, reasons: frozenset[str]) -> None:
        self.beat()  # first, or for an instant the whole sleep would look like a run without a sign of life
        self._busy = True
        only_events = bool(reasons) and reasons <= {EVENT, SCHEDULE}
        try:
            report = self._run(
                trigger=",".join(sorted(reasons)) or POLL,
                fetch=not only_events,
                quick=only_events,
                should_stop=self.stopping,
                should_yield=self._woken,
            )
            self._on_report(report)
        except GitopsOrchError as error:
            _log.error(LOOP_FAILED, error=str(error))
        except Exception as error:  # noqa: BLE001 - the one place: a fault in one run must not end the service
            _log.exception(LOOP_FAILED, error=str(error))
        finally:
            self._busy = False
            self.beat()
