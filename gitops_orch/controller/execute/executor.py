"""Executes a plan: starts every action on its host's workers as soon as all actions before it are done.

It decides nothing: if an action fails, the actions that depend on it are skipped. An app whose release has failed gets
a new plan as soon as none of its actions runs, while other apps continue with their plans (replan.py).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.action_graph import Graph
from gitops_orch.controller.execute.deferred_stops import DeferredStops
from gitops_orch.controller.execute.engine_actions import failure_of
from gitops_orch.controller.execute.gates import GATE_LOST_MAX, GateProgresses, Gates, PendingGate
from gitops_orch.controller.execute.graceful_stop import RunState, remaining_work
from gitops_orch.controller.execute.host_queues import HostQueues, lane, pull_key, pull_lane
from gitops_orch.controller.execute.performer import Performer, error_text
from gitops_orch.controller.execute.replan import Replan, no_replan, renumbered
from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.execute.run_hook import in_hook
from gitops_orch.controller.workers import Batch, Finished, Workers
from gitops_orch.engine.base import Engine
from gitops_orch.errors import EngineError, HostUnreachable, NotFound, StillRestarting
from gitops_orch.logs import LOG
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import KINDS, Action, Kind, Plan
from gitops_orch.model.status import ActionResult, FailureKind, Outcome, SkipReason
from gitops_orch.planner.health_gate import GateState

# The maximum time between two calls of `should_stop`, in seconds; these calls also show that the run makes progress.
IDLE_S = 1.0
PLANNING_FAILED = "planning.internal_error"
RESTARTING_KINDS = frozenset({Kind.CREATE, Kind.START, Kind.RUN_JOB, Kind.RESTART})
# The planner has its own worker; no host has this name.
PLANNER = "the planner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a plan is executed with.

    `engines` returns the connections that are open now. `gate_progress` keeps what gates have observed, so that the
    next run can continue them.
    """

    engines: Callable[[], Mapping[str, Engine]]
    workers: Workers
    clock: Clock
    gate_progress: GateProgresses


class Executor:
    """Executes one plan, and the new plans that follow it during the run. `run` returns a result for every action."""

    def __init__(
        self, services: Services, control: RunControl | None = None, replan: Replan = no_replan
    ) -> None:
        self._services = services
        self._clock = services.clock
        self._batch: Batch = services.workers.open()
        self._control = control or RunControl()
        self._replan = replan
        self._engines: Mapping[str, Engine] = {}
        self._actions: list[Action] = []
        self._plan_count = 0
        self._urgent: set[str] = set()  # actions of new plans
        self._started_at_s: dict[str, float] = {}
        self._started: dict[str, Action] = {}
        self._results: dict[str, ActionResult] = {}
        self._graph = Graph()
        self._performer = Performer()
        self._ready: list[Action] = []
        self._queues = HostQueues()
        self._pulls: set[str] = set()  # pulls that run; they continue when the run ends early
        self._gates = Gates(services.clock, services.gate_progress)
        self._deferred_stops = DeferredStops()
        self._starting: Counter[str] = Counter()  # starts that run, by host
        self._failures: Counter[str] = Counter()  # failed gates, by the budget that they count for
        # Apps whose release has failed: no more of their actions are started.
        self._failed_apps: set[AppKey | None] = set()
        self._to_replan: set[AppKey | None] = set()  # apps that need a new plan
        self._reported: set[str] = set()  # actions whose results the planner already received
        self._planning = False  # the planner is at work now

    def run(self, plan: Plan) -> tuple[ActionResult, ...]:
        """Execute the plan to its end, or until `control` ends the run.

        Then actions that run end, and the others are skipped.
        """
        try:
            self._walk(plan)
        except Exception:
            self._await_planner()
            raise
        for action in self._actions:
            if action.id not in self._results:
                failed = action.app in self._failed_apps
                self._record(
                    _skipped(action, SkipReason.RELEASE_FAILED if failed else SkipReason.RUN_STOPPED)
                )
        return tuple(self._results[action.id] for action in self._actions)

    def _walk(self, plan: Plan) -> None:
        self._take(plan.actions)
        while self._is_busy():
            if self._control.should_stop():
                self._wind_down()
            elif self._only_waits_for_gates() and self._control.should_yield():
                break
            self._begin_ready()
            self._replan_unsettled()
            for result in self._step():
                self._follow_up(result)
            if self._control.should_stop():  # a start that has just failed may leave a slot empty
                self._wind_down()

    def _take(self, actions: Sequence[Action]) -> None:
        actions = renumbered(actions, self._plan_count)
        if self._plan_count:
            self._urgent.update(action.id for action in actions)
        self._plan_count += 1
        self._engines = self._services.engines()
        self._failed_apps.difference_update(action.app for action in actions)
        for budget in (action.budget for action in actions if action.budget is not None):
            self._failures.pop(budget.service, None)
        self._actions += actions
        self._deferred_stops.add(actions)
        self._ready += self._graph.add(actions)

    def _is_busy(self) -> bool:
        return not self._only_waits_for_gates() or bool(self._gates or self._pulls)

    def _only_waits_for_gates(self) -> bool:
        return not (self._ready or self._queues or self._deferred_stops or self._planning)

    def _wind_down(self) -> None:
        """Start only actions that keep slots from being empty. Wait for the actions that run, except pulls."""
        self._gates.leave()
        self._pulls.clear()
        self._deferred_stops.drop()
        rest = remaining_work(
            RunState(
                actions=self._actions,
                started=self._started.keys(),
                results=self._results,
                failed_apps=self._failed_apps,
            )
        )
        self._queues.keep_only(rest.action_ids)
        self._ready = [action for action in self._ready if action.id in rest.action_ids]
        if rest.restarts:
            self._take(rest.restarts)

    def _await_planner(self) -> None:
        """Wait for the planner after an error. Its thread must not run while the next run begins with the same data."""
        while self._planning:
            finished = self._batch.next(IDLE_S)
            self._planning = finished is None or finished.token != PLANNER

    # -- after a failure

    def _follow_up(self, result: ActionResult) -> None:
        """Queue the actions that waited for this one. If it failed, skip the actions that depend on it."""
        app = result.action.app
        if result.failure is FailureKind.GATE:
            self._to_replan.add(app)
            if result.action.budget is not None:
                self._failed_apps.add(app)
                self._queues.drop({app})
                self._gates.leave({app})
                self._ready = [action for action in self._ready if action.app != app]
        self._follow(result, None)

    def _follow(self, result: ActionResult, skip_reason: SkipReason | None) -> tuple[Action, ...]:
        """Return the actions that can never start, because this one was not done."""
        outcome = self._graph.end(result.action, result)
        for action in outcome.lost:
            self._record(
                _skipped(action, skip_reason, f"{result.action.kind.value} {result.action.name} failed")
            )
        self._ready += [action for action in outcome.ready if action.app not in self._failed_apps]
        return outcome.lost

    def _replan_unsettled(self) -> None:
        """Start one new plan for all apps that need one and of which no action runs.

        The planner makes one plan at a time.
        """
        if self._planning or not self._to_replan or self._control.should_stop():
            return
        polled = {action.app for action in self._gates.polls()}
        apps = {app for app in self._to_replan if app not in polled and self._queues.is_quiet(app)}
        if not apps:
            return
        self._to_replan -= apps
        self._abandon(apps)
        busy = frozenset(action.app for action in self._actions if action.id not in self._results)
        ended = [a.id for a in self._actions if a.app not in busy and a.id not in self._reported]
        self._reported.update(ended)
        results = tuple(self._results[identity] for identity in ended)
        self._planning = True
        self._batch.submit(PLANNER, PLANNER, partial(self._replan, results, busy))

    def _abandon(self, apps: set[AppKey | None]) -> None:
        """End the remaining actions of some apps. Other apps that depend on these actions need a new plan, too."""
        self._gates.leave(apps)
        self._deferred_stops.drop(apps)
        for action in self._actions:
            if action.app in apps and action.id not in self._results:
                self._pulls.discard(action.id)
                why = SkipReason.RELEASE_FAILED if action.app in self._failed_apps else SkipReason.REPLANNED
                lost = self._follow(self._record(_skipped(action, why)), SkipReason.REPLANNED)
                self._to_replan.update(each.app for each in lost if each.app not in apps)

    def _planned(self, finished: Finished) -> None:
        self._planning = False
        if not isinstance(finished.value, tuple):
            # The next snapshot, after this run, finds the same problem if it still exists.
            LOG.error(PLANNING_FAILED, error=str(finished.error), exc_info=finished.error)
        elif finished.value and not self._control.should_stop():
            self._take(finished.value)
            total = len(self._actions)
            self._control.progress(ProgressEvent(kind="planned", message="planning again", total=total))

    # -- normal progress

    def _begin_ready(self) -> None:
        """Start queued actions and due gate polls, and deferred stops on hosts without a start or a poll."""
        ready, self._ready = self._ready, []
        for action in ready:
            if not self._deferred_stops.defer(action):
                self._begin(action)
        self._begin_due()
        for wait, poll in self._gates.due(self._engines):
            self._batch.submit(wait.action.host, (wait,), poll)
        if self._deferred_stops:
            looking = {action.host for action in self._gates.polls()}
            starting = {host for host, count in self._starting.items() if count}
            for action in self._deferred_stops.due(looking | starting):
                if action.app not in self._failed_apps:
                    self._begin(action)
            self._begin_due()

    def _begin(self, action: Action) -> None:
        """Start an action at once if it takes no worker from others; put the other actions in their queue."""
        urgent = action.id in self._urgent
        if action.kind is Kind.WAIT_HEALTHY:
            self._note_begin(action)
            self._gates.open(action, self._performer.container_of(action))
        elif action.kind is Kind.PULL:
            # One request to a registry serves all apps of a host, and also joins a pull that the last run left running.
            self._note_begin(action)
            self._pulls.add(action.id)
            self._batch.share(
                pull_lane(action, urgent=urgent), action.id, self._work(action), pull_key(action)
            )
        else:
            self._queues.add(action, urgent=urgent)

    def _begin_due(self) -> None:
        for action in self._queues.due():
            self._note_begin(action)
            self._starting[action.host] += KINDS[action.kind].starts
            self._batch.submit(lane(action), action.id, self._work(action))

    def _note_begin(self, action: Action) -> None:
        if action.id in self._started:
            return  # a command that waited for its container
        self._started_at_s[action.id] = self._clock.monotonic_s()
        self._started[action.id] = action
        self._report("started", action)

    def _work(self, action: Action) -> Callable[[], object]:
        if action.kind in RESTARTING_KINDS or action.signal:
            self._gates.forget(action)
        return partial(self._performer.perform, self._engines[action.host], action)

    def _step(self) -> list[ActionResult]:
        """Wait for one piece of work to end, and return its result."""
        if not self._is_busy():
            return []
        now, next_poll_s = self._clock.monotonic_s(), self._gates.next_poll_s()
        finished = self._batch.next(IDLE_S if next_poll_s is None else max(0.0, next_poll_s - now))
        if finished is None:
            return []
        if finished.token == PLANNER:
            self._planned(finished)
            return []
        result = self._evaluated(finished) if isinstance(finished.token, tuple) else self._performed(finished)
        return [] if result is None else [self._record(result)]

    def _performed(self, finished: Finished) -> ActionResult | None:
        action, error = self._started[str(finished.token)], finished.error
        if action.kind is not Kind.PULL:
            self._queues.end(action)
        elif action.id not in self._pulls:
            return None  # no action waits for this pull any more
        self._pulls.discard(action.id)
        self._starting[action.host] -= KINDS[action.kind].starts
        if isinstance(error, StillRestarting) or (error is None and action.kind is Kind.RUN_JOB):
            self._gates.open(action, self._performer.container_of(action))
            return None
        if error is None:
            note = str(finished.value or "")
            duration_ms = self._duration_ms(action)
            return ActionResult(action=action, outcome=Outcome.DONE, duration_ms=duration_ms, note=note)
        return self._failed(action, error_text(error, action.host), failure_of(error))

    def _evaluated(self, finished: Finished) -> ActionResult | None:
        assert isinstance(finished.token, tuple)  # noqa: S101 - only polls have a tuple as token
        (wait,) = finished.token
        if not self._gates.note_polled(wait):
            return None  # no action waits for this gate any more
        if finished.error is not None:
            return self._lost(wait, finished.error)
        try:
            gate = wait.action.gate
            counting = gate is None or self._results.keys() >= {*gate.counts_after}
            result = self._gates.evaluate(wait, finished.value, counting=counting)
        except Exception as error:  # noqa: BLE001 - an error in one gate must not end the work of the others
            return self._lost(wait, error)
        if result.state is GateState.WAITING:
            if self._gates.is_report_due(wait):
                seconds = self._duration_ms(wait.action) // 1000
                self._report("waiting", wait.action, message=f"{seconds} s so far: {result.reason}")
            return None
        if result.state is GateState.PASSED and wait.action.kind is Kind.EXEC:
            self._gates.pause(wait)
            self._begin(wait.action)  # its container runs again
            return None
        self._gates.end(wait)
        if result.state is GateState.STOPPED:
            return self._failed(wait.action, result.reason, FailureKind.OUTSIDE)
        if result.state is GateState.PASSED:
            duration_ms = self._duration_ms(wait.action)
            return ActionResult(action=wait.action, outcome=Outcome.DONE, duration_ms=duration_ms)
        is_existing = wait.action.gate is not None and wait.action.gate.is_existing
        failure = FailureKind.OTHER if is_existing else FailureKind.GATE
        return self._failed(wait.action, in_hook(wait.action, result.reason), failure)

    def _lost(self, wait: PendingGate, error: Exception) -> ActionResult | None:
        """Count a poll without an answer.

        That is no failed gate: poll again, and finally give up without a decision.
        """
        wait.lost_count += 1
        removed = isinstance(error, NotFound)
        answered = isinstance(error, EngineError) and not isinstance(error, HostUnreachable)
        if removed or wait.lost_count >= GATE_LOST_MAX or not answered:
            # The time without an answer must not count for or against the container: the next wait begins from zero.
            self._gates.end(wait)
            failure = FailureKind.OUTSIDE if removed else FailureKind.TRANSIENT
            return self._failed(wait.action, error_text(error, wait.action.host), failure)
        return None

    def _failed(self, action: Action, error: str, failure: FailureKind) -> ActionResult:
        if failure is FailureKind.GATE and self._is_within_budget(action):
            failure = FailureKind.TOLERATED
        return ActionResult(
            action=action,
            outcome=Outcome.FAILED,
            duration_ms=self._duration_ms(action),
            error=error,
            failure=failure,
        )

    def _is_within_budget(self, action: Action) -> bool:
        if action.budget is None:
            return False
        self._failures[action.budget.service] += 1
        return self._failures[action.budget.service] <= action.budget.failures_max

    def _record(self, result: ActionResult) -> ActionResult:
        result = replace(result, ended_at=self._clock.now())
        self._results[result.action.id] = result
        self._report("finished", result.action, result)
        return result

    def _report(
        self, kind: str, action: Action, result: ActionResult | None = None, message: str = ""
    ) -> None:
        event = ProgressEvent(kind=kind, message=message, action=action, result=result)
        self._control.progress(replace(event, done=len(self._results), total=len(self._actions)))

    def _duration_ms(self, action: Action) -> int:
        return round((self._clock.monotonic_s() - self._started_at_s[action.id]) * 1000)


def _skipped(action: Action, skip_reason: SkipReason | None, error: str = "") -> ActionResult:
    """Return the result of an action that was not started. If `skip_reason` is None, `error` is the reason."""
    error = error if skip_reason is None else skip_reason.value
    return ActionResult(
        action=action, outcome=Outcome.SKIPPED, duration_ms=0, error=error, skip_reason=skip_reason
    )
