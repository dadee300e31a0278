"""Finds containers that have a fixed address that an app needs, before anything of the app is changed.

An address is free for an action if no running container has it, or if the same plan takes it from that container.

Note [An address that a container has by chance]
A container whose file declares no address gets the lowest free one of its network, which another service may declare.
If the container is ours and its app is acted on, it is detached from the network without a restart, and attached again
as soon as the other one has started: its Engine then gives it another address.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import App, AppKey, Network, Service
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import HeldAddress, ObservedContainer, OwnedContainer, State, owner_of
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, ConnectNetwork, DisconnectNetwork
from gitops_orch.model.plan.values import Joining
from gitops_orch.model.rules.addresses import held_addresses
from gitops_orch.planner.inputs.address_holders import holders_of
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import ReleaseInputs, Role
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import owned


@dataclass(frozen=True, slots=True)
class _AddressConflict:
    """An address that an action needs, and a container that has it and keeps it."""

    action: Action
    host: str
    address: HeldAddress
    holder: ObservedContainer


@dataclass(slots=True)
class _AddressMove:
    """A container that gives up an address that it has by chance, and the actions that need the address."""

    found: OwnedContainer
    app: App
    service: Service
    network: Network
    addresses: list[str] = field(default_factory=list)
    takers: list[Action] = field(default_factory=list)


def move_from_addresses(draft: PlanBuilder, releases: ReleaseInputs, index: Index) -> None:
    """Move our containers off the addresses that they have by chance and that others need.

    See Note [An address that a container has by chance].
    """
    moves: dict[tuple[str, str, str], _AddressMove] = {}
    for taken in _taken(draft, index):
        move = _move_of(taken, draft, releases)
        if move is not None:
            key = (taken.host, taken.holder.id, taken.address[0])
            moves.setdefault(key, move).takers.append(taken.action)
            moves[key].addresses.append(taken.address[1])
    for move in moves.values():
        _add_move(draft, move)


def blocked_by_addresses(draft: PlanBuilder, index: Index) -> Mapping[AppKey, str]:
    """Return the apps whose steps need an address of a container that keeps it, each with the reason."""
    found: dict[AppKey, str] = {}
    for taken in _taken(draft, index):
        if taken.action.app is not None:
            found.setdefault(taken.action.app, _reason(taken))
    return found


def _taken(draft: PlanBuilder, index: Index) -> Iterator[_AddressConflict]:
    if not draft.ledger.addresses_needed:
        return
    actions = {action.id: action for action in draft.actions}
    freed = {(each.host, each.target, network) for each in draft.actions for network in _remaining(each)}
    holders = {
        host: holders_of(index.hosts[host], held_addresses)
        for host in {host for host, _, _ in draft.ledger.addresses_needed}
    }
    for host, address, identity in draft.ledger.addresses_needed:
        action = actions[identity]
        for holder in holders[host].get(address, ()):
            removed = (host, holder.id, "") in freed or (host, holder.id, address[0]) in freed
            if not removed and action.target not in {holder.id, holder.name}:
                yield _AddressConflict(action, host, address, holder)


def _remaining(action: Action) -> tuple[str, ...]:
    """Return the network from which an action detaches a container; "" for all networks; nothing for another action."""
    if KINDS[action.kind].frees:
        return ("",)
    return (action.payload.network,) if isinstance(action.payload, DisconnectNetwork) else ()


def _move_of(taken: _AddressConflict, draft: PlanBuilder, releases: ReleaseInputs) -> _AddressMove | None:
    """Return how a container of ours is moved; None if it must not be moved, or its file declares the address."""
    holder, by_chance = taken.holder, taken.address not in taken.holder.fixed_addresses
    if not isinstance(holder, OwnedContainer) or not by_chance:
        return None
    if holder.state is not State.RUNNING or is_retained(holder):
        return None
    owner = holder.owner
    chosen = next((each for each in releases.targets if each.app.key == owner.app), None)
    if chosen is None or chosen.role is Role.BLOCKED or owner.app not in draft.planned:
        return None
    network = next((each for each in chosen.app.networks if each.name == taken.address[0]), None)
    service = next((each for each in chosen.app.services if each.name == owner.service), None)
    if (
        network is None
        or service is None
        or service.schedule is not None
        or network.key not in service.networks
    ):
        return None
    return _AddressMove(holder, chosen.app, service, network)


def _add_move(draft: PlanBuilder, move: _AddressMove) -> None:
    container, name = move.found, move.network.name
    takers = list({each.id: each for each in move.takers}.values())
    addresses = ", ".join(dict.fromkeys(move.addresses))
    takers_text = ", ".join(dict.fromkeys(f"{each.app} {each.service}" for each in takers))
    detached = draft.add(
        DisconnectNetwork(name),
        container.host,
        container.id,
        f"it has address {addresses} of network {name} by chance, and {takers_text} asks for it",
        **owned(move.found),
        after=tuple(dict.fromkeys(each for taker in takers for each in taker.after)),
        follows=tuple(dict.fromkeys(each for taker in takers for each in taker.follows)),
    )
    for taker in takers:
        draft.waits(taker.id, detached)
    slot = container.owner.slot
    connect = ConnectNetwork(name, Joining(app=move.app, service=move.service, slot=slot))
    reason = f"it gets another address of network {name}"
    after = tuple(each.id for each in takers)
    draft.add(connect, container.host, container.id, reason, **owned(move.found), after=after)


def _reason(taken: _AddressConflict) -> str:
    network, address = taken.address
    owner = owner_of(taken.holder)
    owner_text = f" of {owner.app}, which stays" if owner is not None else ""
    by_chance = taken.address not in taken.holder.fixed_addresses
    apart = (
        f"; an `ip_range` in the ipam of {network} keeps chosen addresses apart from given ones"
        if by_chance
        else ""
    )
    return (
        f"address {address} of network {network} is taken on {taken.host} by container {taken.holder.name}{owner_text}; "
        f"stop that one, or write another address{apart}"
    )
