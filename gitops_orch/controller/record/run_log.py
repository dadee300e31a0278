"""Writes runs to the log: each action when it starts and when it ends, and one line for the run.

A run that found nothing new is logged at debug level: a service that polls every 30 s would hide everything else.
"""

import logging

from gitops_orch.controller.execute.run_control import Progress, ProgressEvent
from gitops_orch.logs import LOG
from gitops_orch.model.plan.action import Action
from gitops_orch.model.status import (
    ActionResult,
    AppReleaseState,
    FailureKind,
    Outcome,
    RunReport,
    SkipReason,
)

ACTION_STARTED = "action.started"
ACTION_FINISHED = "action.finished"
RUN_FINISHED = "run.finished"
# Logged as warnings, not as errors.
_PASSING = frozenset({FailureKind.TRANSIENT, FailureKind.TOLERATED, FailureKind.OUTSIDE})


class RunLog:
    """Logs the runs of one process."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()  # what the last run found
        self._waits: set[str] = set()  # actions that a run left for the next one

    def following(self, progress: Progress) -> Progress:
        """Return a progress that logs actions, and forwards every event."""

        def follow(event: ProgressEvent) -> None:
            if event.action is not None and event.kind == "started":
                level = logging.DEBUG if event.action.id in self._waits else logging.INFO
                LOG.log(level, ACTION_STARTED, **_facts(event.action), reason=event.action.reason)
            elif event.result is not None:
                self._note_end(event.result)
            progress(event)

        return follow

    def _note_end(self, result: ActionResult) -> None:
        """Log how an action ended. A wait that was only left for the next run is not logged as started again."""
        if result.skip_reason is SkipReason.RUN_STOPPED:
            self._waits.add(result.action.id)
            return
        self._waits.discard(result.action.id)
        _log_end(result)

    def finished(self, report: RunReport) -> None:
        """Log the end of a run; at debug level if it did nothing and found the same as the run before it."""
        status = report.final_status
        found = (report.status, report.exit_code, status.commit, status.error, status.plan.digest)
        is_news = (
            any(result.skip_reason is not SkipReason.RUN_STOPPED for result in report.results)
            or found != self._last
        )
        self._last = found
        level = logging.DEBUG
        if is_news:
            is_bad = report.exit_code and report.status != AppReleaseState.PROGRESSING.value
            level = logging.WARNING if is_bad else logging.INFO
        LOG.log(
            level,
            RUN_FINISHED,
            trigger=report.trigger,
            commit=status.commit,
            status=report.status,
            exit_code=report.exit_code,
            action_count=len(report.results),
            skipped_count=sum(result.outcome is Outcome.SKIPPED for result in report.results),
            hold_count=len(status.plan.holds),
            unknown_hosts=list(status.plan.unknown_hosts),
            duration_ms=report.duration_ms,
            observe_ms=status.observe_ms,
            plan_ms=status.plan_ms,
            error=status.error,
            reasons=list(report.reasons),
        )


def _facts(action: Action) -> dict[str, str]:
    return {"kind": action.kind.value, "host": action.host, "name": action.name, "app": str(action.app or "")}


def _log_end(result: ActionResult) -> None:
    """Log how an action ended. Actions that were skipped after a failure are counted in the line of the run."""
    level = logging.INFO
    if result.outcome is Outcome.SKIPPED:
        level = logging.DEBUG
    elif result.outcome is Outcome.FAILED:
        level = logging.WARNING if result.failure in _PASSING else logging.ERROR
    LOG.log(
        level,
        ACTION_FINISHED,
        **_facts(result.action),
        reason=result.action.reason,
        result=result.outcome.value,
        error=result.error,
        note=result.note,
        duration_ms=result.duration_ms,
    )
