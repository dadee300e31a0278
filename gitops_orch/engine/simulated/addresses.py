"""Assigns addresses in networks of a simulated host: the address that a container requests, else the lowest free one.

An Engine assigns addresses when a container starts, and releases them when it stops.
"""

from ipaddress import IPv4Network
from itertools import islice

from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost, SimulatedNetwork

WITHOUT_ADDRESSES = frozenset({"host", "null"})  # drivers
_GATEWAY = 1  # the first address of a subnet, which no container gets


def taken_address(world: SimulatedHost, container: SimulatedContainer) -> str | None:
    """Return an address that a container requests and another container has, or None."""
    for network, asked in container.addresses.items():
        held = _held(world, network, container)
        found = next((address for address in asked if address in held), None)
        if found is not None:
            return found
    return None


def give_addresses(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Assign an address in each network to a starting container."""
    container.held = {}
    for name in container.networks:
        give_address(world, container, name)


def give_address(world: SimulatedHost, container: SimulatedContainer, name: str) -> None:
    """Assign an address in one network to a container."""
    network = world.networks.get(name)
    if network is not None and network.driver not in WITHOUT_ADDRESSES:
        container.held[name] = container.addresses.get(name) or (_lowest(world, network, container),)


def _held(world: SimulatedHost, network: str, asker: SimulatedContainer) -> set[str]:
    others = (each for each in world.containers.values() if each.up and each.id != asker.id)
    return {address for each in others for address in each.held.get(network, ())}


def _lowest(world: SimulatedHost, network: SimulatedNetwork, asker: SimulatedContainer) -> str:
    held = _held(world, network.name, asker)
    hosts = islice(_subnet(network).hosts(), _GATEWAY, None)
    return next(str(address) for address in hosts if str(address) not in held)


def _subnet(network: SimulatedNetwork) -> IPv4Network:
    """Return the declared subnet; else one that the host chooses, as an Engine does from its pools."""
    declared = "" if ":" in network.subnet else network.subnet
    return IPv4Network(declared or f"10.{int(network.id[:2], 16)}.0.0/16", strict=False)
