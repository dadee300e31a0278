"""Adds steps that remove containers, and networks without containers. No step here removes a volume."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import (
    LIVE_STATES,
    Details,
    ObservedContainer,
    OwnedContainer,
    is_of_app,
    owner_of,
)
from gitops_orch.model.plan.kinds import Remove, RemoveNetwork, Stop
from gitops_orch.model.rules.addresses import held_addresses
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.slot_container import AdoptedContainer
from gitops_orch.planner.plan_builder import PlanBuilder


@dataclass(frozen=True, slots=True)
class RemovalSteps:
    """The steps that were added to remove or retain a container; none if there is nothing to do."""

    steps: tuple[str, ...] = ()
    stop: str | None = None  # None if it does not run, or is stopped by another step

    @property
    def last(self) -> tuple[str, ...]:
        """Return the last step; empty if there is none."""
        return self.steps[-1:]


class Owned(TypedDict):
    """The fields of an action that name the container and its owner."""

    name: str
    app: AppKey | None
    service: str | None
    slot: int | None
    release: str


def stop_container(
    draft: PlanBuilder,
    found: ObservedContainer,
    reason: str,
    after: Iterable[str],
    follows: tuple[str, ...] = (),
) -> str | None:
    """Add a stop, and return its id; None if the container does not run.

    The grace period is the container's own: the file that it was created from declared it (`stop_grace_period`).
    """
    if found.state not in LIVE_STATES:
        return None
    identity = draft.add(
        Stop(grace_s=grace_s(found)),
        found.host,
        found.id,
        reason,
        **owned(found),
        after=tuple(after),
        follows=follows,
    )
    draft.ledger.stops_container(found.host, found.id, owned(found)["app"], identity)
    draft.ledger.releases_ports(found.host, found, identity)
    draft.ledger.releases_addresses(found.host, held_addresses(found), identity)
    return identity


def grace_s(container: ObservedContainer) -> float:
    """Return how many seconds a container has to end by itself when it is stopped."""
    return (container.details or Details()).grace_s


def remove_container(draft: PlanBuilder, found: ObservedContainer, reason: str, after: Iterable[str]) -> str:
    """Add a removal, and return its id."""
    identity = draft.add(Remove(), found.host, found.id, reason, **owned(found), after=tuple(after))
    draft.ledger.removes_container(found.host, found.id, identity)
    draft.ledger.releases_name(found.host, found.name, identity)
    return identity


def retire(draft: PlanBuilder, found: ObservedContainer, reason: str, after: Iterable[str]) -> RemovalSteps:
    """Add a stop, if the container runs, and a removal."""
    stopped = stop_container(draft, found, reason, after)
    removed = remove_container(draft, found, reason, after if stopped is None else (stopped,))
    return RemovalSteps((removed,) if stopped is None else (stopped, removed), stopped)


def retire_after_gate(
    draft: PlanBuilder, found: ObservedContainer, reason: str, after: Iterable[str], gates: Iterable[str]
) -> str:
    """Add a stop and a removal after the gates of the successor, and return the id of the removal.

    A container that holds a port or an address that a start of this plan needs already stops `after` the other steps.
    It is still removed only after the gates, so that it can be started again until then.
    """
    after, gates = tuple(after), tuple(gates)
    stopped = stop_container(draft, found, reason, after)
    if stopped is not None:
        draft.ledger.waits_unless_needed(stopped, gates)
    return remove_container(draft, found, reason, (*after, *gates, *(() if stopped is None else (stopped,))))


def owned(found: ObservedContainer) -> Owned:
    """Return the name and owner of a container as fields of an action."""
    owner = owner_of(found)
    adopter = found.adopter if isinstance(found, AdoptedContainer) else None
    return Owned(
        name=found.name,
        app=owner.app if owner else adopter,
        service=owner.service if owner else None,
        slot=owner.slot if owner else None,
        release=owner.release if owner else "",
    )


def remove_networks(draft: PlanBuilder, index: Index) -> None:
    """Add removals of networks that their apps no longer need on a host, after all containers on them are removed.

    Must be called when all other steps are in the draft: a container of any app may be on a network, or may be created
    on it by this plan. A network that still has a container is left as it is. That is noted if the container is another
    app's, or not ours.
    """
    unwanted = [
        (app, host, network)
        for app, wanted in draft.networks_wanted.items()
        for host, network in index.networks.get(app, ())
        if network.name not in wanted.get(host, ())
    ]
    wanting = _wanting(draft, {(host, network.name) for _, host, network in unwanted})
    own: dict[tuple[AppKey | None, str], list[str]] = defaultdict(list)
    for action in draft.actions if unwanted else ():
        own[action.app, action.host].append(action.id)
    attached = _attached(index, {host for _, host, _ in unwanted})
    for app, host, network in unwanted:
        has_duplicate = network.name in index.hosts[host].duplicate_networks
        there = attached[host, network.id if has_duplicate else network.name]
        staying = [each for each in there if not draft.ledger.removals_of(host, each.id)]
        others = [each for each in staying if not is_of_app(each, app)]
        users = [f"{each.name} ({_owner_text(each)})" for each in others]
        users = users or [f"app {each}" for each in wanting[host, network.name]]
        if users:
            names = ", ".join(users)
            draft.hold(network.name, f"is not removed from {host}, because it is used by {names}", app)
        elif not staying:
            removed = [draft.ledger.removals_of(host, each.id)[-1] for each in there]
            draft.add(
                RemoveNetwork(),
                host,
                network.id if has_duplicate else network.name,
                "the app uses it no more on this host",
                name=network.name,
                app=app,
                after=tuple(dict.fromkeys((*own[app, host], *removed))),
            )


def _wanting(
    draft: PlanBuilder, networks: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], list[AppKey]]:
    """Return the planned apps that use each of the given networks, by host and the network's name."""
    found: dict[tuple[str, str], list[AppKey]] = defaultdict(list)
    for app, wanted in draft.networks_wanted.items() if networks else ():
        for place in ((host, name) for host, names in wanted.items() for name in names):
            if place in networks:
                found[place].append(app)
    return found


def _attached(index: Index, hosts: Iterable[str]) -> Mapping[tuple[str, str], list[ObservedContainer]]:
    """Return the containers in each network, by host and the network's name or id."""
    found: dict[tuple[str, str], list[ObservedContainer]] = defaultdict(list)
    for host in hosts:
        for container in index.hosts[host].containers:
            for network in {*container.networks, *container.network_ids}:
                found[host, network].append(container)
    return found


def _owner_text(container: ObservedContainer) -> str:
    return f"app {container.owner.app}" if isinstance(container, OwnedContainer) else "not ours"
