"""Plans again during a run: an app whose release failed rolls back at once, while other apps continue.

Note [Plans for idle apps]
The planner makes the new plan from a new snapshot, which sees the apps that are being changed as they are at that
moment. These busy apps continue with the plan that they have. So the executor takes from the new plan only the actions
of other apps, and of these only apps that depend on no action that is left out. The next snapshot of the same run finds
what remains to be done.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Exec, Payload, RunJob, WaitHealthy
from gitops_orch.model.status import ActionResult


class Replan(Protocol):
    """Plans for apps that have ended, some of which failed. Another thread calls it while other apps are busy."""

    def __call__(
        self, results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]
    ) -> tuple[Action, ...]:
        """Return the actions to execute now. `results` has how the steps of all apps that are not `busy` have ended."""
        ...


def no_replan(results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]) -> tuple[Action, ...]:  # noqa: ARG001 - see Replan
    """Return no action."""
    return ()


def actions_of_idle_apps(actions: Sequence[Action], busy: Collection[AppKey | None]) -> tuple[Action, ...]:
    """Return the actions of a plan that can be executed while some apps are busy.

    See Note [Plans for idle apps]. It takes all actions of an app or none: half of its steps could remove a
    container that the other half would replace.
    """
    left = set(busy)
    while True:
        kept = [action for action in actions if action.app not in left]
        known = {action.id for action in kept}
        more = {
            action.app
            for action in kept
            if not known.issuperset(action.after) or not known.issuperset(action.follows)
        }
        if not more:
            return tuple(kept)
        left |= more


def renumbered(actions: Sequence[Action], number: int) -> tuple[Action, ...]:
    """Return the actions of the n-th plan of a run with ids that no earlier plan of the run has."""
    if not number:
        return tuple(actions)
    names = {action.id: f"{action.id}@{number}" for action in actions}
    return tuple(
        replace(
            action,
            id=names[action.id],
            after=tuple(names[each] for each in action.after),
            follows=tuple(names[each] for each in action.follows),
            payload=_renumbered_payload(action.payload, names),
        )
        for action in actions
    )


def _renumbered_payload(payload: Payload, names: Mapping[str, str]) -> Payload:
    """Rename the steps that a gate counts after.

    Steps that were left out of the plan are dropped: nothing waits for them.
    """
    if not isinstance(payload, WaitHealthy | Exec | RunJob) or not payload.gate.counts_after:
        return payload
    counts_after = tuple(names[each] for each in payload.gate.counts_after if each in names)
    return replace(payload, gate=replace(payload.gate, counts_after=counts_after))
