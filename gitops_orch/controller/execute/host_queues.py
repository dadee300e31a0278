"""Which actions begin next on a host: so many at a time, and what puts a failure right before all others."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Container, Hashable

from gitops_orch.controller.workers import LANE_WORKERS_MAX
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import Action, Kind

SLOW_HOST_KINDS = frozenset({Kind.STOP, Kind.RESTART, Kind.EXEC})


def lane(action: Action) -> str:
    """Return whose workers carry an action out.

    What takes as long as a grace period or a command does has workers of its own: a few of these on a host would keep it
    from being looked at, and its apps from going back.
    """
    return f"{action.host}, stops" if action.kind in SLOW_HOST_KINDS else action.host


def pull_lane(action: Action, *, urgent: bool) -> str:
    """Return whose workers bring an image in: not those of anything else, and not of all that was asked for before."""
    return f"{action.host}, urgent pulls" if urgent else f"{action.host}, pulls"


def pull_key(action: Action) -> Hashable:
    """Return what two pulls have in common that are one: whoever wants the same joins the one under way."""
    image = action.image or action.target
    return (action.host, image, action.platform, action.local_suffices, action.optional)


class HostQueues:
    """Keeps what is ready until a worker of its host is free: what is queued there cannot be overtaken any more."""

    def __init__(self) -> None:
        self._urgent: dict[str, deque[Action]] = defaultdict(deque)  # by lane
        self._others: dict[str, deque[Action]] = defaultdict(deque)
        self._changed: set[str] = set()  # lanes in which something may begin
        self._started: Counter[str] = Counter()  # under way, by lane
        self._left: Counter[AppKey | None] = Counter()  # not ended, by app
        self._count = 0  # not ended

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, action: Action, *, urgent: bool = False) -> None:
        """Let an action wait for its turn."""
        self._note(action, 1)
        name = lane(action)
        (self._urgent if urgent else self._others)[name].append(action)
        self._changed.add(name)

    def due(self) -> list[Action]:
        """Take out what may begin now."""
        taken: list[Action] = []
        for name in sorted(self._changed):
            for waiting in (self._urgent[name], self._others[name]):
                while waiting and self._started[name] < LANE_WORKERS_MAX:
                    self._started[name] += 1
                    taken.append(waiting.popleft())
        self._changed.clear()
        return taken

    def end(self, action: Action) -> None:
        """Take note that an action that was due has ended."""
        name = lane(action)
        self._started[name] -= 1
        self._changed.add(name)
        self._note(action, -1)

    def is_quiet(self, app: AppKey | None) -> bool:
        """Tell whether nothing of an app waits for its turn or is under way."""
        return not self._left[app]

    def drop(self, apps: Container[AppKey | None]) -> None:
        """Forget what waits, of some apps."""
        self._forget(lambda action: action.app in apps)

    def keep_only(self, kept: Container[str]) -> None:
        """Forget what waits, but for some actions, by their ids."""
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
