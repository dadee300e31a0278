"""Decides what work that has ended means for its action: done, failed, and whose failure it is, or not ended yet."""

from collections import Counter
from collections.abc import Iterable

from gitops_orch.controller.execute.dispatcher import Dispatcher
from gitops_orch.controller.execute.engine_actions import failure_of
from gitops_orch.controller.execute.gates import GATE_LOST_MAX, PendingGate
from gitops_orch.controller.execute.performer import error_text
from gitops_orch.controller.execute.run_hook import in_hook
from gitops_orch.controller.execute.run_results import RunResults
from gitops_orch.controller.workers import Finished
from gitops_orch.errors import EngineError, HostUnreachable, NotFound, StillRestarting
from gitops_orch.model.plan.action import Action, gate_to_pass
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import ActionResult, FailureKind
from gitops_orch.planner.health_gate import GateState


class Evaluator:
    """Evaluates performed actions and polls of gates, with the failure budgets of the plans."""

    def __init__(self, dispatcher: Dispatcher, results: RunResults) -> None:
        self._dispatcher = dispatcher
        self._results = results
        self._failures: Counter[str] = Counter()  # failed gates, by the budget that they count for

    def reset_budgets(self, actions: Iterable[Action]) -> None:
        """Begin the failure budgets of a new plan's actions from zero."""
        for budget in (action.budget for action in actions if action.budget is not None):
            self._failures.pop(budget.service, None)

    def result_of(self, finished: Finished) -> ActionResult | None:
        """Return the result of the action whose work has ended; None if the action has not ended, or is abandoned."""
        return self._evaluated(finished) if isinstance(finished.token, tuple) else self._performed(finished)

    def _performed(self, finished: Finished) -> ActionResult | None:
        action, error = self._results.action(str(finished.token)), finished.error
        if not self._dispatcher.end(action):
            return None  # no action waits for this pull any more
        gate = gate_to_pass(action)
        waits = isinstance(error, StillRestarting) or (error is None and action.kind is Kind.RUN_JOB)
        if waits and gate is not None:
            self._dispatcher.open_gate(action, gate)
            return None
        if error is None:
            return self._results.done(action, str(finished.value or ""))
        return self._failed(action, error_text(error, action.host), failure_of(error))

    def _evaluated(self, finished: Finished) -> ActionResult | None:
        assert isinstance(finished.token, tuple)  # noqa: S101 - only polls have a tuple as token
        (wait,) = finished.token
        if not self._dispatcher.gates.note_polled(wait):
            return None  # no action waits for this gate any more
        if finished.error is not None:
            return self._lost(wait, finished.error)
        try:
            counting = self._results.by_id.keys() >= {*wait.gate.counts_after}
            result = self._dispatcher.gates.evaluate(wait, finished.value, counting=counting)
        except Exception as error:  # noqa: BLE001 - an error in one gate must not end the work of the others
            return self._lost(wait, error)
        if result.state is GateState.WAITING:
            if self._dispatcher.gates.is_report_due(wait):
                self._results.report_waiting(wait.action, result.reason)
            return None
        if result.state is GateState.PASSED and wait.action.kind is Kind.EXEC:
            self._dispatcher.gates.pause(wait)
            self._dispatcher.begin_one(wait.action)  # its container runs again
            return None
        self._dispatcher.gates.end(wait)
        if result.state is GateState.STOPPED:
            return self._failed(wait.action, result.reason, FailureKind.OUTSIDE)
        if result.state is GateState.PASSED:
            return self._results.done(wait.action)
        failure = FailureKind.OTHER if wait.gate.is_existing else FailureKind.GATE
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
            self._dispatcher.gates.end(wait)
            failure = FailureKind.OUTSIDE if removed else FailureKind.TRANSIENT
            return self._failed(wait.action, error_text(error, wait.action.host), failure)
        return None

    def _failed(self, action: Action, error: str, failure: FailureKind) -> ActionResult:
        if failure is FailureKind.GATE and self._is_within_budget(action):
            failure = FailureKind.TOLERATED
        return self._results.failed(action, error, failure)

    def _is_within_budget(self, action: Action) -> bool:
        if action.budget is None:
            return False
        self._failures[action.budget.service] += 1
        return self._failures[action.budget.service] <= action.budget.failures_max
