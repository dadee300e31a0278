"""Decides the order in which the steps are executed, and breaks cycles of steps that wait for each other.

Note [Members of a cycle stop together]
Two containers that swap a port, a name or an address each need what the other one has. A container can give up its name
while it serves: it is renamed first. A port or an address is free only once its container has stopped. So the old
containers of the cycle are stopped together, once everything that can be prepared before is ready. Each new container
is started as soon as what it needs is free. Each is gated as usual, and is rolled back with its app.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, Kind, Rename

_ROUNDS_MAX = 3  # one round for names, one for stops, and one for a cycle that these leave


def without_cycles(
    actions: list[Action], names: Iterable[tuple[str, str]]
) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions in an order in which they can be executed, and those for which there is no such order.

    `names` are pairs of actions: one that needs a name, and the one that frees it.
    """
    ordered, stuck = topological(actions)
    for _ in range(_ROUNDS_MAX):
        if not stuck:
            break
        core = _core(stuck)
        actions = _with_names_given_up(actions, core, names) or _with_early_stops(actions, core)
        ordered, stuck = topological(actions)
    return ordered, stuck


def _core(stuck: Iterable[Action]) -> set[str]:
    """Return the actions that are in cycles or between two cycles, without those that only come after a cycle."""
    before = {action.id: {*action.after, *action.follows} for action in stuck}
    while True:
        awaited = set().union(*before.values()) if before else set()
        kept = {name: others & before.keys() for name, others in before.items() if name in awaited}
        kept = {name: others for name, others in kept.items() if others}
        if kept == before:
            return set(before)
        before = kept


def _with_names_given_up(
    actions: Sequence[Action], core: Collection[str], names: Iterable[tuple[str, str]]
) -> list[Action]:
    """Return the actions, with renames of containers in the cycle before their names are needed; empty if none is."""
    by_id = {action.id: action for action in actions}
    ready = _prepared(actions, core)
    renames: dict[str, Action] = {}  # by the action that would otherwise free the name
    instead: dict[str, dict[str, str]] = defaultdict(dict)
    for taker, freer in names:
        action = by_id[freer]
        if taker in core and freer in core and KINDS[action.kind].frees_name:
            renames.setdefault(freer, _renamed(action, ready))
            instead[taker][freer] = renames[freer].id
    if not renames:
        return []
    changed = [
        replace(
            action, after=tuple(dict.fromkeys(instead[action.id].get(each, each) for each in action.after))
        )
        if action.id in instead
        else _after(action, renames[action.id].id)
        if action.id in renames
        else action
        for action in actions
    ]
    return [*renames.values(), *changed]


def _renamed(freer: Action, ready: tuple[str, ...]) -> Action:
    name = f"{freer.name}-old-{freer.target[:7]}"
    return replace(
        freer,
        id=f"{Kind.RENAME}/{freer.host}/{name}",
        payload=Rename(name),
        reason=f"another container needs the name {freer.name}",
        after=ready,
        follows=(),
    )


def _after(action: Action, other: str) -> Action:
    return replace(action, after=(*action.after, other))


def _with_early_stops(actions: Sequence[Action], core: Collection[str]) -> list[Action]:
    """Return the actions, where those that stop containers no longer wait for actions in the cycle."""
    stopped = {(a.host, a.target) for a in actions if a.id in core and a.kind is Kind.STOP}
    early = {
        action.id: action
        for action in actions
        if action.id in core
        and (action.host, action.target) in stopped
        and action.kind in {Kind.STOP, Kind.EXEC, Kind.UPDATE}
    }
    ready = _prepared(actions, core)
    return [_early(action, core, early, ready) if action.id in early else action for action in actions]


def _early(
    action: Action, core: Collection[str], early: Mapping[str, Action], ready: tuple[str, ...]
) -> Action:
    own = [each for each in action.after if each in early and early[each].target == action.target]
    outside = [each for each in (*action.after, *ready) if each not in core]
    follows = tuple(each for each in action.follows if each not in core)
    return replace(action, after=tuple(dict.fromkeys((*outside, *own))), follows=follows)


def _prepared(actions: Iterable[Action], core: Collection[str]) -> tuple[str, ...]:
    """Return the actions outside the cycle that members of it wait for: images, files, volumes, new containers."""
    before = (each for action in actions if action.id in core for each in (*action.after, *action.follows))
    return tuple(dict.fromkeys(each for each in before if each not in core))


def topological(actions: list[Action]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions, sorted by `after` and then by their given order; and those in a cycle or after one."""
    if _is_in_order(actions):
        return tuple(actions), ()
    position = {action.id: number for number, action in enumerate(actions)}
    waiting = [len(action.after) + len(action.follows) for action in actions]
    followers: dict[str, list[int]] = defaultdict(list)
    for number, action in enumerate(actions):
        for before in (*action.after, *action.follows):
            followers[before].append(number)
    ready = [number for number, count in enumerate(waiting) if count == 0]
    heapify(ready)
    ordered: list[Action] = []
    while ready:
        action = actions[heappop(ready)]
        ordered.append(action)
        for number in followers[action.id]:
            waiting[number] -= 1
            if waiting[number] == 0:
                heappush(ready, number)
    done = {action.id for action in ordered}
    stuck = tuple(action for action in actions if action.id not in done) if len(done) < len(position) else ()
    return tuple(ordered), stuck


def _is_in_order(actions: list[Action]) -> bool:
    """Return whether the actions are in an executable order already, as in most plans; cheaper than a sort."""
    seen: set[str] = set()
    for action in actions:
        if not (seen.issuperset(action.after) and seen.issuperset(action.follows)):
            return False
        seen.add(action.id)
    return True
