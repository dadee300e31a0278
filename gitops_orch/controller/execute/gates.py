"""Health gates of a run. Each is polled between other work, so that a slow service delays no other."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.engine.base import Engine
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Health, ObservedContainer, ProbeResult
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.plan.values import Gate
from gitops_orch.planner.health_gate import (
    GateProgress,
    GateResult,
    evaluate_gate,
    is_probe_due,
    resumed,
    without_long_pause,
)

GATE_POLL_S = 0.5  # in seconds, as often as Compose polls
GATE_LOST_MAX = 20  # polls in a row without an answer, before a wait is given up
REPORTED_EVERY_S = 30.0  # in seconds: how often a wait is reported

GateProgresses = dict[tuple[str, str], GateProgress]  # by host and container name


@dataclass(slots=True)
class PendingGate:
    """A gate that an action waits for."""

    action: Action
    gate: Gate
    target: str
    progress: GateProgress
    poll_at_s: float
    is_polling: bool = False
    lost_count: int = 0
    reported_s: float | None = None


class Gates:
    """The gates of a run. `watches`, their progress, outlives the run: the next run continues with it."""

    def __init__(self, clock: Clock, watches: GateProgresses) -> None:
        self._clock = clock
        self._progress = watches
        self._waits: dict[str, PendingGate] = {}

    def is_report_due(self, wait: PendingGate) -> bool:
        """Tell whether the wait should be reported now; true once every REPORTED_EVERY_S."""
        now_s = self._clock.monotonic_s()
        if wait.reported_s is None:
            wait.reported_s = now_s
        due = now_s - wait.reported_s >= REPORTED_EVERY_S
        wait.reported_s = now_s if due else wait.reported_s
        return due

    def __bool__(self) -> bool:
        return bool(self._waits)

    def open(self, action: Action, gate: Gate, target: str) -> None:
        """Wait for an action's container, from now on, or from the progress that the last run left."""
        now = self._clock.monotonic_s()
        watch = resumed(self._progress.get((action.host, action.name), GateProgress(since_s=now)), now)
        self._progress[(action.host, action.name)] = watch
        self._waits[action.id] = PendingGate(action, gate, target, watch, now)

    def forget(self, action: Action) -> None:
        """Drop the progress of an action's container: it is created or started again."""
        self._progress.pop((action.host, action.name), None)

    def end(self, wait: PendingGate) -> None:
        """End a wait: its gate is decided."""
        del self._waits[wait.action.id]
        self.forget(wait.action)

    def pause(self, wait: PendingGate) -> None:
        """End a wait for now: its command is tried again. Restarts continue to be counted."""
        del self._waits[wait.action.id]
        key = (wait.action.host, wait.action.name)
        self._progress[key] = replace(wait.progress, healthy_since_s=None)

    def leave(self, apps: Container[AppKey | None] | None = None) -> None:
        """Abandon waits, of some apps or of all."""
        for wait in [*self._waits.values()]:
            if apps is None or wait.action.app in apps:
                del self._waits[wait.action.id]

    def due(self, engines: Mapping[str, Engine]) -> Iterator[tuple[PendingGate, Callable[[], object]]]:
        """Yield the waits whose next poll is due, each with the function that polls."""
        now = self._clock.monotonic_s()
        for wait in self._waits.values():
            if not wait.is_polling and wait.poll_at_s <= now:
                wait.is_polling = True
                yield wait, partial(self._poll, wait, engines[wait.action.host])

    def next_poll_s(self) -> float | None:
        """Return when the next poll is due; None if a poll of every wait runs already."""
        return min((wait.poll_at_s for wait in self._waits.values() if not wait.is_polling), default=None)

    def polls(self) -> list[Action]:
        """Return the actions whose gates are being polled now."""
        return [wait.action for wait in self._waits.values() if wait.is_polling]

    def _poll(self, wait: PendingGate, engine: Engine) -> tuple[ObservedContainer, ProbeResult | None]:
        target, gate = wait.target, wait.gate
        seen = engine.inspect(target)
        if gate.readiness is None:
            return seen, None
        due = is_probe_due(gate, wait.progress, seen, self._clock.monotonic_s())
        return seen, engine.probe(target, gate.readiness) if due else None

    def note_polled(self, wait: PendingGate) -> bool:
        """Record that a poll has ended, with any outcome; tell whether the run still waits for this gate."""
        wait.is_polling = False
        wait.poll_at_s = self._clock.monotonic_s() + GATE_POLL_S
        return self._waits.get(wait.action.id) is wait

    def evaluate(self, wait: PendingGate, found: object, *, counting: bool) -> GateResult:
        """Return the result of a poll's answer; raises the exceptions of `evaluate_gate`.

        `counting` False: restarts do not count, because something that the container depends on has not passed its gate
        yet.
        """
        wait.lost_count = 0
        assert isinstance(found, tuple)  # noqa: S101 - polls return tuples
        seen, probed = found
        # A command needs a container that runs; the command may be what makes it healthy.
        if wait.action.kind is Kind.EXEC:
            seen = replace(seen, health=Health.NONE)
        now_s = self._clock.monotonic_s()
        progress = without_long_pause(wait.gate, wait.progress, now_s)
        result = evaluate_gate(wait.gate, progress, seen, now_s, probed, counting=counting)
        wait.progress = self._progress[(wait.action.host, wait.action.name)] = result.progress
        return result
