"""Which containers of a new app start first, so that none gets by chance the address that another one asks for?

An Engine gives the lowest free address of a network to whoever starts without one.  So in an app that starts for the
first time, what asks for a low address starts before what asks for none, unless it depends on that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from gitops_orch.model.addresses import fixed_addresses
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan import Action, ContainerIntent, Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import Index

_STARTING = frozenset({Kind.START, Kind.RUN_JOB})
_REPLACING = frozenset({Kind.STOP, Kind.REMOVE, Kind.RENAME})
_LAST_OCTET = 0xFF


def start_askers_first(draft: Draft, index: Index) -> None:
    """Let the other starts of a new app follow those that ask for a low address in the same network."""
    if not draft.addresses_taken:
        return
    places = {action.id: place for place, action in enumerate(draft.actions)}
    for asker, other in _pairs(draft, index):
        follower = draft.actions[places[other]]
        if not _comes_after(draft, places, asker, other):
            draft.actions[places[other]] = replace(follower, follows=(*follower.follows, asker))


def _pairs(draft: Draft, index: Index) -> Iterator[tuple[str, str]]:
    made = {(each.host, each.target): each.container for each in draft.actions if each.container is not None}
    by_id = {action.id: action for action in draft.actions}
    replacing = {action.app for action in draft.actions if action.kind in _REPLACING}
    for host, (network, address), identity in draft.addresses_taken:
        asker = by_id[identity]
        if asker.app is None or asker.app in replacing or asker.kind not in _STARTING:
            continue
        others = [each for each in _starts(draft, asker.app, host) if _asks_for_none(each, network, made)]
        there = [each for each in index.hosts[host].host.containers if network in each.networks]
        if _is_low(address, len(others) + len(there)):
            yield from ((asker.id, other.id) for other in others)


def _starts(draft: Draft, app: AppKey, host: str) -> list[Action]:
    return [each for each in draft.actions if (each.app, each.host) == (app, host) and each.kind in _STARTING]


def _asks_for_none(
    start: Action, network: str, made: Mapping[tuple[str, str], ContainerIntent | None]
) -> bool:
    intent = made.get((start.host, start.target))
    if intent is None:
        return False
    names = {each.key: each.name for each in intent.app.networks}
    attached = network in {names.get(key, key) for key in intent.service.networks}
    return attached and all(name != network for name, _ in fixed_addresses(intent.app, intent.service))


def _is_low(address: str, container_count: int) -> bool:
    """Tell whether so many containers could reach an address, behind the subnet's own and its gateway's."""
    try:
        return int(IPv4Address(address)) & _LAST_OCTET <= container_count + 1
    except ValueError:  # of IPv6, or of a form that only the Engine knows
        return False


def _comes_after(draft: Draft, places: Mapping[str, int], action: str, other: str) -> bool:
    todo, seen = [action], set[str]()
    while todo:
        identity = todo.pop()
        if identity == other:
            return True
        if identity not in seen and identity in places:
            seen.add(identity)
            step = draft.actions[places[identity]]
            todo += [*step.after, *step.follows]
    return False
