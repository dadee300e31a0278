"""Executes a plan: starts every action on its host's workers as soon as all actions before it are done.

It decides nothing: if an action fails, the actions that depend on it are skipped. An app whose release has failed gets
a new plan as soon as none of its actions runs, while other apps continue with their plans (replan.py).
"""

from collections.abc import Sequence
from functools import partial

from gitops_orch.controller.execute.action_graph import Graph
from gitops_orch.controller.execute.dispatcher import IDLE_S, Dispatcher, Services
from gitops_orch.controller.execute.evaluator import Evaluator
from gitops_orch.controller.execute.graceful_stop import RunState, remaining_work
from gitops_orch.controller.execute.replan import Replan, no_replan, renumbered
from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.execute.run_results import RunResults
from gitops_orch.controller.workers import Finished
from gitops_orch.logs import LOG
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import ActionResult, FailureKind, SkipReason

PLANNING_FAILED = "planning.internal_error"
# The planner has its own worker; no host has this name.
PLANNER = "the planner"


class Executor:
    """Executes one plan, and the new plans that follow it during the run. `run` returns a result for every action."""

    def __init__(
        self, services: Services, control: RunControl | None = None, replan: Replan = no_replan
    ) -> None:
        self._control = control or RunControl()
        self._replan = replan
        self._results = RunResults(services.clock, self._control.progress)
        self._dispatcher = Dispatcher(services, self._results)
        self._evaluator = Evaluator(self._dispatcher, self._results)
        self._graph = Graph()
        self._plan_count = 0
        self._ready: list[Action] = []
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
        for action in self._results.open_actions():
            failed = action.app in self._failed_apps
            self._results.skip(action, SkipReason.RELEASE_FAILED if failed else SkipReason.RUN_STOPPED)
        return tuple(self._results[action.id] for action in self._results.actions)

    def _walk(self, plan: Plan) -> None:
        self._take(plan.actions)
        while self._is_busy():
            if self._control.should_stop():
                self._wind_down()
            elif self._only_waits_for_gates() and self._control.should_yield():
                break
            ready, self._ready = self._ready, []
            self._dispatcher.begin(ready, self._failed_apps)
            self._replan_unsettled()
            for result in self._step():
                self._follow_up(result)
            if self._control.should_stop():  # a start that has just failed may leave a slot empty
                self._wind_down()

    def _take(self, actions: Sequence[Action]) -> None:
        actions = renumbered(actions, self._plan_count)
        self._dispatcher.add(actions, urgent=self._plan_count > 0)
        self._plan_count += 1
        self._failed_apps.difference_update(action.app for action in actions)
        self._evaluator.reset_budgets(actions)
        self._results.add(actions)
        self._ready += self._graph.add(actions)

    def _is_busy(self) -> bool:
        return not self._only_waits_for_gates() or self._dispatcher.waits()

    def _only_waits_for_gates(self) -> bool:
        return not (self._ready or self._dispatcher.is_busy() or self._planning)

    def _wind_down(self) -> None:
        """Start only actions that keep slots from being empty. Wait for the actions that run, except pulls."""
        self._dispatcher.wind_down()
        rest = remaining_work(
            RunState(
                actions=self._results.actions,
                started=self._results.began,
                results=self._results.by_id,
                failed_apps=self._failed_apps,
            )
        )
        self._dispatcher.keep_only(rest.action_ids)
        self._ready = [action for action in self._ready if action.id in rest.action_ids]
        if rest.restarts:
            self._take(rest.restarts)

    def _await_planner(self) -> None:
        """Wait for the planner after an error. Its thread must not run while the next run begins with the same data."""
        while self._planning:
            finished = self._dispatcher.next(IDLE_S)
            self._planning = finished is None or finished.token != PLANNER

    # -- after a failure

    def _follow_up(self, result: ActionResult) -> None:
        """Queue the actions that waited for this one. If it failed, skip the actions that depend on it."""
        app = result.action.app
        if result.failure is FailureKind.GATE:
            self._to_replan.add(app)
            if result.action.budget is not None:
                self._failed_apps.add(app)
                self._dispatcher.fail(app)
                self._ready = [action for action in self._ready if action.app != app]
        self._follow(result, None)

    def _follow(self, result: ActionResult, skip_reason: SkipReason | None) -> tuple[Action, ...]:
        """Return the actions that can never start, because this one was not done."""
        outcome = self._graph.end(result.action, result)
        for action in outcome.lost:
            self._results.skip(action, skip_reason, f"{result.action.kind.value} {result.action.name} failed")
        self._ready += [action for action in outcome.ready if action.app not in self._failed_apps]
        return outcome.lost

    def _replan_unsettled(self) -> None:
        """Start one new plan for all apps that need one and of which no action runs.

        The planner makes one plan at a time.
        """
        if self._planning or not self._to_replan or self._control.should_stop():
            return
        apps = {app for app in self._to_replan if self._dispatcher.is_quiet(app)}
        if not apps:
            return
        self._to_replan -= apps
        self._abandon(apps)
        busy = frozenset(action.app for action in self._results.open_actions())
        ended = [a.id for a in self._results.actions if a.app not in busy and a.id not in self._reported]
        self._reported.update(ended)
        results = tuple(self._results[identity] for identity in ended)
        self._planning = True
        self._dispatcher.submit(PLANNER, partial(self._replan, results, busy))

    def _abandon(self, apps: set[AppKey | None]) -> None:
        """End the remaining actions of some apps. Other apps that depend on these actions need a new plan, too."""
        rest = [action for action in self._results.open_actions() if action.app in apps]
        self._dispatcher.abandon(apps, rest)
        for action in rest:
            if action.id not in self._results:
                why = SkipReason.RELEASE_FAILED if action.app in self._failed_apps else SkipReason.REPLANNED
                lost = self._follow(self._results.skip(action, why), SkipReason.REPLANNED)
                self._to_replan.update(each.app for each in lost if each.app not in apps)

    def _planned(self, finished: Finished) -> None:
        self._planning = False
        if not isinstance(finished.value, tuple):
            # The next snapshot, after this run, finds the same problem if it still exists.
            LOG.error(PLANNING_FAILED, error=str(finished.error), exc_info=finished.error)
        elif finished.value and not self._control.should_stop():
            self._take(finished.value)
            total = len(self._results.actions)
            self._control.progress(ProgressEvent(kind="planned", message="planning again", total=total))

    # -- normal progress

    def _step(self) -> list[ActionResult]:
        """Wait for one piece of work to end, and return its result."""
        if not self._is_busy():
            return []
        finished = self._dispatcher.next(self._dispatcher.until_poll_s())
        if finished is None:
            return []
        if finished.token == PLANNER:
            self._planned(finished)
            return []
        result = self._evaluator.result_of(finished)
        return [] if result is None else [self._results.record(result)]
