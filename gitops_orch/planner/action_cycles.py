"""In which order can steps be carried out?  And what is done where they wait for one another in a circle?

Note [Members of a circle stop together]
Two containers that swap a port, a name or an address each need what the other one has.  A container can give its name
up while it serves on: it is renamed first.  Everything else is free only once it has stopped: the old containers of the
circle are stopped together, once all that can be made beforehand is there, and the new ones are started as soon as what
they need is free.  Each is gated as ever, and goes back with its app.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from gitops_orch.model.plan import Action, Kind

_ROUNDS_MAX = 3  # names, stops, and what these leave
_NAME_FREEING = frozenset({Kind.REMOVE, Kind.RENAME})


def without_cycles(
    actions: list[Action], names: Iterable[tuple[str, str]]
) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions in an order in which they can be carried out, and those that no order has a place for.

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
    """Return the actions that are in circles, or between two of them; not those that only come after."""
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
    """Return the actions, with a container of the circle renamed before its name is needed; empty where none is."""
    by_id = {action.id: action for action in actions}
    ready = _prepared(actions, core)
    renames: dict[str, Action] = {}  # by the action that frees the name otherwise
    instead: dict[str, dict[str, str]] = defaultdict(dict)
    for taker, freer in names:
        action = by_id[freer]
        if taker in core and freer in core and action.kind in _NAME_FREEING:
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
        kind=Kind.RENAME,
        reason=f"another container needs the name {freer.name}",
        new_name=name,
        after=ready,
        follows=(),
    )


def _after(action: Action, other: str) -> Action:
    return replace(action, after=(*action.after, other))


def _with_early_stops(actions: Sequence[Action], core: Collection[str]) -> list[Action]:
    """Return the actions, with those that stop containers waiting for nothing that is in the circle."""
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
    """Return what members of a circle wait for that is in none: images, files, volumes, new containers."""
    before = (each for action in actions if action.id in core for each in (*action.after, *action.follows))
    return tuple(dict.fromkeys(each for each in before if each not in core))


def topological(actions: list[Action]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions in an order that respects `after`, else as given; and those caught in a circle."""
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
    """Most plans are made in an order that they can be carried out in: a look at that is cheaper than a sort."""
    seen: set[str] = set()
    for action in actions:
        if not (seen.issuperset(action.after) and seen.issuperset(action.follows)):
            return False
        seen.add(action.id)
    return True
