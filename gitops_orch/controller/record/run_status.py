"""Decides the status and the exit code of a run (those of `sync`)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitops_orch.controller.record.run_reasons import run_reasons
from gitops_orch.model.problem import Severity
from gitops_orch.model.status import (
    ActionResult,
    AppHealth,
    AppReleaseState,
    AppStatus,
    FailureKind,
    Outcome,
    Status,
    Sync,
)

FAILING_STATES = frozenset({AppReleaseState.ROLLED_BACK, AppReleaseState.FAILED})


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status, the exit code, and the reasons; no reasons if the exit code is 0."""

    status: str
    exit_code: int
    reasons: tuple[str, ...] = ()


def run_status(status: Status, results: Iterable[ActionResult]) -> RunStatus:
    """Return the status of a run from the snapshot after it. Exit code 1 has priority over 4, 4 over 3, 3 over 0."""
    results = list(results)
    result = _first_status(status, results)
    return replace(result, reasons=run_reasons(status, results)) if result.exit_code else result


def _first_status(status: Status, results: list[ActionResult]) -> RunStatus:
    unknown = set(status.plan.unknown_hosts)
    errors = [
        result
        for result in results
        if result.outcome is Outcome.FAILED
        and not (result.gate_failed or result.failure is FailureKind.OUTSIDE)
    ]
    if _is_wrong(status) or any(result.action.host not in unknown for result in errors):
        return RunStatus("error", 1)
    # In a held app, a pushed tag may have failed while the former image runs.
    held = {hold.app for hold in status.plan.holds if not hold.kept}
    passed_later = {app.release for app in status.apps if _is_stable(app) and app.key not in held}
    gates = any(result.gate_failed and result.action.release not in passed_later for result in results)
    if gates or any(app.release_state in FAILING_STATES for app in status.apps):
        return RunStatus("rolled-back" if _rolled_back(status, results) else "failed", 4)
    if unknown or status.plan.unknown_apps or status.plan.files_unknown or errors:
        return RunStatus("unknown", 3)
    # Steps that were skipped because a container was stopped from outside were done by a later plan of the same run.
    recovered = any(result.failure is FailureKind.OUTSIDE for result in results) and not status.plan.actions
    skipped = any(result.outcome is Outcome.SKIPPED for result in results) and not recovered
    if skipped or any(hold.heals for hold in status.plan.holds):
        return RunStatus("progressing", 1)
    if status.plan.actions:
        return RunStatus("error", 1)
    return RunStatus("in-sync", 0)


def _rolled_back(status: Status, results: list[ActionResult]) -> bool:
    """Tell whether an app rolled back, or kept its former release; a first release has none."""
    stays = {app.key for app in status.apps if app.release_state is AppReleaseState.FAILED}
    return any(app.release_state is AppReleaseState.ROLLED_BACK for app in status.apps) or any(
        result.gate_failed and result.action.app not in stays for result in results
    )


def _is_stable(app: AppStatus) -> bool:
    """Tell whether an app is in sync: a first release that failed a gate may pass it later in the same run."""
    return (
        app.sync is Sync.IN_SYNC
        and app.health is AppHealth.HEALTHY
        and app.release_state is AppReleaseState.STABLE
    )


def _is_wrong(status: Status) -> bool:
    mistakes = any(problem.severity is Severity.ERROR for problem in status.problems)
    obstacles = any(hold.error for hold in status.plan.holds)
    return bool(status.error or status.plan.refusals or mistakes or obstacles)
