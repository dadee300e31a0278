"""Why did a run not end in sync?  Each trouble once, in the words that `status` has for it."""

from collections.abc import Iterable, Iterator

from gitops_orch.model.plan import PlanHold
from gitops_orch.model.problem import Severity
from gitops_orch.model.status import (
    ActionResult,
    AppHealth,
    AppReleaseState,
    AppStatus,
    Outcome,
    Picture,
    Sync,
)

_BAD_HEALTH = frozenset({AppHealth.DEGRADED, AppHealth.MISSING, AppHealth.UNKNOWN})
_BAD_RELEASES = frozenset({AppReleaseState.FAILED, AppReleaseState.ROLLED_BACK})


def run_reasons(picture: Picture, results: Iterable[ActionResult]) -> tuple[str, ...]:
    """Return the reasons of a run that did not end in sync, most general first; at least one, each only once.

    An app's reason begins with `NAMESPACE/APP: `, a host's with `host NAME: `.
    """
    told: list[str] = []
    for reason in _candidates(picture, results):
        if reason and not any(reason in other for other in told):
            told.append(reason)
    return tuple(told) or (f"{len(picture.plan.actions)} steps are left to do",)


def _candidates(picture: Picture, results: Iterable[ActionResult]) -> Iterator[str]:
    plan = picture.plan
    yield picture.error
    yield from (refusal.message for refusal in plan.refusals)
    holds = {hold.app: hold for hold in plan.holds if hold.error and hold.app is not None}
    unwell = [app for app in picture.apps if _is_unwell(app, holds.get(app.key))]
    reasons = [app.reason for app in unwell]
    yield from (f"{app.key}: {app.reason}" for app in unwell if app.reason)
    for hold in plan.holds:
        if hold.error and not any(hold.reason in reason for reason in reasons):
            yield f"{hold.subject}: {hold.reason}"
    yield from (
        f"host {host.name}: {host.reason}"
        for host in picture.hosts
        if host.state == "unknown" and host.reason
    )
    for problem in picture.problems:
        text = str(problem)
        if problem.severity is Severity.ERROR and not any(text in reason for reason in reasons):
            yield text
    for result in results:
        if result.outcome is Outcome.FAILED and not any(result.error in reason for reason in reasons):
            action = result.action
            yield f"{action.kind.value} {action.name or action.target} on {action.host}: {result.error}"


def _is_unwell(app: AppStatus, hold: PlanHold | None) -> bool:
    return (
        hold is not None
        or app.sync in {Sync.OUT_OF_SYNC, Sync.UNKNOWN}
        or app.health in _BAD_HEALTH
        or app.release_state in _BAD_RELEASES
    )
