"""Limits an internal error in one app to that app: the app is isolated, stays as it is, and is retried with backoff.

Note [Whose fault]
An exception says where in the code it was raised, not for which app. So the apps are tried in halves, each half
together with the apps that are known to be harmless, until the apps that cause the error are found. That takes a few
attempts for each such app. It changes nothing, because planning is pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.controller.retry.backoff import Backoff
from gitops_orch.errors import GitopsOrchError, internal_error
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey

T = TypeVar("T")
# Called with the isolated apps and their reasons.
Attempt = Callable[[Mapping[AppKey, str]], T]
APP_ISOLATED = "app.isolated"
# Errors of the environment, which no app causes.
_NO_SUSPECT = (GitopsOrchError, OSError, MemoryError)


class Isolation:
    """Remembers, in this process only, which apps caused an internal error, and when they may be tried again."""

    def __init__(self) -> None:
        self._memory = Backoff()

    def run(self, apps: Sequence[App], attempt: Attempt[T], clock: Clock) -> T:
        """Return the result of `attempt` for all apps, or for as many of them as possible.

        If it still raises, no single app causes the error.
        """
        digests = {app.key: app.digest for app in apps}
        waits = self._memory.holds(digests, clock.monotonic_s(), clock.now())
        apart = {key: f"{wait.reason}; tried again at {wait.until:%H:%M:%SZ}" for key, wait in waits.items()}
        try:
            done = attempt(apart)
        except _NO_SUSPECT:
            raise
        except Exception as error:  # noqa: BLE001 - see Note [Whose fault]
            found = _find_failing([key for key in digests if key not in apart], apart, attempt, error)
            for key, fault in found.items():
                LOG.error(APP_ISOLATED, app=str(key), error=internal_error(fault), exc_info=fault)
                self._memory.record_failure(key, digests[key], internal_error(fault), clock.monotonic_s())
            return self.run(apps, attempt, clock)
        self._memory.clear(digests.keys() - apart.keys())
        return done

    def expires_between(self, after_s: float, until_s: float) -> bool:
        """Tell whether a wait ends in this span of time."""
        return self._memory.expires_between(after_s, until_s)


def _find_failing(
    suspects: Sequence[AppKey], apart: Mapping[AppKey, str], attempt: Attempt[T], error: Exception
) -> Mapping[AppKey, Exception]:
    """Return the apps that cause the error, each with its own error. If it occurs without any app, raise it."""
    if _trial((), suspects, apart, attempt) is not None:
        raise error
    harmless: list[AppKey] = []
    guilty: dict[AppKey, Exception] = {}
    waiting = [list(suspects)]
    while waiting:
        some = waiting.pop()
        fault = _trial([*harmless, *some], suspects, apart, attempt)
        if fault is None:
            harmless += some
        elif len(some) == 1:
            guilty[some[0]] = fault
        else:
            middle = len(some) // 2
            waiting += [some[middle:], some[:middle]]
    return guilty


def _trial(
    some: Iterable[AppKey], suspects: Iterable[AppKey], apart: Mapping[AppKey, str], attempt: Attempt[T]
) -> Exception | None:
    kept = set(some)
    try:
        attempt({**apart, **{key: "" for key in suspects if key not in kept}})
    except _NO_SUSPECT:
        raise
    except Exception as error:  # noqa: BLE001 - see Note [Whose fault]
        return error
    return None
