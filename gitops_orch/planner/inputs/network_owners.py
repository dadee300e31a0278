"""Decides which app owns a network.

The network's label names the app that created it, and cannot be changed. If that app left Git or no longer declares the
network, and another app in Git declares a network of that name, the network belongs to the other app from then on: it
is not removed with the former one. A volume always belongs to its creator: it is never removed with an app, and only
that app may agree to lose its data.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Observation, ObservedHost, ObservedNetwork, UnknownHost
from gitops_orch.planner.inputs.world import DesiredInputs, World

_Declared = Mapping[str, set[AppKey]]  # by name: the apps that declare it as their own


def with_owners(world: World) -> Mapping[str, Observation]:
    """Return the observed state of all hosts; each network of ours has the owner that Git gives it now."""
    declared = _declared(world)
    return {
        name: seen if isinstance(seen, UnknownHost) else _with_owners(seen, declared, world.desired)
        for name, seen in world.observed.hosts.items()
    }


def _declared(world: World) -> _Declared:
    """Return the apps that declare each network, in the head's release or in the target release."""
    found: dict[str, set[AppKey]] = defaultdict(set)
    for app in (*(each.app for each in world.releases.targets), *world.desired.heads.values()):
        for network in app.networks:
            if not network.external:
                found[network.name].add(app.key)
    return found


def _with_owners(host: ObservedHost, declared: _Declared, desired: DesiredInputs) -> ObservedHost:
    return replace(host, networks=tuple(_with_owner(each, declared, desired) for each in host.networks))


def _with_owner(network: ObservedNetwork, declared: _Declared, desired: DesiredInputs) -> ObservedNetwork:
    """Return the network with its owner.

    An invalid app keeps the networks that it created: what it declares is unknown.
    """
    creator, declaring = network.owner, declared.get(network.name)
    if creator is None or not declaring or creator in declaring or creator in desired.invalid_apps:
        return network
    return replace(network, owner=min(declaring))
