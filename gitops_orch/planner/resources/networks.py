"""Replaces networks whose definition changed in Git: detach the containers, create the network again, attach them.

No container is replaced for this. A volume cannot be changed in place either, but it holds data: see `volumes.py`.
"""

from collections.abc import Mapping

from gitops_orch.model.app import App, Network, Service, Volume
from gitops_orch.model.observed import (
    ObservedNetwork,
    ObservedVolume,
    OwnedContainer,
    is_of_app,
)
from gitops_orch.model.plan.kinds import ConnectNetwork, CreateNetwork, DisconnectNetwork, RemoveNetwork
from gitops_orch.model.plan.values import Joining
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.model.rules.labels import DEFINITION_LABEL
from gitops_orch.planner.inputs.index import HostIndex
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import owned

_REASON = "its definition in Git changed"


def differs(wanted: Network | Volume, there: ObservedNetwork | ObservedVolume | None) -> bool:
    """Return whether an object of ours was created from another definition; False if none was recorded."""
    if there is None or there.owner is None:
        return False
    recorded = there.labels.get(DEFINITION_LABEL)
    return recorded is not None and recorded != wanted.definition


def replace_network(
    app: App, network: Network, host: HostIndex, draft: PlanBuilder, after: tuple[str, ...]
) -> tuple[str, ...]:
    """Add the steps that replace a network under its containers; return the steps that new containers wait for.

    If a foreign container is on it, the network is left as it is, and the reason is noted.
    """
    there = [each for each in host.containers if network.name in each.networks]
    foreign = sorted(each.name for each in there if not is_of_app(each, app.key))
    name = host.host.name
    if foreign:
        reason = f"{_REASON}, but {', '.join(foreign)} on {name} uses it too and is not this app's"
        draft.hold(network.name, reason, app.key)
        return ()
    attached = [each for each in there if isinstance(each, OwnedContainer)]
    emptied = tuple(_disconnect(network, each, draft, after) for each in attached)
    removed = draft.add(
        RemoveNetwork(),
        name,
        network.name,
        _REASON,
        name=network.name,
        app=app.key,
        after=(*after, *emptied),
    )
    created = draft.add(
        CreateNetwork(network),
        name,
        network.name,
        _REASON,
        name=network.name,
        app=app.key,
        release=app.digest,
        after=(removed,),
    )
    services = {service.name: service for service in app.services}
    # Containers with a fixed address are attached before others could get that address by chance.
    asking = [each for each in attached if _asks_for_address(app, _service_of(each, services), network)]
    others = [each for each in attached if each not in asking]
    first = tuple(_connect(app, network, each, draft, (created,)) for each in asking)
    then = tuple(_connect(app, network, each, draft, (created, *first)) for each in others)
    return (created, *first, *then)


def _disconnect(network: Network, found: OwnedContainer, draft: PlanBuilder, after: tuple[str, ...]) -> str:
    reason = f"{network.name} is replaced: {_REASON}"
    return draft.add(
        DisconnectNetwork(network.name),
        found.host,
        found.id,
        reason,
        **owned(found),
        after=after,
    )


def _connect(
    app: App, network: Network, found: OwnedContainer, draft: PlanBuilder, after: tuple[str, ...]
) -> str:
    reason = f"{network.name} was replaced under it"
    service = _service_of(found, {each.name: each for each in app.services})
    slot = found.owner.slot
    connect = ConnectNetwork(network.name, Joining(app=app, service=service, slot=slot))
    return draft.add(connect, found.host, found.id, reason, **owned(found), after=after)


def _asks_for_address(app: App, service: Service, network: Network) -> bool:
    return any(name == network.name for name, _ in fixed_addresses(app, service))


def _service_of(container: OwnedContainer, services: Mapping[str, Service]) -> Service:
    """Return a container's service; if it left Git, a stand-in whose name stays the alias until its removal."""
    name = container.owner.service
    return services.get(name) or Service(name=name, compose={}, image=container.image)
