"""What of a run is worth telling people: what went wrong, once, and that it is well again."""

from collections.abc import Mapping

from gitops_orch.model.status import AppHealth, AppReleaseState, RunReport, Sync
from gitops_orch.notify import Outbox
from gitops_orch.planner.judgement import lasting

CONTROLLER = "controller"
_BAD_HEALTH = frozenset({AppHealth.DEGRADED, AppHealth.MISSING})
_BAD_RELEASES = frozenset({AppReleaseState.FAILED, AppReleaseState.ROLLED_BACK})


def tell_news(outbox: Outbox, report: RunReport) -> None:
    """Tell what is newly wrong, and what no longer is."""
    troubles = troubles_of(report)
    for subject, message in troubles.items():
        outbox.tell(subject, message)
    if (
        report.picture.hosts or not report.picture.error
    ):  # who has seen nothing cannot tell that all is well again
        outbox.settle(troubles.keys())


def troubles_of(report: RunReport) -> Mapping[str, str]:
    """Return what is wrong after a run, by app, by host, and for the controller as a whole."""
    picture = report.picture
    troubles = {
        str(hold.app): f"{hold.subject}: {lasting(hold.reason)}"
        for hold in picture.plan.holds
        if hold.stopped and hold.app is not None
    }
    troubles |= {
        str(app.key): f"{app.release_state.value}, {app.health.value}: {lasting(app.reason) or 'see status'}"
        for app in picture.apps
        if app.release_state in _BAD_RELEASES or app.health in _BAD_HEALTH or app.sync is Sync.UNKNOWN
    }
    for news in report.reverts:  # where it was reverted, the app is well already
        troubles.setdefault(str(news.app), news.message)
    troubles |= {
        f"host {host.name}": host.reason or "it does not answer"
        for host in picture.hosts
        if host.state == "unknown"
    }
    refusals = [refusal.message for refusal in picture.plan.refusals]
    if picture.error or refusals:
        troubles[CONTROLLER] = "; ".join(filter(None, (picture.error, *refusals)))
    return troubles
