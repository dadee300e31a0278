"""The loop: wakes up, reconciles, sleeps.

Note [Wake-ups are kept]
Timers, events and operators only add a reason; they carry no facts and do no work.  The loop takes all reasons at the
moment before it begins to look.  What is raised while the loop works is there afterwards, and makes it work once more.
Many reasons during one run make one more run, not many.  A run that has nothing left to do but wait for gates ends early
for it: the next run takes the gates up where they were left, so that a slow app holds up no other.

Note [Event storms]
A container in a crash loop, or a person's script, causes events all the time, and a pass looks at whole hosts.  So the
first event of a host starts a pass at once, and later ones of that host wait until `SPACING_S` after that pass began.
Events of another host, timers and requests do not wait for that.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from gitops_orch.clock import Clock
from gitops_orch.errors import GitopsOrchError
from gitops_orch.logs import LOG
from gitops_orch.model.status import RunReport

LOOP_FAILED = "loop.failed"
POLL = "poll"
EVENT = "event"
RESYNC = "resync"
SCHEDULE = "schedule"  # a scheduled run is due, or has run for too long
RETRY = "retry"  # the wait after trouble is over
REQUEST = "request"  # another command asks, through history
SPACING_S = 1.0


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
        self._reasons: set[str] = set()
        self._hosts: set[str] = set()  # whose events are not looked at yet; "" for an event of no host
        self._polled_s: dict[str, float] = {}  # when the last pass for an event of a host began
        self._stopping = False
        self._beat_s = clock.monotonic_s()
        self._busy = False

    def wake(self, reason: str, host: str = "") -> None:
        """Ask for a reconcile that begins after this call; for an event, `host` is where it happened."""
        with self._condition:
            self._reasons.add(reason)
            if reason == EVENT:
                self._hosts.add(host)
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
        while self._await_wake():
            self._reconcile(self._take_reasons())

    def _woken(self) -> bool:
        """Whatever comes up is more urgent than waiting for gates: drift to heal, or a newer commit."""
        with self._condition:
            return self._due_in_s() == 0.0

    def _await_wake(self) -> bool:
        """Wait until a pass is due; return False where the loop was stopped."""
        with self._condition:
            while not self._stopping and (due_in_s := self._due_in_s()) != 0.0:
                self._condition.wait(due_in_s)
            return not self._stopping

    def _due_in_s(self) -> float | None:
        """Return how long the next pass has to wait; None while nothing asks for one.  See Note [Event storms]."""
        if self._reasons <= {EVENT}:
            now_s = self._clock.monotonic_s()
            waits = (
                SPACING_S - (now_s - self._polled_s.get(host, now_s - SPACING_S)) for host in self._hosts
            )
            return max(0.0, min(waits)) if self._hosts else None
        return 0.0

    def _take_reasons(self) -> frozenset[str]:
        with self._condition:
            reasons = frozenset(self._reasons)
            self._polled_s |= dict.fromkeys(self._hosts, self._clock.monotonic_s())
            self._reasons.clear()
            self._hosts.clear()
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
            LOG.error(LOOP_FAILED, error=str(error))
        except Exception as error:  # noqa: BLE001 - the one place: a fault in one run must not end the service
            LOG.exception(LOOP_FAILED, error=str(error))
        finally:
            self._busy = False
            self.beat()
