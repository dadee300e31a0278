"""Carries requests to a simulated host, with passing time, outages and faults."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.engine.base import EngineEvent
from gitops_orch.engine.simulated.faults import Fault, Faults, SimulatedCrash
from gitops_orch.engine.simulated.settings import SimulatedSettings
from gitops_orch.engine.simulated.world import OutageKind, SimulatedHost
from gitops_orch.errors import EngineError, HostUnreachable

Answer = TypeVar("Answer")

LISTEN_S = 1.0
LISTEN_MIN_S = 0.01


@dataclass(slots=True, kw_only=True)
class SimulatedWire:
    """The requests to one simulated host; `changed` is called after every request that may change its world."""

    host: str
    world: SimulatedHost
    clock: Clock
    origin_s: float  # the host's time in seconds since the epoch when the clock's monotonic time is 0
    faults: Faults
    settings: SimulatedSettings
    changed: Callable[[SimulatedHost], None]
    closed: bool = False

    def ask(self, operation: str, answer: Callable[[], Answer]) -> Answer:
        """Send a request that changes nothing, and return its answer."""
        self._travel(operation)
        with self.world.lock:
            self.advance()
            return answer()

    def send(self, operation: str, answer: Callable[[], Answer]) -> Answer:
        """Send a request that changes the world, and apply its fault."""
        fault = self._travel(operation)
        if fault is Fault.LATE:
            self.world.pending.append((self._now() + self.settings.late_s, answer))
            self._no_answer(operation)
        try:
            with self.world.lock:
                self.advance()
                done = answer()
        finally:
            self.changed(self.world)
        if fault is Fault.LOST_REPLY:
            self._no_answer(operation)
        if fault is Fault.CRASH_AFTER:
            raise SimulatedCrash(f"after {operation} on {self.host}")
        return done

    def take_events(self) -> list[EngineEvent]:
        """Return the events since the last call; if there are none and the settings say so, wait a while for more."""
        self.ask("events", lambda: None)
        with self.world.lock:
            ready = list(self.world.events)
            self.world.events.clear()
            if not ready and self.settings.blocking_events:
                self.world.lock.wait(self._quiet_s())
        return ready

    def _quiet_s(self) -> float:
        """Return the seconds until the next event that happens by itself, within limits."""
        next_at = self.world.next_at()
        return LISTEN_S if next_at is None else min(LISTEN_S, max(LISTEN_MIN_S, next_at - self.world.now))

    def _travel(self, operation: str) -> Fault | None:
        """Send the request to the host and return its fault; raise if an outage or a fault prevents it."""
        if self.closed:
            raise HostUnreachable(f"{self.host}: {operation}: the connection was closed")
        self.clock.sleep(self.settings.latency_s)
        with self.world.lock:
            self.advance()
            trouble = self.world.trouble
        fault = self.faults.decide(self.host, operation)
        if fault is Fault.CRASH_BEFORE:
            raise SimulatedCrash(f"before {operation} on {self.host}")
        if fault is Fault.REFUSED or (trouble is not None and trouble.reach is OutageKind.REFUSED):
            raise HostUnreachable(f"{self.host}: {operation}: connection refused", hint="is dockerd running?")
        if trouble is not None or fault is Fault.LOST_REQUEST:
            self._no_answer(operation)
        if fault is Fault.SERVER_ERROR:
            raise EngineError(f"{self.host}: {operation}: 500 Internal Server Error: simulated")
        if fault is Fault.SLOW:
            self.clock.sleep(self.settings.slow_s)
        return fault

    def _no_answer(self, operation: str) -> None:
        deadline_s = self.settings.deadline_s
        self.clock.sleep(deadline_s)
        raise HostUnreachable(f"{self.host}: {operation}: no answer within {deadline_s:g} s")

    def advance(self) -> None:
        """Let everything happen on the host that is due by now."""
        self.world.advance(self._now())

    def _now(self) -> float:
        """Return the host's time; a jump of the controller's clock does not change it."""
        return self.origin_s + self.clock.monotonic_s()
