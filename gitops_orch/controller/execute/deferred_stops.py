"""Stops of what was replaced leave an Engine to its starts: both want the same cores, and only the starts are waited for."""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Sequence

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import Action, Kind

WAITING_MAX = 4  # on a host: more old containers than that do not stay beside their successors for this
_TAKING_AWAY = frozenset({Kind.STOP, Kind.RENAME, Kind.REMOVE, Kind.REMOVE_NETWORK})


class DeferredStops:
    """Stops that nothing is made or started after, put off while their host starts or proves a container."""

    def __init__(self) -> None:
        self._patient: set[str] = set()
        self._waiting: dict[str, deque[Action]] = defaultdict(deque)  # by host, the oldest first

    def add(self, actions: Sequence[Action]) -> None:
        """Take notice of actions that stand on none but one another."""
        self._patient |= _patient(actions)

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def defer(self, action: Action) -> bool:
        """Keep an action that is ready for later, if nobody is kept waiting by that; tell whether it was kept."""
        if action.kind is not Kind.STOP or action.id not in self._patient:
            return False
        self._waiting[action.host].append(action)
        return True

    def due(self, busy: Container[str]) -> list[Action]:
        """Take out what may begin now: all on hosts that are not busy, and elsewhere what is too many to keep."""
        taken: list[Action] = []
        for host, waiting in self._waiting.items():
            while waiting and (host not in busy or len(waiting) > WAITING_MAX):
                taken.append(waiting.popleft())
        return taken

    def drop(self, apps: Container[AppKey | None] | None = None) -> None:
        """Forget what waits, of some apps or of all."""
        for host, waiting in self._waiting.items():
            self._waiting[host] = deque(each for each in waiting if apps is not None and each.app not in apps)


def _patient(actions: Iterable[Action]) -> set[str]:
    """Return the ids of actions that only take away, and that nothing but such actions stands on."""
    patient: set[str] = set()
    needed: set[str] = set()
    for action in reversed([*actions]):  # in a plan, what stands on an action comes after it
        if action.kind in _TAKING_AWAY and action.id not in needed:
            patient.add(action.id)
        else:
            needed.update(action.after, action.follows)
    return patient
