"""What nobody foresaw in one app is kept to that app: it is left as it is, said so, and tried again, less and less often.

Note [Whose fault]
An exception says where in the code it was raised, not for which app.  So the apps are worked out in halves, each together
with those that are known to do no harm, until those are found with which it fails.  That takes a few attempts for each
app at fault, and changes nothing: to look is pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.controller.retry.backoff import Backoff
from gitops_orch.errors import GitopsOrchError, internal_error
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey

T = TypeVar("T")
Attempt = Callable[[Mapping[AppKey, str]], T]  # given the apps that are set apart, each with why
APP_ISOLATED = "app.isolated"
_NO_SUSPECT = (GitopsOrchError, OSError, MemoryError)  # trouble of the world, which no app is to blame for


class Isolation:
    """Remembers, in this process alone, which apps could not be worked out, and when they may be tried again."""

    def __init__(self) -> None:
        self._memory = Backoff()

    def run(self, apps: Sequence[App], attempt: Attempt[T], clock: Clock) -> T:
        """Return what `attempt` makes of the apps, of as many of them as it can be made of.

        Whatever it raises in the end is the fault of no single app.
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
        """Tell whether a wait ends in a span of time."""
        return self._memory.expires_between(after_s, until_s)


def _find_failing(
    suspects: Sequence[AppKey], apart: Mapping[AppKey, str], attempt: Attempt[T], error: Exception
) -> Mapping[AppKey, Exception]:
    """Return the apps without which it can be done, each with its error; the error itself where there are none such."""
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
