"""Steps that take away: containers, and the networks that nobody is left on.  Volumes are never among them."""

from collections.abc import Iterable
from typing import TypedDict

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import State
from gitops_orch.model.plan import Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import Index, Located


class Owned(TypedDict):
    """The fields of an action that say whose container it is about."""

    name: str
    app: AppKey | None
    service: str | None
    slot: int | None
    release: str


LIVE_STATES = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})


def stop_container(
    draft: Draft,
    found: Located,
    reason: str,
    after: Iterable[str],
    follows: tuple[str, ...] = (),
) -> str | None:
    """Add a stop, and return its id; None where the container does not run.

    How long it has to end by itself is its own affair: the file that it was made from said so (`stop_grace_period`).
    """
    if found.container.state not in LIVE_STATES:
        return None
    identity = draft.add(
        Kind.STOP,
        found.host,
        found.container.id,
        reason,
        **owned(found),
        after=tuple(after),
        follows=follows,
    )
    draft.frees_ports(found.host, found.container, identity)
    return identity


def remove_container(draft: Draft, found: Located, reason: str, after: Iterable[str]) -> str:
    """Add a removal, and return its id."""
    identity = draft.add(
        Kind.REMOVE, found.host, found.container.id, reason, **owned(found), after=tuple(after)
    )
    draft.frees_name(found.host, found.container.name, identity)
    return identity


def retire(draft: Draft, found: Located, reason: str, after: Iterable[str]) -> str:
    """Add a stop and a removal, and return the id of the last."""
    stopped = stop_container(draft, found, reason, after)
    return remove_container(draft, found, reason, after if stopped is None else (stopped,))


def owned(found: Located) -> Owned:
    """Return whose container it is, as an action shows it."""
    owner = found.container.owner
    return Owned(
        name=found.container.name,
        app=owner.app if owner else found.adopter,
        service=owner.service if owner else None,
        slot=owner.slot if owner else None,
        release=owner.release if owner else "",
    )


def remove_networks(draft: Draft, index: Index, app: AppKey, wanted: dict[str, set[str]], first: int) -> None:
    """Add removals of an app's networks that it wants no more on a host, once nobody of ours is left on them.

    One that a container is on which stays is left, and noted where that container is not ours.  `first` is where the
    app's own steps begin in the draft: the removal comes after all of them.
    """
    steps = draft.actions[first:]
    going = {action.target for action in steps if action.kind is Kind.REMOVE}
    for host, network in index.networks.get(app, ()):
        if network.name in wanted.get(host, ()):
            continue
        containers = index.hosts[host].host.containers
        staying = [each for each in containers if network.name in each.networks and each.id not in going]
        foreign = [container.name for container in staying if container.owner is None]
        if foreign:
            draft.hold(
                network.name, f"is not removed from {host}: {', '.join(foreign)} is on it and not ours", app
            )
        elif not staying:
            after = tuple(action.id for action in steps if action.host == host)
            reason = "the app uses it no more on this host"
            draft.add(
                Kind.REMOVE_NETWORK, host, network.name, reason, name=network.name, app=app, after=after
            )
