"""Collects the reasons why a run did not end in sync: each reason once, with the text that `status` shows."""

from collections.abc import Iterable, Iterator

from gitops_orch.model.app import AppKey
from gitops_orch.model.problem import Severity
from gitops_orch.model.status import (
    ActionResult,
    AppHealth,
    AppReleaseState,
    AppStatus,
    Outcome,
    Status,
    Sync,
)

_BAD_HEALTH = frozenset({AppHealth.DEGRADED, AppHealth.MISSING, AppHealth.UNKNOWN})
_BAD_RELEASES = frozenset({AppReleaseState.FAILED, AppReleaseState.ROLLED_BACK})


def run_reasons(status: Status, results: Iterable[ActionResult]) -> tuple[str, ...]:
    """Return the reasons of a run that did not end in sync, the most general first; at least one, each only once.

    An app's reason begins with `NAMESPACE/APP: `, a host's reason with `host NAME: `.
    """
    general = [status.error, *(refusal.message for refusal in status.plan.refusals)]
    others = (each for each in _specific(status, results) if not any(each in one for one in general))
    sentences = tuple(dict.fromkeys(filter(None, (*general, *others))))
    left = len(status.plan.actions)
    return sentences or (f"{left} step{'' if left == 1 else 's'} of the plan left to do",)


def _specific(status: Status, results: Iterable[ActionResult]) -> Iterator[str]:
    """Yield the problems of single apps, hosts and files, except those that an app's reason contains already."""
    plan = status.plan
    held = {hold.app for hold in plan.holds if hold.error}
    reasons: dict[AppKey | None, str] = {
        app.key: app.reason for app in status.apps if app.key in held or _is_unhealthy(app)
    }
    everything = "\n".join(reasons.values())
    yield from (f"{app}: {reason}" for app, reason in reasons.items() if reason)
    for hold in plan.holds:
        if hold.error and hold.reason not in reasons.get(hold.app, everything):
            yield f"{hold.subject}: {hold.reason}"
    yield from (
        f"host {host.name}: {host.reason}" for host in status.hosts if host.state == "unknown" and host.reason
    )
    errors = (str(problem) for problem in status.problems if problem.severity is Severity.ERROR)
    yield from (error for error in errors if error not in everything)
    for result in results:
        action = result.action
        if result.outcome is Outcome.FAILED and result.error not in reasons.get(action.app, everything):
            yield f"{action.kind.value} {action.name or action.target} on {action.host}: {result.error}"


def _is_unhealthy(app: AppStatus) -> bool:
    return (
        app.sync in {Sync.OUT_OF_SYNC, Sync.UNKNOWN}
        or app.health in _BAD_HEALTH
        or app.release_state in _BAD_RELEASES
    )
