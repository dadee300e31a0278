"""Defers stops of replaced containers while their host starts others.

Both need the same cores, and only starts are waited for.
"""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Sequence

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, Kind

# For each host. With more, too many old containers would run beside their successors.
WAITING_MAX = 4


class DeferredStops:
    """Stops that no create or start waits for.

    They are deferred while their host starts a container or polls a gate.
    """

    def __init__(self) -> None:
        self._patient: set[str] = set()
        self._waiting: dict[str, deque[Action]] = defaultdict(deque)  # by host, the oldest first

    def add(self, actions: Sequence[Action]) -> None:
        """Register the actions of a plan; they depend only on one another."""
        self._patient |= _patient(actions)

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def defer(self, action: Action) -> bool:
        """Defer an action that is ready, if nothing waits for it; tell whether it was deferred."""
        if action.kind is not Kind.STOP or action.id not in self._patient:
            return False
        self._waiting[action.host].append(action)
        return True

    def due(self, busy: Container[str]) -> list[Action]:
        """Remove and return the stops that may start now: all on idle hosts, on busy hosts those above the limit."""
        taken: list[Action] = []
        for host, waiting in self._waiting.items():
            while waiting and (host not in busy or len(waiting) > WAITING_MAX):
                taken.append(waiting.popleft())
        return taken

    def drop(self, apps: Container[AppKey | None] | None = None) -> None:
        """Drop deferred stops, of some apps or of all."""
        for host, waiting in self._waiting.items():
            self._waiting[host] = deque(each for each in waiting if apps is not None and each.app not in apps)


def _patient(actions: Iterable[Action]) -> set[str]:
    """Return the ids of actions that only remove, and that only such actions depend on."""
    patient: set[str] = set()
    needed: set[str] = set()
    for action in reversed([*actions]):  # in a plan, an action comes after the actions that it depends on
        if KINDS[action.kind].takes_away and action.id not in needed:
            patient.add(action.id)
        else:
            needed.update(action.after, action.follows)
    return patient
