"""A plan's graph while it is walked: what has become ready, and what will never be."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gitops_orch.model.plan import Action
from gitops_orch.model.status import ActionResult, FailureKind, Outcome


@dataclass(frozen=True, slots=True)
class NextActions:
    """What the end of an action leads to: actions that may begin now, and actions that are lost with it."""

    ready: tuple[Action, ...]
    lost: tuple[Action, ...]


class Graph:
    """Counts for each action what it still waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._after: dict[str, list[Action]] = defaultdict(list)
        self._follows: dict[str, list[Action]] = defaultdict(list)
        self._lost: set[str] = set()

    def add(self, actions: Sequence[Action]) -> list[Action]:
        """Take actions that stand on none but one another, and return those that wait for nothing."""
        for action in actions:
            self._waiting[action.id] = len(action.after) + len(action.follows)
            for before in action.after:
                self._after[before].append(action)
            for before in action.follows:
                self._follows[before].append(action)
        return [action for action in actions if not self._waiting[action.id]]

    def end(self, action: Action, result: ActionResult) -> NextActions:
        """Take note that an action has ended.

        What comes after a failed one is lost, and all that stands on that in turn.  What only follows it is lost too,
        unless the failure is tolerated: then it goes on.
        """
        if result.outcome is Outcome.DONE:
            return NextActions(self._release([*self._after[action.id], *self._follows[action.id]]), ())
        lost: list[Action] = []
        ready: list[Action] = []
        ended, tolerated = [action.id], result.failure is FailureKind.TOLERATED
        while ended:
            identity = ended.pop()
            followers = self._follows[identity]
            if tolerated:
                ready += self._release(followers)
            for each in self._after[identity] if tolerated else [*self._after[identity], *followers]:
                if each.id not in self._lost:
                    self._lost.add(each.id)
                    lost.append(each)
                    ended.append(each.id)
        return NextActions(tuple(each for each in ready if each.id not in self._lost), tuple(lost))

    def _release(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        for each in actions:
            self._waiting[each.id] -= 1
        free = {each.id: each for each in actions if not self._waiting[each.id]}
        return tuple(each for each in free.values() if each.id not in self._lost)
