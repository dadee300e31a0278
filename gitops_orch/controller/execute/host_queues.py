"""Decides which actions start next on a host: a limited number at a time, and repairs of failures first."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Container, Hashable

from gitops_orch.controller.workers import LANE_WORKERS_MAX
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS


def lane(action: Action) -> str:
    """Return the lane whose workers perform an action.

    Actions that take as long as a grace period or a command have workers of their own. Otherwise a few of them could
    keep a host from being observed, and its apps from rolling back.
    """
    return f"{action.host}, stops" if KINDS[action.kind].uses_grace else action.host


def pull_lane(action: Action, *, urgent: bool) -> str:
    """Return the lane of a pull.

    Pulls take no other action's workers, and urgent pulls do not wait for earlier ones.
    """
    return f"{action.host}, urgent pulls" if urgent else f"{action.host}, pulls"


def pull_key(action: Action) -> Hashable:
    """Return a key that is equal for pulls of the same image: a second one joins the pull that runs."""
    return (action.host, action.payload, action.optional)


class HostQueues:
    """Holds ready actions until a worker of their host is free, so that urgent actions can still overtake."""

    def __init__(self) -> None:
        self._urgent: dict[str, deque[Action]] = defaultdict(deque)  # by lane
        self._others: dict[str, deque[Action]] = defaultdict(deque)
        self._changed: set[str] = set()  # lanes in which an action may start
        self._started: Counter[str] = Counter()  # actions that run, by lane
        self._left: Counter[AppKey | None] = Counter()  # actions that have not ended, by app
        self._count = 0  # actions that have not ended

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, action: Action, *, urgent: bool = False) -> None:
        """Put an action in its queue."""
        self._note(action, 1)
        name = lane(action)
        (self._urgent if urgent else self._others)[name].append(action)
        self._changed.add(name)

    def due(self) -> list[Action]:
        """Remove and return the actions that may start now."""
        taken: list[Action] = []
        for name in sorted(self._changed):
            for waiting in (self._urgent[name], self._others[name]):
                while waiting and self._started[name] < LANE_WORKERS_MAX:
                    self._started[name] += 1
                    taken.append(waiting.popleft())
        self._changed.clear()
        return taken

    def end(self, action: Action) -> None:
        """Record that an action that was started has ended."""
        name = lane(action)
        self._started[name] -= 1
        self._changed.add(name)
        self._note(action, -1)

    def is_quiet(self, app: AppKey | None) -> bool:
        """Tell whether no action of an app is queued or runs."""
        return not self._left[app]

    def drop(self, apps: Container[AppKey | None]) -> None:
        """Drop the queued actions of some apps."""
        self._forget(lambda action: action.app in apps)

    def keep_only(self, kept: Container[str]) -> None:
        """Drop all queued actions except those with these ids."""
        self._forget(lambda action: action.id not in kept)

    def _forget(self, is_dropped: Callable[[Action], bool]) -> None:
        for waiting in (*self._urgent.values(), *self._others.values()):
            for action in tuple(waiting):
                if is_dropped(action):
                    waiting.remove(action)
                    self._note(action, -1)

    def _note(self, action: Action, more: int) -> None:
        self._count += more
        self._left[action.app] += more
