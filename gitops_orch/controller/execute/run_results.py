"""Keeps the actions of a run with their results, and reports the progress."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.run_control import Progress, ProgressEvent
from gitops_orch.model.plan.action import Action
from gitops_orch.model.status import ActionResult, FailureKind, Outcome, SkipReason


class RunResults:
    """The actions of all plans of a run, which of them have begun, and how they ended."""

    def __init__(self, clock: Clock, progress: Progress) -> None:
        self.actions: list[Action] = []
        self._clock = clock
        self._progress = progress
        self._began_at_s: dict[str, float] = {}
        self._began: dict[str, Action] = {}
        self._results: dict[str, ActionResult] = {}

    def __getitem__(self, identity: str) -> ActionResult:
        return self._results[identity]

    def __contains__(self, identity: str) -> bool:
        return identity in self._results

    @property
    def by_id(self) -> Mapping[str, ActionResult]:
        """Return the results of the actions that have ended."""
        return self._results

    @property
    def began(self) -> Collection[str]:
        """Return the ids of the actions that have begun."""
        return self._began.keys()

    def add(self, actions: Sequence[Action]) -> None:
        """Add the actions of a plan."""
        self.actions += actions

    def action(self, identity: str) -> Action:
        """Return an action that has begun."""
        return self._began[identity]

    def open_actions(self) -> list[Action]:
        """Return the actions without a result."""
        return [action for action in self.actions if action.id not in self._results]

    def begin(self, action: Action) -> None:
        """Note that an action begins now, and report it."""
        if action.id in self._began:
            return  # a command that waited for its container
        self._began_at_s[action.id] = self._clock.monotonic_s()
        self._began[action.id] = action
        self._report("started", action)

    def done(self, action: Action, note: str = "") -> ActionResult:
        """Return the result of an action that was done. It is not recorded yet."""
        return ActionResult(
            action=action, outcome=Outcome.DONE, duration_ms=self._duration_ms(action), note=note
        )

    def failed(self, action: Action, error: str, failure: FailureKind) -> ActionResult:
        """Return the result of an action that failed. It is not recorded yet."""
        return ActionResult(
            action=action,
            outcome=Outcome.FAILED,
            duration_ms=self._duration_ms(action),
            error=error,
            failure=failure,
        )

    def skip(self, action: Action, skip_reason: SkipReason | None, error: str = "") -> ActionResult:
        """Record the result of an action that was not started. If `skip_reason` is None, `error` is the reason."""
        error = error if skip_reason is None else skip_reason.value
        return self.record(
            ActionResult(
                action=action, outcome=Outcome.SKIPPED, duration_ms=0, error=error, skip_reason=skip_reason
            )
        )

    def record(self, result: ActionResult) -> ActionResult:
        """Record and report a result; return it with its time."""
        result = replace(result, ended_at=self._clock.now())
        self._results[result.action.id] = result
        self._report("finished", result.action, result)
        return result

    def report_waiting(self, action: Action, reason: str) -> None:
        """Report that an action still waits, and for how long."""
        self._report("waiting", action, message=f"{self._duration_ms(action) // 1000} s so far: {reason}")

    def _report(
        self, kind: str, action: Action, result: ActionResult | None = None, message: str = ""
    ) -> None:
        event = ProgressEvent(kind=kind, message=message, action=action, result=result)
        self._progress(replace(event, done=len(self._results), total=len(self.actions)))

    def _duration_ms(self, action: Action) -> int:
        return round((self._clock.monotonic_s() - self._began_at_s[action.id]) * 1000)
