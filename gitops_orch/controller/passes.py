"""Runs passes: takes a snapshot, executes the plan and records the results, until this run can do nothing more."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from gitops_orch.controller.desired.load import Loaded
from gitops_orch.controller.execute.dispatcher import Services
from gitops_orch.controller.execute.executor import Executor
from gitops_orch.controller.execute.replan import actions_of_idle_apps
from gitops_orch.controller.execute.run_control import Progress, ProgressEvent, RunControl
from gitops_orch.controller.inputs.gather import Sources
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.observe.failure_logs import (
    result_without_secrets,
    text_without,
    with_failure_logs,
)
from gitops_orch.controller.record.recorder import Recorder
from gitops_orch.controller.snapshot import Snapshot, take_snapshot
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import ActionResult, Outcome, SkipReason

# Passes for the rollout, for a fallback while trouble lasts, for what the fallback left to do, and for what is only
# visible after that. A pass in which a gate failed does not count: it ends, because its app is then in quarantine or
# waits, so one app fewer can fail.
PASSES_MAX = 8


def _has_ended(done: Iterable[ActionResult], repeats: bool) -> bool:  # noqa: FBT001 - its caller names it
    """Tell whether a run has nothing more to do: it was stopped, it yields, or its next plan repeats an earlier one."""
    results = list(done)
    if any(result.outcome is Outcome.FAILED for result in results):
        return False
    return repeats or any(result.skip_reason is SkipReason.RUN_STOPPED for result in results)


def may_execute(snapshot: Snapshot) -> bool:
    """Tell whether a plan may be executed: the desired state is known, and no rule refuses the plan."""
    return snapshot.world is not None and not snapshot.status.plan.refusals


class Passes:
    """Takes snapshots and executes their plans, in turn. `results` has the results so far."""

    def __init__(
        self,
        sources: Sources,
        memory: Memory,
        recorder: Recorder,
        control: RunControl,
        # The run is limited to these apps. Empty: all apps.
        apps: frozenset[AppKey] = frozenset(),
    ) -> None:
        self.results: tuple[ActionResult, ...] = ()
        self._sources = sources
        self._memory = memory
        self._recorder = recorder
        self._control = replace(control, progress=self._without_secrets(control.progress))
        self._apps = apps
        self._failures_left = 0
        # By app, the snapshot from which its newest plan was made.
        self._snapshots: dict[AppKey | None, Snapshot] = {}
        # By action, the results that were recorded, without secrets.
        self._recorded: dict[str, ActionResult] = {}

    def _without_secrets(self, progress: Progress) -> Progress:
        """Return a progress that removes secrets of the app's files from failures and notes. The log prints these."""

        def follow(event: ProgressEvent) -> None:
            if event.result is not None and (event.result.outcome is Outcome.FAILED or event.result.note):
                result = result_without_secrets(event.result, self._app_of(event.result.action))
                event = replace(event, result=result)
            elif event.kind == "waiting" and event.action is not None:
                event = replace(event, message=text_without(event.message, self._app_of(event.action)))
            progress(event)

        return follow

    def _app_of(self, action: Action) -> App | None:
        world = self._snapshots[action.app].world
        apps = (each.app for each in world.releases.targets) if world is not None else ()
        return next((app for app in apps if app.key == action.app), None)

    def take_snapshot(self, loaded: Loaded, *, quick: bool) -> Snapshot:
        """Take a snapshot, and save in history what it found."""
        snapshot = take_snapshot(self._sources, self._memory, loaded, quick=quick, apps=self._apps)
        self._recorder.remember(snapshot)
        if snapshot.world is not None and snapshot.desired is not None:
            self._memory.note_unread(snapshot.unread_files, snapshot.world.releases.targets)
            self._memory.forget_other_tags(snapshot.desired.apps)
        return snapshot

    def run(self, snapshot: Snapshot) -> Snapshot:
        """Execute plans until this run can do nothing more. Returns the last snapshot."""
        passes_left = PASSES_MAX
        carried_out: set[str] = set()
        # Each app may fail once, and roll back. More failures would be a mistake of gitops-orch, and must not repeat
        # for ever.
        self._failures_left = PASSES_MAX + (
            len(snapshot.world.releases.targets) if snapshot.world is not None else 0
        )
        while passes_left and self._failures_left > 0:
            plan = snapshot.status.plan
            self._memory.forget_gates(plan)
            if not may_execute(snapshot) or not plan.actions or self._control.should_stop():
                break
            failures_left = self._failures_left
            done = self._carry_out(snapshot, plan)
            passes_left -= self._failures_left == failures_left
            self.results += tuple(result for result in done if result.skip_reason is not SkipReason.REPLANNED)
            # Do not wait again for hosts that did not answer a moment ago.
            snapshot = self.take_snapshot(snapshot.loaded, quick=True)
            carried_out.add(plan.digest)
            if _has_ended(done, snapshot.status.plan.digest in carried_out):
                break
        return snapshot

    def _carry_out(self, snapshot: Snapshot, plan: Plan) -> tuple[ActionResult, ...]:
        sources = self._sources
        self._control.progress(ProgressEvent(kind="planned", message=plan.digest, total=len(plan.actions)))
        self._recorder.record_start(
            plan, snapshot.world.releases.targets if snapshot.world is not None else ()
        )
        self._memory.begin_plan()
        self._loaded = snapshot.loaded
        self._snapshots = {action.app: snapshot for action in plan.actions}
        self._recorded.clear()
        services = Services(
            engines=sources.engines.by_name,
            workers=sources.workers,
            clock=sources.clock,
            gate_progress=self._memory.gate_progress,
        )
        done = Executor(services, self._control, self._replan).run(plan)
        self._record_results(result for result in done if result.action.id not in self._recorded)
        return tuple(self._recorded[result.action.id] for result in done)

    def _replan(
        self, results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]
    ) -> tuple[Action, ...]:
        """Record the results of apps that have ended, and plan for all apps that are not busy.

        Implements `replan.Replan`.
        """
        self._record_results(results)
        if self._failures_left <= 0 or self._control.should_stop():
            return ()
        snapshot = self.take_snapshot(self._loaded, quick=True)
        if not may_execute(snapshot):
            return ()
        plan = replace(snapshot.status.plan, actions=actions_of_idle_apps(snapshot.status.plan.actions, busy))
        self._recorder.record_start(
            plan, snapshot.world.releases.targets if snapshot.world is not None else ()
        )
        self._snapshots |= {action.app: snapshot for action in plan.actions}
        return plan.actions

    def _record_results(self, results: Iterable[ActionResult]) -> None:
        """Record what the results mean for releases, apps and containers."""
        by_snapshot: dict[int, list[ActionResult]] = defaultdict(list)
        snapshots = {id(snapshot): snapshot for snapshot in self._snapshots.values()}
        for result in results:
            by_snapshot[id(self._snapshots[result.action.app])].append(result)
        logged = [
            each
            for identity, some in by_snapshot.items()
            for each in self._record_results_of(snapshots[identity], some)
        ]
        self._failures_left -= any(result.gate_failed for result in logged)

    def _record_results_of(
        self, snapshot: Snapshot, results: Iterable[ActionResult]
    ) -> tuple[ActionResult, ...]:
        """Record the results of one snapshot's plan. Returns them with the last log lines of containers that failed."""
        sources, world = self._sources, snapshot.world
        assert world is not None  # noqa: S101 - only a plan of a known world is executed
        apps = {each.app.key: each.app for each in world.releases.targets}
        logged = with_failure_logs(results, sources.engines.by_name(), sources.workers, sources.clock, apps)
        self._memory.learn(logged, world, self._recorder.quarantine(snapshot, logged))
        # Last: if recording is interrupted before this line, it is repeated.
        self._recorded |= {result.action.id: result for result in logged}
        return logged
