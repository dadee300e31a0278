"""Gates that are waited for: each is looked at now and then between other work, so that one service costs the others nothing."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.engine.base import Engine
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Health, ObservedContainer, ProbeResult
from gitops_orch.model.plan import Action, Kind
from gitops_orch.planner.health_gate import GateProgress, GateResult, evaluate_gate, is_probe_due, resumed

GATE_POLL_S = 0.5  # as often as Compose looks (COMPOSE.md, section 4)
GATE_LOST_MAX = 20  # looks in a row that may get no answer before a wait is given up
REPORTED_EVERY_S = 30.0  # that a wait goes on

GateProgresses = dict[tuple[str, str], GateProgress]  # by host and container name


@dataclass(slots=True)
class PendingGate:
    """A gate that is being looked at."""

    action: Action
    target: str
    progress: GateProgress
    poll_at_s: float
    is_polling: bool = False
    lost_count: int = 0
    reported_s: float | None = None


class Gates:
    """The waits of a run.  `watches`, what they have seen so far, outlives it: another run takes them up again."""

    def __init__(self, clock: Clock, watches: GateProgresses) -> None:
        self._clock = clock
        self._progress = watches
        self._waits: dict[str, PendingGate] = {}

    def is_report_due(self, wait: PendingGate) -> bool:
        """Tell, every REPORTED_EVERY_S of a wait, that it is to be reported."""
        now_s = self._clock.monotonic_s()
        if wait.reported_s is None:
            wait.reported_s = now_s
        due = now_s - wait.reported_s >= REPORTED_EVERY_S
        wait.reported_s = now_s if due else wait.reported_s
        return due

    def __bool__(self) -> bool:
        return bool(self._waits)

    def open(self, action: Action, target: str) -> None:
        """Wait for a container, an action's, from now on, or from where another run left it."""
        now = self._clock.monotonic_s()
        watch = resumed(self._progress.get((action.host, action.name), GateProgress(since_s=now)), now)
        self._progress[(action.host, action.name)] = watch
        self._waits[action.id] = PendingGate(action, target, watch, now)

    def forget(self, action: Action) -> None:
        """What was seen of an action's container counts no more: it is made, or started, anew."""
        self._progress.pop((action.host, action.name), None)

    def end(self, wait: PendingGate) -> None:
        """Wait no more: it is decided."""
        del self._waits[wait.action.id]
        self.forget(wait.action)

    def pause(self, wait: PendingGate) -> None:
        """Wait no more for now: its command is tried again, and restarts go on being counted from where they were."""
        del self._waits[wait.action.id]
        key = (wait.action.host, wait.action.name)
        self._progress[key] = replace(wait.progress, healthy_since_s=None)

    def leave(self, apps: Container[AppKey | None] | None = None) -> None:
        """Give up waits, of some apps or of all."""
        for wait in [*self._waits.values()]:
            if apps is None or wait.action.app in apps:
                del self._waits[wait.action.id]

    def due(self, engines: Mapping[str, Engine]) -> Iterator[tuple[PendingGate, Callable[[], object]]]:
        """Yield the waits whose next look is due, each with how to look."""
        now = self._clock.monotonic_s()
        for wait in self._waits.values():
            if not wait.is_polling and wait.poll_at_s <= now:
                wait.is_polling = True
                yield wait, partial(self._poll, wait, engines[wait.action.host])

    def next_poll_s(self) -> float | None:
        """Return when the next look is due; None where none will be before those under way have ended."""
        return min((wait.poll_at_s for wait in self._waits.values() if not wait.is_polling), default=None)

    def polls(self) -> list[Action]:
        """Return what is being looked at at this moment."""
        return [wait.action for wait in self._waits.values() if wait.is_polling]

    def _poll(self, wait: PendingGate, engine: Engine) -> tuple[ObservedContainer, ProbeResult | None]:
        target, gate = wait.target, wait.action.gate
        seen = engine.inspect(target)
        if gate is None or gate.readiness is None:
            return seen, None
        due = is_probe_due(gate, wait.progress, seen, self._clock.monotonic_s())
        return seen, engine.probe(target, gate.readiness) if due else None

    def note_polled(self, wait: PendingGate) -> bool:
        """A look has ended, whatever came of it; tells whether anybody waits for that still."""
        wait.is_polling = False
        wait.poll_at_s = self._clock.monotonic_s() + GATE_POLL_S
        return self._waits.get(wait.action.id) is wait

    def evaluate(self, wait: PendingGate, found: object, *, counting: bool) -> GateResult:
        """Return what a look's answer says; raises what a gate raises that cannot be judged.

        `counting` False: what it depends on has not passed its gate yet, so that restarts do not count.
        """
        wait.lost_count = 0
        assert wait.action.gate is not None  # noqa: S101 - the planner gives one to every wait
        assert isinstance(found, tuple)  # noqa: S101 - what a look returns
        seen, probed = found
        if (
            wait.action.kind is Kind.EXEC
        ):  # a command needs a container that runs, and may be what makes it healthy
            seen = replace(seen, health=Health.NONE)
        now_s = self._clock.monotonic_s()
        result = evaluate_gate(wait.action.gate, wait.progress, seen, now_s, probed, counting=counting)
        wait.progress = self._progress[(wait.action.host, wait.action.name)] = result.progress
        return result
