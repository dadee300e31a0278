"""Removes duplicate networks: a Docker Engine creates a second network of a name if two clients ask at the same time.

The Engine refuses a container that names such a network as ambiguous. So a duplicate of ours without containers is
removed.
"""

from collections.abc import Iterable

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import AnyContainer, ObservedNetwork
from gitops_orch.model.plan.kinds import RemoveNetwork
from gitops_orch.planner.inputs.index import HostIndex
from gitops_orch.planner.plan_builder import PlanBuilder

ID_SHOWN = 12


def remove_duplicate_networks(
    app: AppKey, name: str, host: HostIndex, draft: PlanBuilder, after: Iterable[str]
) -> tuple[str, ...]:
    """Add the removals, by id, of an app's networks of that name except one; return the ids of the steps.

    A network with a container is never removed, nor one that is not the app's: if two of these remain, both are noted.
    """
    duplicates = host.duplicate_networks.get(name, ())
    removed, left = [], []
    for network in duplicates:
        if network.owner == app and not on_network(network, host):
            reason = f"the host has another network of the name {name}, and nothing is on this one"
            step = draft.add(
                RemoveNetwork(),
                host.host.name,
                network.id,
                reason,
                name=name,
                app=app,
                after=tuple(after),
            )
            removed.append(step)
        else:
            left.append(network)
    if left:
        shown = " and ".join(each.id[:ID_SHOWN] for each in (host.networks[name], *left))
        draft.hold(
            name,
            f"is the name of several networks on {host.host.name} ({shown}), so no container can be created on it; "
            f"move what is on one of them, then `docker network rm` its id",
            app,
            error=True,
        )
    return tuple(removed)


def on_network(network: ObservedNetwork, host: HostIndex) -> list[AnyContainer]:
    """Return the containers on a network, by its id, because another network may have the same name."""
    return [each for each in host.containers if network.id in each.network_ids]
