"""Networks whose definition changed in Git: each is emptied, removed, made anew and filled again under its containers.

No container is recreated for it.  A volume cannot be changed in place either, but it holds data: see `volumes.py`.
"""

from collections.abc import Mapping

from gitops_orch.model.app import App, Network, Service, Volume
from gitops_orch.model.observed import ObservedContainer, ObservedNetwork, ObservedVolume
from gitops_orch.model.plan import Kind
from gitops_orch.planner.draft import Draft, StepFields
from gitops_orch.planner.index import HostIndex, Located
from gitops_orch.planner.removal import owned

DEFINITION_LABEL = "gitops-orch.spec-hash"
_REASON = "its definition in Git changed"


def differs(wanted: Network | Volume, there: ObservedNetwork | ObservedVolume | None) -> bool:
    """Tell whether one of ours was made by another definition; one without a recorded definition never differs."""
    if there is None or there.owner is None:
        return False
    recorded = there.labels.get(DEFINITION_LABEL)
    return recorded is not None and recorded != wanted.definition


def connection(service: Service, network: Network) -> StepFields:
    """Return how a service is attached to a network: by which names peers find it, and its fixed addresses."""
    networks = service.compose.get("networks")
    entry = networks.get(network.key) if isinstance(networks, Mapping) else None
    entry = entry if isinstance(entry, Mapping) else {}
    added = entry.get("aliases")
    aliases = tuple(str(alias) for alias in added) if isinstance(added, (list, tuple)) else ()
    fixed = tuple(str(entry[key]) for key in ("ipv4_address", "ipv6_address") if entry.get(key))
    return StepFields(network=network, aliases=(service.name, *aliases), addresses=fixed)


def replace_network(
    app: App, network: Network, host: HostIndex, draft: Draft, after: tuple[str, ...]
) -> tuple[str, ...]:
    """Add the steps that replace a network under its containers; return what new containers wait for.

    With a stranger on it, it is left as it is, and the reason noted.
    """
    attached = [each for each in host.host.containers if network.name in each.networks]
    strangers = sorted(each.name for each in attached if each.owner is None or each.owner.app != app.key)
    name = host.host.name
    if strangers:
        reason = f"{_REASON}, but {', '.join(strangers)} on {name} uses it too and is not this app's"
        draft.hold(network.name, reason, app.key)
        return ()
    emptied = tuple(_disconnect(network, Located(name, each), draft, after) for each in attached)
    removed = draft.add(
        Kind.REMOVE_NETWORK,
        name,
        network.name,
        _REASON,
        name=network.name,
        app=app.key,
        after=(*after, *emptied),
    )
    made = draft.add(
        Kind.CREATE_NETWORK,
        name,
        network.name,
        _REASON,
        name=network.name,
        app=app.key,
        release=app.digest,
        after=(removed,),
        network=network,
    )
    services = {service.name: service for service in app.services}
    # What asks for an address is attached before others can be given it by chance.
    asking = [each for each in attached if connection(_service_of(each, services), network).get("addresses")]
    others = [each for each in attached if each not in asking]
    first = tuple(_connect(network, Located(name, each), services, draft, (made,)) for each in asking)
    then = tuple(_connect(network, Located(name, each), services, draft, (made, *first)) for each in others)
    return (made, *first, *then)


def _disconnect(network: Network, found: Located, draft: Draft, after: tuple[str, ...]) -> str:
    container = found.container
    reason = f"{network.name} is replaced: {_REASON}"
    return draft.add(
        Kind.DISCONNECT_NETWORK,
        found.host,
        container.id,
        reason,
        **owned(found),
        network=network,
        after=after,
    )


def _connect(
    network: Network, found: Located, services: Mapping[str, Service], draft: Draft, after: tuple[str, ...]
) -> str:
    reason = f"{network.name} was replaced under it"
    fields = connection(_service_of(found.container, services), network) | StepFields(after=after)
    return draft.add(Kind.CONNECT_NETWORK, found.host, found.container.id, reason, **owned(found), **fields)


def _service_of(container: ObservedContainer, services: Mapping[str, Service]) -> Service:
    """A container whose service left Git keeps its name as its alias until it goes."""
    name = container.owner.service if container.owner else container.name
    return services.get(name) or Service(name=name, compose={}, image=container.image)
