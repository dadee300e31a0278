"""What the loop is doing now: for `/healthz`, for the watchdog, and for the message of a service that ends."""

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.run_control import ProgressEvent
from gitops_orch.daemon.interrupts import StoppedContainers
from gitops_orch.daemon.progress.expected_waits import Underway


class Activity:
    """Follows the runs of the loop, one after the other. Any thread may read it."""

    def __init__(self, clock: Clock) -> None:
        self.doing = "starting"
        self._clock = clock
        self._rested_s = clock.monotonic_s()
        self._stopped, self._underway = StoppedContainers(), Underway(clock)

    def begin(self) -> None:
        """Record that a run begins."""
        self.doing = "looking at Git and all hosts"
        self._stopped, self._underway = StoppedContainers(), Underway(self._clock)

    def note(self, event: ProgressEvent) -> None:
        """Record a step of the run."""
        self._stopped(event)
        self._underway.note(event)
        self.doing = f"{event.action.kind.value} {event.action.name}" if event.action else event.kind

    def rest(self) -> None:
        """Record that the run has ended."""
        self._rested_s = self._clock.monotonic_s()
        self.doing = "waiting"

    def is_in_time(self) -> bool:
        """Tell whether every expected wait of the run is within its deadline."""
        return self._underway.is_in_time()

    def idle_s(self) -> float:
        """Return the seconds since the last run ended."""
        return self._clock.monotonic_s() - self._rested_s

    def left_down(self) -> str:
        """Return which containers are down or being stopped, and what to do; "" if there are none."""
        return self._stopped.sentence()
