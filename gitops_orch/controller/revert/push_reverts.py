"""`push_reverts`: reverts failed releases in Git after they were rolled back on the hosts, or reports why not.

Whether a revert is due is decided from the present state, not from what this run did. An app that is kept at its last
stable release, because its head release is quarantined, is to be reverted. A crash between the rollback and the push
therefore loses nothing. A push that was refused is tried again, with waits that grow and that survive a restart.
"""

from collections.abc import Callable, Collection
from datetime import timedelta

from gitops_orch.clock import Clock
from gitops_orch.controller.revert.git_revert import (
    SHORT,
    Reverter,
    RevertOutcome,
    RevertRequest,
    RevertStatus,
)
from gitops_orch.history.history import History
from gitops_orch.history.records import RevertRecord
from gitops_orch.logs import LOG
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.status import RevertReport
from gitops_orch.planner.inputs.world import Role, TargetRelease, World
from gitops_orch.planner.plan import held_reason

FIRST_WAIT_S = 60.0
LAST_WAIT_S = 3600.0
REVERT_PUSHED = "revert.pushed"
REVERT_NOT_PUSHED = "revert.not_pushed"


class FailedReverts:
    """Pushes the reverts that are due, and records their outcomes."""

    def __init__(self, reverter: Reverter, history: History, clock: Clock) -> None:
        self._reverter = reverter
        self._history = history
        self._clock = clock

    def push_due(
        self, world: World, desired: Desired, apps: Collection[AppKey], alive: Callable[[], None]
    ) -> tuple[RevertReport, ...]:
        """Revert in Git each of `apps` that was rolled back on the hosts. Returns the new outcomes.

        `alive` is called before each request to the remote, which may hang until its deadline.
        """
        asked = {app.key: app.digest for app in desired.apps}
        known = self._history.reverts()
        news: list[RevertReport] = []
        for each in world.releases.targets:
            key = each.app.key
            if key not in apps or each.role is not Role.ROLLBACK or held_reason(each, world):
                continue
            before = known.get((key, asked[key]))
            if before is None or self._is_due(before, world.desired.commit):
                reason = world.releases.failed.get(key, {}).get(asked[key], "")
                request = RevertRequest(app=key, commit=each.commit, reason=reason, failed=asked[key])
                done = self._reverter.revert(request, alive)
                news += self._remember(each, request, done, before)
        return tuple(news)

    def _is_due(self, before: RevertRecord, head: str) -> bool:
        if before.state == RevertStatus.REFUSED.value:
            return before.head != head
        # If the clock was set back, the wait must not last longer.
        return not before.at <= self._clock.now() < before.until

    def _remember(
        self, each: TargetRelease, request: RevertRequest, done: RevertOutcome, before: RevertRecord | None
    ) -> tuple[RevertReport, ...]:
        key = request.app
        if done.result is RevertStatus.MOVED_ON:
            return ()
        tries = before.tries + 1 if before is not None else 1
        now = self._clock.now()
        wait_s = min(LAST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries - 1, 10))
        record = RevertRecord(
            app=key,
            digest=request.failed,
            to_digest=each.app.digest,
            head=done.head,
            state=done.result.value,
            message=_words(done, request, before),
            hint=done.hint,
            commit=done.commit,
            tries=tries,
            at=now,
            until=now + timedelta(seconds=wait_s),
        )
        self._history.record_revert(record)
        self._log(key, record)
        pushed = done.result is RevertStatus.PUSHED
        return (RevertReport(app=key, commit=done.commit, pushed=pushed, message=record.message),)

    @staticmethod
    def _log(app: AppKey, record: RevertRecord) -> None:
        pushed = record.state == RevertStatus.PUSHED.value
        LOG.warning(
            REVERT_PUSHED if pushed else REVERT_NOT_PUSHED,
            app=str(app),
            commit=record.commit,
            head=record.head,
            tries=record.tries,
            message=record.message,
            next_try_at=None if pushed else record.until.isoformat(),
        )


def _words(done: RevertOutcome, request: RevertRequest, before: RevertRecord | None) -> str:
    """Return the message for people.

    A repeated trouble keeps the text of its first time, so that it is reported once.
    """
    if done.result is RevertStatus.PUSHED:
        return f"release {request.failed[:12]} failed and was reverted in Git by {done.commit[:SHORT]}: {request.reason}"
    if before is not None and (before.state, before.hint) == (done.result.value, done.hint):
        return before.message
    if done.result is RevertStatus.REFUSED:
        return f"nothing was reverted in Git: {done.message}; {done.hint}"
    return (
        f"its revert could not be pushed: {done.message}; {done.hint}; it is tried again, less and less often"
    )
