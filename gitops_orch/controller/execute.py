"""Walks a plan: every action as soon as all that it waits for is done, on its own host's workers, and none else.

Execution has no choice: what an action stands on failed, and it is skipped.  A gate is looked at again and again between
other work, so that waiting for one service costs the others nothing.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from gitops_orch.clock import Clock
from gitops_orch.controller.endings import Endings
from gitops_orch.controller.graph import Graph
from gitops_orch.controller.perform import perform
from gitops_orch.controller.workers import Batch, Finished, Workers
from gitops_orch.engine.base import Engine
from gitops_orch.errors import (
    EngineError,
    GitopsOrchError,
    HookFailed,
    HostUnreachable,
    ImageUnavailable,
    NotFound,
    Unstartable,
    unforeseen,
)
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedContainer, ProbeResult
from gitops_orch.model.plan import Action, Kind, Plan
from gitops_orch.model.status import ActionResult, Outcome
from gitops_orch.planner.gate import Judgement, Watch, is_probe_due, judge

GATE_POLL_S = 0.5  # as often as Compose looks (COMPOSE.md, section 4)
GATE_LOST_MAX = 20  # looks in a row that may get no answer before a wait is given up
STOPPED = "the run was stopped"  # why an action was skipped that nothing speaks against
PUT_OFF = "a release that failed goes back first"  # the same, where the run goes on to plan again
RELEASE_FAILED = "its release has failed"
IDLE_S = 1.0  # how long a step may pass without a sign of life: `should_stop` is asked, and the watchdog fed, this often
ACTION_BROKE = "action.broke"
STARTING_KINDS = frozenset({Kind.START, Kind.RUN_JOB})
BAD_COMMAND_CODES = frozenset({126, 127})  # as a shell has them: may not be run, is not there
BEGINNING_KINDS = frozenset({Kind.CREATE, Kind.START, Kind.RUN_JOB, Kind.RESTART, Kind.EXEC})


_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """Something that happened on the way: `kind` is fetched, planned, started, finished, waiting or reverting."""

    kind: str
    message: str = ""
    action: Action | None = None
    result: ActionResult | None = None
    done: int = 0
    total: int = 0


class Progress(Protocol):
    """Hears of events as they happen, from one thread."""

    def __call__(self, event: ProgressEvent) -> None:
        """Take notice; must not raise."""
        ...


def silent(event: ProgressEvent) -> None:
    """Take no notice."""


@dataclass(slots=True)
class _Wait:
    """A gate that is being looked at."""

    action: Action
    watch: Watch
    began_s: float
    look_at_s: float
    looking: bool = False
    lost_count: int = 0


def never() -> bool:
    """Say no."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a run lets itself be watched and ended.

    `should_stop` ends it as soon as what is under way is done, pulls excepted.  `should_yield` ends it only where nothing
    is left but waiting for gates and pulls: something more urgent has come up, and both are taken up again where they
    were left.  A gate that failed is as urgent: its release goes back now, not when all others have had their time.
    """

    progress: Progress = silent
    should_stop: Callable[[], bool] = never
    should_yield: Callable[[], bool] = never


Watches = dict[tuple[str, str], Watch]  # by host and container name


class Executor:
    """Carries one plan out; `run` gives back a result for every action.

    `watches` outlives it: what gates have seen so far, for a run that takes them up again.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        workers: Workers,
        clock: Clock,
        conduct: Conduct | None = None,
        watches: Watches | None = None,
    ) -> None:
        conduct = conduct or Conduct()
        self._engines = engines
        self._batch: Batch = workers.open()
        self._clock = clock
        self._progress = conduct.progress
        self._should_stop = conduct.should_stop
        self._should_yield = conduct.should_yield
        self._watches: Watches = {} if watches is None else watches
        self._began: dict[str, float] = {}
        self._made: dict[tuple[str, str], str] = {}  # ids of containers made, by host and name
        self._begun: dict[str, Action] = {}
        self._pulls: dict[str, Action] = {}  # under way; they go on where the run is ended early
        self._waits: dict[str, _Wait] = {}
        self._results: dict[str, ActionResult] = {}
        self._graph = Graph(())
        self._endings = Endings(())
        self._starting: Counter[str] = Counter()  # starts under way, by host
        self._failures: Counter[str] = Counter()  # failed gates by the budget that they count for
        self._failed_apps: set[AppKey | None] = set()  # their release has failed: nothing more of it is begun
        self._under_way = 0
        self._gate_failed = False
        self._total = 0

    def run(self, plan: Plan) -> tuple[ActionResult, ...]:
        """Walk the plan to its end, or to where `should_stop` says so: what runs then is finished, the rest skipped."""
        self._total = len(plan.actions)
        self._graph = Graph(plan.actions)
        self._endings = Endings(plan.actions)
        ready = self._graph.first()
        early = STOPPED
        while ready or self._under_way or self._pulls or self._waits or self._endings:
            if self._should_stop() or (
                self._only_waits(ready) and (self._gate_failed or self._should_yield())
            ):
                early = PUT_OFF if self._gate_failed else STOPPED
                self._give_up_waits(self._waits.values(), early)
                self._pulls.clear()
                self._endings.clear()
                ready = []
            for action in ready:
                if not self._endings.put_off(action):
                    self._begin(action)
            ready = []
            for result in self._step():
                ready += self._after(result)
        for action in plan.actions:
            if action.id not in self._results:
                self._record(_skipped(action, RELEASE_FAILED if action.app in self._failed_apps else early))
        return tuple(self._results[action.id] for action in plan.actions)

    def _after(self, result: ActionResult) -> list[Action]:
        """Return what an ended action makes ready; what stands on a failed one is skipped."""
        outcome = self._graph.end(result.action, result)
        for action in outcome.lost:
            self._record(_skipped(action, f"{result.action.kind.value} {result.action.name} failed"))
        if result.gate_failed and not result.tolerated and result.action.budget is not None:
            self._failed_apps.add(result.action.app)
            mine = [wait for wait in self._waits.values() if wait.action.app == result.action.app]
            self._give_up_waits(mine, RELEASE_FAILED)
        return [action for action in outcome.ready if action.app not in self._failed_apps]

    def _begin(self, action: Action) -> None:
        now = self._clock.monotonic_s()
        self._began[action.id] = now
        self._begun[action.id] = action
        self._tell("started", action)
        if action.kind is Kind.WAIT_HEALTHY:
            self._watch(action, now)
            return
        if action.kind is Kind.PULL:
            # A registry is asked once for what many apps of a host want, or what the run before has left under way.
            self._pulls[action.id] = action
            self._batch.share(action.host, action.id, partial(self._perform, action), _pull_key(action))
            return
        self._under_way += 1
        self._starting[action.host] += action.kind in STARTING_KINDS
        self._batch.submit(action.host, action.id, partial(self._perform, action))

    def _begin_endings(self) -> None:
        """Begin what was put off where nothing is started or looked at now; not of a release that has failed since."""
        if self._endings:
            looking = {wait.action.host for wait in self._waits.values() if wait.looking}
            for action in self._endings.due(
                looking | {host for host, count in self._starting.items() if count}
            ):
                if action.app not in self._failed_apps:
                    self._begin(action)

    def _only_waits(self, ready: list[Action]) -> bool:
        looks = sum(wait.looking for wait in self._waits.values())
        return bool(self._waits or self._pulls) and not (ready or self._endings) and self._under_way == looks

    def _watch(self, action: Action, now: float) -> None:
        watch = self._watches.setdefault((action.host, action.name), Watch(since_s=now))
        self._waits[action.id] = _Wait(action, watch, self._began[action.id], now)

    def _perform(self, action: Action) -> str:
        if action.kind in BEGINNING_KINDS:
            self._watches.pop((action.host, action.name), None)
        engine = self._engines[action.host]
        # A name may be another's by the time that a request arrives; an id never is.
        if action.kind is Kind.REMOVE:
            action = replace(action, target=self._made.get((action.host, action.target), action.target))
        try:
            effect = perform(engine, action)
        except HostUnreachable:
            raise
        except EngineError as error:
            if action.kind in STARTING_KINDS and _has_bad_command(engine, action.target):
                raise Unstartable(str(error)) from error
            raise
        if effect.made:
            self._made[(action.host, action.target)] = effect.made
        return effect.note

    def _look(self, wait: _Wait) -> tuple[ObservedContainer, ProbeResult | None]:
        engine, target, gate = self._engines[wait.action.host], wait.action.target, wait.action.gate
        seen = engine.inspect(target)
        if gate is None or gate.readiness is None:
            return seen, None
        due = is_probe_due(gate, wait.watch, seen, self._clock.monotonic_s())
        return seen, engine.probe(target, gate.readiness) if due else None

    def _step(self) -> list[ActionResult]:
        """Hand out the looks that are due, wait for one piece of work to end, and judge it."""
        now = self._clock.monotonic_s()
        for identity, wait in self._waits.items():
            if not wait.looking and wait.look_at_s <= now:
                wait.looking = True
                self._under_way += 1
                self._batch.submit(wait.action.host, (identity,), partial(self._look, wait))
        self._begin_endings()
        due = [wait.look_at_s for wait in self._waits.values() if not wait.looking]
        timeout_s = max(0.0, min(due, default=now + IDLE_S) - now)
        if not self._under_way and not self._pulls and not due:
            return []
        finished = self._batch.next(timeout_s)
        if finished is None:
            return []
        result = self._judged(finished) if isinstance(finished.token, tuple) else self._performed(finished)
        return [] if result is None else [self._record(result)]

    def _performed(self, finished: Finished) -> ActionResult | None:
        error = finished.error
        action = self._begun[str(finished.token)]
        if action.kind is not Kind.PULL:
            self._under_way -= 1
        elif self._pulls.pop(action.id, None) is None:
            return None  # it was left to the next run
        self._starting[action.host] -= action.kind in STARTING_KINDS
        if error is None and action.kind is Kind.RUN_JOB:
            self._watch(action, self._clock.monotonic_s())
            return None
        if error is None:
            note = str(finished.value or "")
            duration_ms = self._duration_ms(action)
            return ActionResult(action=action, outcome=Outcome.DONE, duration_ms=duration_ms, note=note)
        return self._failed(
            action,
            _told(error),
            gate_failed=isinstance(error, Unstartable | HookFailed),
            transient=isinstance(error, (HostUnreachable, ImageUnavailable)),
        )

    def _judged(self, finished: Finished) -> ActionResult | None:
        assert isinstance(finished.token, tuple)  # noqa: S101 - looks are told apart by it
        self._under_way -= 1
        wait = self._waits[finished.token[0]]
        wait.looking = False
        now = self._clock.monotonic_s()
        wait.look_at_s = now + GATE_POLL_S
        if finished.error is not None:
            return self._lost(wait, finished.error)
        wait.lost_count = 0
        assert wait.action.gate is not None  # noqa: S101 - the planner gives one to every wait
        assert isinstance(finished.value, tuple)  # noqa: S101 - what a look returns
        seen, probed = finished.value
        try:
            verdict = judge(wait.action.gate, wait.watch, seen, now, probed)
        except Exception as error:  # noqa: BLE001 - one gate that cannot be judged must not end the others' work
            return self._lost(wait, error)
        wait.watch = self._watches[(wait.action.host, wait.action.name)] = verdict.watch
        if verdict.judgement is Judgement.WAITING:
            return None
        del self._waits[wait.action.id]
        self._watches.pop((wait.action.host, wait.action.name), None)
        if verdict.judgement is Judgement.PASSED:
            return ActionResult(
                action=wait.action, outcome=Outcome.DONE, duration_ms=self._duration_ms(wait.action)
            )
        return self._failed(wait.action, verdict.reason, gate_failed=True)

    def _lost(self, wait: _Wait, error: Exception) -> ActionResult | None:
        """No answer is no failed gate: try again, then give up without a judgement."""
        wait.lost_count += 1
        gone = isinstance(error, NotFound)
        answered = isinstance(error, EngineError) and not isinstance(error, HostUnreachable)
        if gone or wait.lost_count >= GATE_LOST_MAX or not answered:
            del self._waits[wait.action.id]
            # The time without an answer must count neither for nor against it: the next wait begins anew.
            self._watches.pop((wait.action.host, wait.action.name), None)
            return replace(self._failed(wait.action, _told(error), transient=not gone), vanished=gone)
        return None

    def _give_up_waits(self, waits: Iterable[_Wait], why: str) -> None:
        for wait in [wait for wait in waits if not wait.looking]:
            self._record(_skipped(self._waits.pop(wait.action.id).action, why))

    def _failed(
        self, action: Action, error: str, *, gate_failed: bool = False, transient: bool = False
    ) -> ActionResult:
        return ActionResult(
            action=action,
            outcome=Outcome.FAILED,
            duration_ms=self._duration_ms(action),
            error=error,
            gate_failed=gate_failed,
            tolerated=gate_failed and self._is_within_budget(action),
            transient=transient,
        )

    def _is_within_budget(self, action: Action) -> bool:
        if action.budget is None:
            return False
        self._failures[action.budget.service] += 1
        return self._failures[action.budget.service] <= action.budget.failures_max

    def _record(self, result: ActionResult) -> ActionResult:
        self._gate_failed |= result.gate_failed and not result.tolerated
        self._results[result.action.id] = result
        self._tell("finished", result.action, result)
        return result

    def _tell(self, kind: str, action: Action, result: ActionResult | None = None) -> None:
        done = len(self._results)
        self._progress(ProgressEvent(kind=kind, action=action, result=result, done=done, total=self._total))

    def _duration_ms(self, action: Action) -> int:
        return round((self._clock.monotonic_s() - self._began[action.id]) * 1000)


def _pull_key(action: Action) -> Hashable:
    return (action.host, action.image or action.target, action.optional)


def _told(error: Exception) -> str:
    """Return what to tell of a failure; what nobody foresaw is an app's trouble like any other, and is logged whole."""
    if isinstance(error, GitopsOrchError):
        return str(error)
    _log.error(ACTION_BROKE, error=str(error), exc_info=error)
    return unforeseen(error)


def _has_bad_command(engine: Engine, container: str) -> bool:
    """Tell whether a start was refused for the image's own sake: its command is not there, or may not be run."""
    try:
        details = engine.inspect(container).details
    except EngineError:
        return False
    return details is not None and details.exit_code in BAD_COMMAND_CODES


def _skipped(action: Action, why: str) -> ActionResult:
    return ActionResult(action=action, outcome=Outcome.SKIPPED, duration_ms=0, error=why)
