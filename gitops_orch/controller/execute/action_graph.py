"""The graph of a plan during execution: which actions are ready, and which can never start."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gitops_orch.model.plan.action import Action
from gitops_orch.model.status import ActionResult, FailureKind, Outcome


@dataclass(frozen=True, slots=True)
class NextActions:
    """The consequences of an action's end: actions that may start now, and actions that can never start."""

    ready: tuple[Action, ...]
    lost: tuple[Action, ...]


class Graph:
    """Counts for each action how many others it waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._after: dict[str, list[Action]] = defaultdict(list)
        self._follows: dict[str, list[Action]] = defaultdict(list)
        self._lost: set[str] = set()

    def add(self, actions: Sequence[Action]) -> list[Action]:
        """Add actions that depend only on one another, and return those that wait for nothing."""
        for action in actions:
            self._waiting[action.id] = len(action.after) + len(action.follows)
            for before in action.after:
                self._after[before].append(action)
            for before in action.follows:
                self._follows[before].append(action)
        return [action for action in actions if not self._waiting[action.id]]

    def end(self, action: Action, result: ActionResult) -> NextActions:
        """Record that an action has ended, and return the consequences.

        If it failed, the actions that come after it are lost, and all actions that depend on these. Actions that only
        follow it are lost too, unless the failure is tolerated: then they continue.
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
