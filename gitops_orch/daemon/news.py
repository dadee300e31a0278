"""What of a run is worth telling people: what went wrong, once, with what to do about it, and that it is over."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from gitops_orch.model.app import AppKey
from gitops_orch.model.status import AppHealth, AppReleaseState, AppStatus, RunReport, Sync
from gitops_orch.model.trouble import Trouble
from gitops_orch.notify import Notice, NoticeKind, Outbox
from gitops_orch.planner.judgement import lasting

CONTROLLER = "controller"
ATTEMPTS_MIN = 2
NONE: Mapping[AppKey, Trouble] = MappingProxyType({})
_BAD_HEALTH = frozenset({AppHealth.DEGRADED, AppHealth.MISSING})
_BAD_RELEASES = frozenset({AppReleaseState.FAILED, AppReleaseState.ROLLED_BACK})

Describe: TypeAlias = Callable[[str], str]
"""Returns a commit as people know it: its subject and author."""


def tell_news(
    outbox: Outbox, report: RunReport, describe: Describe = str, troubles: Mapping[AppKey, Trouble] = NONE
) -> None:
    """Tell what is newly wrong, and what no longer is; `troubles` are those of history."""
    notices = troubles_of(report, describe, troubles)
    for notice in notices.values():
        outbox.tell(notice)
    # A run that has seen nothing cannot tell that all is well again.
    if report.picture.hosts or not report.picture.error:
        outbox.settle(notices.keys())


def troubles_of(
    report: RunReport, describe: Describe = str, troubles: Mapping[AppKey, Trouble] = NONE
) -> Mapping[str, Notice]:
    """Return what is wrong after a run, by app, by host, and for the controller as a whole.

    A failure that is not the release's own, such as a pull, is news from its second attempt on: many end by themselves.
    """
    found: dict[str, Notice] = {}
    for notice in (
        *_app_notices(report, describe, troubles),
        *_host_notices(report),
        *_controller_notices(report),
    ):
        found.setdefault(notice.subject, notice)
    return found


def _app_notices(
    report: RunReport, describe: Describe, troubles: Mapping[AppKey, Trouble]
) -> Iterator[Notice]:
    picture = report.picture
    silent = {host.name for host in picture.hosts if host.state == "unknown"}
    hosts = {app.key: app.hosts for app in picture.apps}

    def notice(app: AppKey, message: str, advice: str, kind: NoticeKind = NoticeKind.FAILURE) -> Notice:
        where = (f"host: {', '.join(hosts[app])}",) if hosts.get(app) else ()
        commit = (f"commit: {describe(picture.commit)}",) if picture.commit else ()
        return Notice(
            subject=str(app), message=message, kind=kind, details=(*where, *commit, f"what to do: {advice}")
        )

    for app in picture.apps:
        # While a rollout is under way, what keeps it from its end is in `troubles`.
        is_unwell = app.health in _BAD_HEALTH and app.release_state is not AppReleaseState.PROGRESSING
        bad = app.release_state in _BAD_RELEASES or is_unwell
        # One message for a host that is down, not one for each of its apps.
        unknown = app.sync is Sync.UNKNOWN and app.key not in picture.plan.files_unknown  # else in `troubles`
        if bad or (unknown and not silent):
            yield notice(app.key, _complaint(app), _advice(app))
    for trouble in troubles.values():
        if trouble.attempts >= ATTEMPTS_MIN:
            advice = f"remove the cause; it is tried again by itself, see `gitops-orch status {trouble.app}`"
            yield notice(trouble.app, trouble.reason, advice, NoticeKind.WARNING)
    for hold in picture.plan.holds:
        if hold.stopped and hold.app is not None:
            message = f"{hold.subject}: {lasting(hold.reason)}"
            yield notice(hold.app, message, f"run `gitops-orch retry {hold.app}` once the cause is removed")
        elif (
            hold.error and hold.app is not None and hold.app not in troubles
        ):  # those waited for a second attempt
            advice = f"remove the cause; nothing of {hold.app} is changed until then"
            yield notice(hold.app, lasting(hold.words), advice, NoticeKind.WARNING)
    for news in report.reverts:  # where it was reverted, the app is healthy already
        kind = NoticeKind.WARNING if news.pushed else NoticeKind.FAILURE
        yield notice(news.app, news.message, "correct the release and commit it again", kind)


def _complaint(app: AppStatus) -> str:
    return f"{app.release_state.value}, {app.health.value}: {lasting(app.reason) or 'see gitops-orch status'}"


def _advice(app: AppStatus) -> str:
    if app.release_state in _BAD_RELEASES:
        return f"correct it in Git, or run `gitops-orch retry {app.key}` to try the same release again"
    return f"run `gitops-orch status {app.key}` and `gitops-orch logs {app.key}`"


def _host_notices(report: RunReport) -> Iterator[Notice]:
    picture = report.picture
    for host in picture.hosts:
        if host.state == "unknown":
            apps = sorted(str(app.key) for app in picture.apps if host.name in app.hosts)
            affected = (f"apps there: {', '.join(apps)}",) if apps else ()
            advice = "what to do: run `gitops-orch doctor`"
            yield Notice(
                subject=f"host {host.name}",
                message=host.reason or "it does not answer",
                details=(*affected, advice),
            )


def _controller_notices(report: RunReport) -> Iterator[Notice]:
    picture = report.picture
    refusals = [refusal.message for refusal in picture.plan.refusals]
    if picture.error or refusals:
        message = "; ".join(filter(None, (picture.error, *refusals)))
        yield Notice(subject=CONTROLLER, message=message, details=("what to do: run `gitops-orch status`",))
