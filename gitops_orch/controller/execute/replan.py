"""Planning anew in the middle of a run: an app whose release failed goes back now, beside what is under way for others.

Note [Beside what is under way]
A new plan is made of a new look, which sees the apps that are being changed as they are at that moment.  Those go on by
the plan that they have.  So only what is done to the other apps is taken of the new one, and of these only the apps that
stand on nothing that is not taken.  What that leaves undone, the next look of the same run finds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import Action, Gate
from gitops_orch.model.status import ActionResult


class Replan(Protocol):
    """Plans for apps that have ended, some of which failed; called while other apps are under way, by another thread."""

    def __call__(
        self, results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]
    ) -> tuple[Action, ...]:
        """Return what to do now, given how the steps of all apps that are not `busy` have ended."""
        ...


def no_replan(results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]) -> tuple[Action, ...]:  # noqa: ARG001 - see PlanAnew
    """Leave it at that."""
    return ()


def actions_of_idle_apps(actions: Sequence[Action], busy: Collection[AppKey | None]) -> tuple[Action, ...]:
    """Return the actions of a plan that can be carried out beside what is under way for some apps.

    See Note [Beside what is under way].  All of an app or nothing: half of its steps could take a container away that
    the other half would replace.
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
    """Return the actions of the n-th plan of a run under names that those of the plans before it do not have."""
    if not number:
        return tuple(actions)
    names = {action.id: f"{action.id}@{number}" for action in actions}
    return tuple(
        replace(
            action,
            id=names[action.id],
            after=tuple(names[each] for each in action.after),
            follows=tuple(names[each] for each in action.follows),
            gate=_renumbered_gate(action.gate, names),
        )
        for action in actions
    )


def _renumbered_gate(gate: Gate | None, names: Mapping[str, str]) -> Gate | None:
    """Rename the steps that a gate counts after; a step that was left out of the plan has nothing to wait for."""
    if gate is None or not gate.counts_after:
        return gate
    return replace(gate, counts_after=tuple(names[each] for each in gate.counts_after if each in names))
