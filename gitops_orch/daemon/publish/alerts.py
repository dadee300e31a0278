"""Decides what to notify people of after a run: each new problem once, with advice, and its end."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from gitops_orch.model.app import AppKey
from gitops_orch.model.display.same_reason import stable_part
from gitops_orch.model.status import AppHealth, AppReleaseState, AppStatus, RunReport, Sync
from gitops_orch.model.trouble import Trouble
from gitops_orch.notify import Notice, NoticeKind, Outbox

CONTROLLER = "controller"
ATTEMPTS_MIN = 2
# An app must be healthy for so many seconds before the end of its problem is reported. An app that crashes again and
# again is therefore reported once.
CALM_S = 300.0
NONE: Mapping[AppKey, Trouble] = MappingProxyType({})
_BAD_HEALTH = frozenset({AppHealth.DEGRADED, AppHealth.MISSING})
_BAD_RELEASES = frozenset({AppReleaseState.FAILED, AppReleaseState.ROLLED_BACK})

Describe: TypeAlias = Callable[[str], str]
"""Returns a commit as people know it: its subject and author."""


def send_alerts(
    outbox: Outbox, report: RunReport, describe: Describe = str, troubles: Mapping[AppKey, Trouble] = NONE
) -> None:
    """Send notices of new problems, and of problems that ended. `troubles` are those of history."""
    notices = troubles_of(report, describe, troubles)
    for notice in notices.values():
        outbox.send(notice)
    # A run that observed nothing cannot know that a problem ended.
    if report.final_status.hosts or not report.final_status.error:
        outbox.settle({*notices, *_not_shown(report, troubles)})


def send_revert_alerts(outbox: Outbox, report: RunReport, describe: Describe = str) -> None:
    """Send notices of the reverts in Git by a run over some apps: no later run knows of them."""
    for notice in _revert_notices(report, describe):
        outbox.send(notice)


def _not_shown(report: RunReport, troubles: Mapping[AppKey, Trouble]) -> set[str]:
    """Return the apps whose problems a run cannot report as ended: not everything was observed, or tried again."""
    unknown = {str(app.key) for app in report.final_status.apps if app.sync is Sync.UNKNOWN}
    return unknown | {str(app) for app in troubles}


def troubles_of(
    report: RunReport, describe: Describe = str, troubles: Mapping[AppKey, Trouble] = NONE
) -> Mapping[str, Notice]:
    """Return the problems after a run, by app, by host, and for the controller as a whole.

    A failure that is not the fault of the release, such as a failed pull, is reported from its second attempt on: many
    end by themselves.
    """
    found: dict[str, Notice] = {}
    for notice in (
        *_app_notices(report, describe, troubles),
        *_host_notices(report),
        *_file_notices(report),
        *_controller_notices(report),
    ):
        found.setdefault(notice.subject, notice)
    return found


class _NoticeWriter:
    """Writes notices about apps, with their hosts, the commit of the run, and advice."""

    def __init__(self, report: RunReport, describe: Describe) -> None:
        status = report.final_status
        self._hosts = {app.key: app.hosts for app in status.apps}
        self._commit = (f"commit: {describe(status.commit)}",) if status.commit else ()

    def notice(
        self,
        app: AppKey,
        message: str,
        advice: str,
        kind: NoticeKind = NoticeKind.FAILURE,
        *,
        calm_s: float = 0.0,
    ) -> Notice:
        where = (f"host: {', '.join(self._hosts[app])}",) if self._hosts.get(app) else ()
        details = (*where, *self._commit, f"what to do: {advice}")
        return Notice(subject=str(app), message=message, kind=kind, details=details, calm_s=calm_s)


def _app_notices(
    report: RunReport, describe: Describe, troubles: Mapping[AppKey, Trouble]
) -> Iterator[Notice]:
    status, notice = report.final_status, _NoticeWriter(report, describe).notice
    unknown = {app.key for app in status.apps if app.sync is Sync.UNKNOWN}
    for app in status.apps:
        # While a rollout is in progress, `troubles` has the reasons why it does not finish.
        is_unhealthy = app.health in _BAD_HEALTH and app.release_state is not AppReleaseState.PROGRESSING
        if app.release_state in _BAD_RELEASES:
            yield notice(app.key, _problem(app), _advice(app))
        elif is_unhealthy:
            yield notice(app.key, _problem(app), _advice(app), calm_s=CALM_S)
    for trouble in troubles.values():
        if trouble.attempts >= ATTEMPTS_MIN:
            advice = f"remove the cause; it is tried again by itself, see `gitops-orch status {trouble.app}`"
            yield notice(trouble.app, trouble.reason, advice, NoticeKind.WARNING)
    for hold in status.plan.holds:
        if hold.stopped and hold.app is not None:
            message = f"{hold.subject}: {stable_part(hold.reason)}"
            yield notice(hold.app, message, f"run `gitops-orch retry {hold.app}` once the cause is removed")
        # Apps in `troubles` waited for a second attempt. An app that cannot be read is held and unknown.
        elif hold.app is not None and hold.app not in troubles and (hold.error or hold.app in unknown):
            advice = f"remove the cause; nothing of {hold.app} is changed until then"
            yield notice(hold.app, stable_part(hold.full_reason), advice, NoticeKind.WARNING)
    yield from _revert_notices(report, describe)


def _revert_notices(report: RunReport, describe: Describe) -> Iterator[Notice]:
    for news in report.reverts:  # after a successful revert, the app is healthy already
        kind = NoticeKind.WARNING if news.pushed else NoticeKind.FAILURE
        yield _NoticeWriter(report, describe).notice(
            news.app, news.message, "correct the release and commit it again", kind
        )


def _problem(app: AppStatus) -> str:
    return f"{app.release_state.value}, {app.health.value}: {stable_part(app.reason) or 'see gitops-orch status'}"


def _advice(app: AppStatus) -> str:
    if app.release_state in _BAD_RELEASES:
        return f"correct it in Git, or run `gitops-orch retry {app.key}` to try the same release again"
    return f"run `gitops-orch status {app.key}` and `gitops-orch logs {app.key}`"


def _host_notices(report: RunReport) -> Iterator[Notice]:
    status = report.final_status
    for host in status.hosts:
        if host.state == "unknown":
            apps = sorted(str(app.key) for app in status.apps if host.name in app.hosts)
            affected = (f"apps there: {', '.join(apps)}",) if apps else ()
            advice = "what to do: run `gitops-orch doctor`"
            yield Notice(
                subject=f"host {host.name}",
                message=host.reason or "it does not answer",
                details=(*affected, advice),
            )


def _file_notices(report: RunReport) -> Iterator[Notice]:
    """Yield notices of files from which no app can be read: their author may not look at anything else."""
    for file in report.final_status.invalid_files:
        advice = "what to do: correct the file; `gitops-orch validate` shows all its mistakes"
        yield Notice(
            subject=f"file {file.path}", message=file.mistake, kind=NoticeKind.WARNING, details=(advice,)
        )


def _controller_notices(report: RunReport) -> Iterator[Notice]:
    status = report.final_status
    refusals = [refusal.message for refusal in status.plan.refusals]
    if status.error or refusals:
        message = "; ".join(filter(None, (status.error, *refusals)))
        yield Notice(subject=CONTROLLER, message=message, details=("what to do: run `gitops-orch status`",))
