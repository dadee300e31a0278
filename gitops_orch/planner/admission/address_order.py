"""Decides which containers of a new app start first, so that none gets by chance an address that another one declares.

An Engine gives the lowest free address of a network to a container without a fixed one. So in an app that starts for
the first time, a container with a low fixed address starts before those without one, unless it depends on them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import intent_of
from gitops_orch.model.plan.kinds import KINDS
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.plan_builder import PlanBuilder

_LAST_OCTET = 0xFF


def start_fixed_addresses_first(draft: PlanBuilder, index: Index) -> None:
    """Let the other starts of a new app follow those that need a low address in the same network."""
    if not draft.ledger.addresses_needed:
        return
    places = {action.id: place for place, action in enumerate(draft.actions)}
    for asker, others in _asked_first(draft, index):
        before = _all_before(draft, places, asker)
        for place in (places[other] for other in others if other not in before):
            follower = draft.actions[place]
            if asker not in follower.follows:
                draft.actions[place] = replace(follower, follows=(*follower.follows, asker))


def _asked_first(draft: PlanBuilder, index: Index) -> Iterator[tuple[str, list[str]]]:
    """Yield each start that needs a low address of a network, and its app's starts that need no fixed one there."""
    by_id = {action.id: action for action in draft.actions}
    replacing = {
        action.app for action in draft.actions if KINDS[action.kind].frees or KINDS[action.kind].frees_name
    }
    without = _starts_without_address(draft)
    there = _container_counts(index, {host for host, _, _ in draft.ledger.addresses_needed})
    for host, (network, address), identity in draft.ledger.addresses_needed:
        asker = by_id[identity]
        if asker.app is None or asker.app in replacing or not KINDS[asker.kind].starts:
            continue
        others = without.get((asker.app, host, network), [])
        if _is_low(address, len(others) + there[host, network]):
            yield identity, others


def _starts_without_address(draft: PlanBuilder) -> Mapping[tuple[AppKey | None, str, str], list[str]]:
    """Return, by app, host and network, the starts of new containers for which the Engine chooses the address."""
    created = {
        (each.host, each.target): intent for each in draft.actions if (intent := intent_of(each)) is not None
    }
    found: dict[tuple[AppKey | None, str, str], list[str]] = defaultdict(list)
    for action in draft.actions:
        intent = created.get((action.host, action.target)) if KINDS[action.kind].starts else None
        for network in _networks_without_address(intent) if intent is not None else ():
            found[action.app, action.host, network].append(action.id)
    return found


def _networks_without_address(intent: ContainerIntent) -> set[str]:
    names = {each.key: each.name for each in intent.app.networks}
    asked = {name for name, _ in fixed_addresses(intent.app, intent.service)}
    return {names.get(key, key) for key in intent.service.networks} - asked


def _container_counts(index: Index, hosts: set[str]) -> Mapping[tuple[str, str], int]:
    """Return how many containers are in a network, by host and network."""
    return Counter(
        (host, network)
        for host in hosts
        for container in index.hosts[host].containers
        for network in container.networks
    )


def _is_low(address: str, container_count: int) -> bool:
    """Return whether that many containers could get this address, after the subnet's own and the gateway's."""
    try:
        return int(IPv4Address(address)) & _LAST_OCTET <= container_count + 1
    except ValueError:  # an IPv6 address, or a form that only the Engine knows
        return False


def _all_before(draft: PlanBuilder, places: Mapping[str, int], action: str) -> set[str]:
    """Return the ids of an action and of all actions that it waits for or follows."""
    todo, found = [action], {action}
    while todo:
        step = draft.actions[places[todo.pop()]]
        new = {each for each in (*step.after, *step.follows) if each in places} - found
        todo += new
        found |= new
    return found
