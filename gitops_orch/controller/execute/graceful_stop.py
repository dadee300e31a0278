"""A run that is asked to stop leaves no slot empty: if it stopped a container, a container is started in its place.

It starts the successor if no slow action comes before that, or else starts the former container again. The next run
finds out whether the successor is healthy.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, Kind, Start
from gitops_orch.model.status import ActionResult, Outcome

_RESTART_REASON = "the run was stopped before its successor could be started"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The progress of a run: ids of started actions, results of ended ones, apps whose release failed."""

    actions: Sequence[Action]
    started: Collection[str]
    results: Mapping[str, ActionResult]
    failed_apps: Collection[AppKey | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingWork:
    """What a run still does before it stops: actions of its plan, by id, and restarts of containers that it stopped."""

    action_ids: frozenset[str]
    restarts: tuple[Action, ...]


def remaining_work(walk: RunState) -> RemainingWork:
    """Return the actions that are needed so that no slot is left empty."""
    by_id = {action.id: action for action in walk.actions}
    started = {(action.host, action.target) for action in walk.actions if action.kind is Kind.START}
    removed = {
        (action.host, action.target)
        for action in walk.actions
        if action.kind is Kind.REMOVE and action.id in walk.started
    }
    successors: dict[str, list[Action]] = defaultdict(list)  # by the action that they come after
    for action in walk.actions:
        for before in (*action.after, *action.follows) if action.kind is Kind.START else ():
            successors[before].append(action)
    kept = {action.id for action in walk.actions if action.reason == _RESTART_REASON}
    again: list[Action] = []
    for stop in walk.actions:
        if stop.kind is not Kind.STOP or stop.id not in walk.started:
            continue
        chains = [_chain(action, by_id, walk) for action in successors[stop.id]]
        kept.update(identity for chain in chains if chain is not None for identity in chain)
        result, there = walk.results.get(stop.id), (stop.host, stop.target)
        is_down = result is not None and result.outcome is Outcome.DONE
        if is_down and chains and not any(chain is not None for chain in chains):
            again += [_start_again(stop)] if there not in started | removed else []
    return RemainingWork(action_ids=frozenset(kept), restarts=tuple(again))


def _chain(start: Action, by_id: Mapping[str, Action], walk: RunState) -> set[str] | None:
    """Return the actions still needed for a start; none if it was started; None if it failed or would take long."""
    result = walk.results.get(start.id)
    if result is not None:
        return set() if result.outcome is Outcome.DONE else None
    if start.id in walk.started:
        return set()
    if start.app in walk.failed_apps:
        return None
    chain: set[str] = set()
    open_ids = [start.id]
    while open_ids:
        identity = open_ids.pop()
        if identity in walk.results or identity in chain:
            continue
        action = by_id[identity]
        if KINDS[action.kind].lasts:
            return None
        if identity not in walk.started:
            chain.add(identity)
        open_ids += [*action.after, *action.follows]
    return chain


def _start_again(stop: Action) -> Action:
    return Action(
        id=f"{Kind.START}/{stop.host}/{stop.target}",
        payload=Start(),
        host=stop.host,
        target=stop.target,
        reason=_RESTART_REASON,
        name=stop.name,
        app=stop.app,
        service=stop.service,
        slot=stop.slot,
        release=stop.release,
    )
