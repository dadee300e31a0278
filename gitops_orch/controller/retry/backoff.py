"""Backoff after trouble with registries and hosts. The app waits, longer each time, and everything else continues."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import ActionResult, FailureKind, Outcome
from gitops_orch.model.trouble import LEFT_GIT

FIRST_S = 10.0
LAST_S = 300.0
DOUBLINGS_MAX = 10  # a higher exponent makes a number too large to compare
NO_FAILURES: Mapping[AppKey, str] = {}
NO_APP = AppKey(namespace="", name="")

ContainerRef: TypeAlias = tuple[str, str]  # host, and id of a container


@dataclass(frozen=True, slots=True)
class _BackoffState:
    digest: str
    count: int
    until_s: float
    reason: str


class Backoff:
    """Remembers, in this process only, which apps had trouble and when they may be tried again.

    Times are seconds of the monotonic clock: a wall clock that is set back an hour must not hold an app for that hour.
    """

    def __init__(self) -> None:
        self._apps: dict[AppKey, _BackoffState] = {}
        # Containers that ran before, by host and id, and cannot be started again.
        self._starts: dict[ContainerRef, _BackoffState] = {}

    def note(
        self,
        results: Iterable[ActionResult],
        now_s: float,
        quarantined: Collection[AppKey] = (),
        waiting: Collection[AppKey] = (),
        digests: Mapping[AppKey, str] = NO_FAILURES,
    ) -> tuple[tuple[AppKey, str, str], ...]:
        """Record the results of a run: trouble lengthens an app's wait, and a run without trouble ends it.

        Returns the apps whose wait was lengthened, each with the digest of the release that it should run, and the
        reason.

        A skipped step says nothing. An app with a skipped step keeps its wait, because the step that fails may not have
        been reached: a run may yield before it.

        The results of an app in `waiting` do not end its wait: meanwhile its former container serves, and that proves
        nothing. A failure of an older release does not begin another wait for such an app, either.

        A failed gate counts as trouble too, unless it has just quarantined the release. If a release that was stable
        fails, the cause is outside the release, and a retry in every run would not help.

        `digests` are the releases that apps should run, or LEFT_GIT for an app that left Git. The failed step may
        belong to another release: if a former container cannot be removed, the app does not reach its desired state,
        either. A start of another release's container starts a container that ran before. Each such container has a
        wait of its own.
        """
        results = tuple(results)
        self._note_starts((each for each in results if _is_former(each, digests)), now_s)
        tried: dict[AppKey, ActionResult | None] = {}
        broken_off: set[AppKey] = set()
        for result in results:
            app = result.action.app
            if app is not None and result.outcome is Outcome.SKIPPED:
                broken_off.add(app)
            elif app is not None:
                was_evaluated = result.gate_failed and app in quarantined
                bad = result.outcome is Outcome.FAILED and not (
                    was_evaluated or result.failure is FailureKind.OUTSIDE
                )
                tried[app] = tried.get(app) or (result if bad else None)
        failed = []
        for app, failure in tried.items():
            if failure is not None and app in waiting and self._is_older(failure):
                continue
            if failure is not None:
                digest = digests.get(app, failure.action.release)
                failed.append((app, digest, _reason(failure, digest)))
                self.record_failure(*failed[-1], now_s)
            elif app not in waiting and app not in broken_off:
                self._apps.pop(app, None)
        return tuple(failed)

    def _note_starts(self, results: Iterable[ActionResult], now_s: float) -> None:
        self._starts = {each: found for each, found in self._starts.items() if found.until_s + LAST_S > now_s}
        for result in results:
            place = (result.action.host, result.action.target)
            before = self._starts.pop(place, None)
            if result.outcome is Outcome.FAILED and result.failure is not FailureKind.OUTSIDE:
                count = before.count + 1 if before is not None else 1
                self._starts[place] = _BackoffState("", count, now_s + _wait_s(count), _failure_text(result))

    def start_holds(self, now_s: float, now: datetime) -> Mapping[ContainerRef, Hold]:
        """Return the containers, by host and id, that ran before and must not be started for now."""
        return {
            place: Hold(reason=trouble.reason, until=now + timedelta(seconds=trouble.until_s - now_s))
            for place, trouble in self._starts.items()
            if trouble.until_s > now_s
        }

    def _is_older(self, failure: ActionResult) -> bool:
        """Tell whether the failed release is another one than the release that the app waits for."""
        before = self._apps.get(failure.action.app) if failure.action.app is not None else None
        return before is not None and before.digest != failure.action.release

    def record_failure(self, app: AppKey, digest: str, reason: str, now_s: float) -> None:
        """Record trouble with an app's release: the wait is longer each time."""
        before = self._apps.get(app)
        count = before.count + 1 if before is not None and before.digest == digest else 1
        self._apps[app] = _BackoffState(digest, count, now_s + _wait_s(count), reason)

    def clear(self, apps: Iterable[AppKey]) -> None:
        """Forget the trouble of apps that succeed."""
        for app in apps:
            self._apps.pop(app, None)

    def holds(self, digests: Mapping[AppKey, str], now_s: float, now: datetime) -> Mapping[AppKey, Hold]:
        """Return the apps that wait, with their holds. An app whose digest has changed is tried at once.

        An app that is not in `digests` left Git.
        """
        return {
            app: Hold(reason=trouble.reason, until=now + timedelta(seconds=trouble.until_s - now_s))
            for app, trouble in self._apps.items()
            if trouble.until_s > now_s and digests.get(app, LEFT_GIT) == trouble.digest
        }

    def expires_between(self, after_s: float, until_s: float) -> bool:
        """Tell whether a wait ends in this span of time: then something is tried again."""
        troubles = (*tuple(self._apps.values()), *tuple(self._starts.values()))
        return any(after_s < trouble.until_s <= until_s for trouble in troubles)


def _wait_s(count: int) -> float:
    wait_s: float = min(LAST_S, FIRST_S * 2 ** min(count - 1, DOUBLINGS_MAX))
    return wait_s


def _is_former(result: ActionResult, digests: Mapping[AppKey, str]) -> bool:
    """Tell whether a start was tried for a container that ran before the release that its app should run."""
    action = result.action
    if result.outcome is Outcome.SKIPPED:
        return False
    return action.kind is Kind.START and bool(digests) and action.release != digests.get(action.app or NO_APP)


def _reason(failure: ActionResult, digest: str) -> str:
    return f"its app left Git: {_failure_text(failure)}" if digest == LEFT_GIT else _failure_text(failure)


def _failure_text(failure: ActionResult) -> str:
    action = failure.action
    return f"{action.kind.value} {action.name} on {action.host}: {failure.error}"
