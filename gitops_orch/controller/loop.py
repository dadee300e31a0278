"""The loop: it waits for a trigger, reconciles, and waits again.

Note [Wake-ups are kept]
Timers, events and operators only add a reason. A reason carries no facts and does no work. The loop takes all reasons
just before it starts to observe. A reason that is added while the loop works stays, and starts one more run. Many
reasons during one run start one more run, not many. When a run only waits for gates, a new reason ends it early. The
next run continues these gates where the run left them, so that a slow app delays no other app.

Note [Event storms]
A container in a crash loop, or a person's script, causes events all the time, and a pass observes whole hosts. So the
first event of a host starts a pass at once. Later events of that host wait until `SPACING_S` after that pass began.
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
# A scheduled run is due, or has exceeded its deadline.
SCHEDULE = "schedule"
# A backoff has ended.
RETRY = "retry"
# Another command sent a request through history.
REQUEST = "request"
SPACING_S = 1.0


class Run(Protocol):
    """One reconcile.

    `fetch` False uses the last good commit; `quick` does not wait for hosts that did not answer before.

    `should_stop` and `should_yield` are those of `run_control.RunControl`.
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
    """Runs reconciles one after another until it is stopped. `wake` and `stop` may be called from any thread."""

    def __init__(self, run: Run, clock: Clock, on_report: Callable[[RunReport], None]) -> None:
        self._run = run
        self._clock = clock
        self._on_report = on_report
        self._condition = threading.Condition()
        self._reasons: set[str] = set()
        # Hosts with events that no pass has handled yet; "" for an event of no host.
        self._hosts: set[str] = set()
        # By host, when the last pass for an event of that host began.
        self._polled_s: dict[str, float] = {}
        self._stopping = False
        self._beat_s = clock.monotonic_s()
        self._busy = False

    def wake(self, reason: str, host: str = "") -> None:
        """Ask for a reconcile that begins after this call. For an event, `host` is where it happened."""
        with self._condition:
            self._reasons.add(reason)
            if reason == EVENT:
                self._hosts.add(host)
            self._condition.notify_all()

    def stop(self) -> None:
        """Ask the loop to end: the actions that run are finished, and no others are started."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def stopping(self) -> bool:
        """Tell whether an end was asked for."""
        return self._stopping

    def quiet_s(self) -> float:
        """Return for how many seconds the loop has reported no progress while it had work; 0 while it sleeps."""
        return self._clock.monotonic_s() - self._beat_s if self._busy else 0.0

    def beat(self) -> None:
        """Report that the loop is alive; called on every progress of a run."""
        self._beat_s = self._clock.monotonic_s()

    def run_forever(self) -> None:
        """Reconcile each time the loop is woken, until it is stopped."""
        while self._await_wake():
            self._reconcile(self._take_reasons())

    def _woken(self) -> bool:
        """Tell whether a pass is due.

        Any reason is more urgent than waiting for gates: drift to heal, or a newer commit.
        """
        with self._condition:
            return self._due_in_s() == 0.0

    def _await_wake(self) -> bool:
        """Wait until a pass is due; return False if the loop was stopped."""
        with self._condition:
            while not self._stopping and (due_in_s := self._due_in_s()) != 0.0:
                self._condition.wait(due_in_s)
            return not self._stopping

    def _due_in_s(self) -> float | None:
        """Return the seconds until the next pass is due; None if nothing asks for one. See Note [Event storms]."""
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
        self.beat()  # First, or for an instant the whole sleep would look like a run without progress.
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
        except Exception as error:  # noqa: BLE001 - the only place: an error in one run must not end the service
            LOG.exception(LOOP_FAILED, error=str(error))
        finally:
            self._busy = False
            self.beat()
