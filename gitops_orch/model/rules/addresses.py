"""Returns the fixed addresses of a service in its networks; compares addresses in one form.

A container holds its addresses only while it runs. A container without a fixed address gets the lowest free address of
the network. That may be an address which the file of another service declares.
"""

from collections.abc import Mapping
from ipaddress import ip_address

from gitops_orch.model.app import App, Service
from gitops_orch.model.observed import HeldAddress, ObservedContainer, State

_ADDRESS_KEYS = ("ipv4_address", "ipv6_address")


def canonical(address: str) -> str:
    """Return an address in the form used for comparison: `fd00::0:a` is `fd00::a`; any other text is unchanged."""
    try:
        return str(ip_address(address.strip().partition("/")[0]))
    except ValueError:
        return address


def is_loopback(address: str) -> bool:
    """Return whether an address or host name reaches its own machine only; `[::1]` is read as `::1`."""
    bare = address.strip("[]").lower()
    try:
        return bare == "localhost" or ip_address(bare).is_loopback
    except ValueError:
        return False


def fixed_addresses(app: App, service: Service) -> tuple[HeldAddress, ...]:
    """Return the fixed addresses of a service, with the names of their networks."""
    networks = service.compose.get("networks")
    names = {network.key: network.name for network in app.networks}
    return tuple(
        (names.get(key, key), canonical(str(entry[field])))
        for key, entry in (networks.items() if isinstance(networks, Mapping) else ())
        if isinstance(entry, Mapping) and key in service.networks
        for field in _ADDRESS_KEYS
        if entry.get(field)
    )


def asks_for_mac_address(service: Service) -> bool:
    """Return whether a service has a fixed MAC address, for all its networks or in one of them."""
    networks = service.compose.get("networks")
    entries = networks.values() if isinstance(networks, Mapping) else ()
    return any(each.get("mac_address") for each in (service.compose, *entries) if isinstance(each, Mapping))


def held_addresses(container: ObservedContainer) -> tuple[HeldAddress, ...]:
    """Return the addresses that a container holds; of a restarting one, also those that it will request."""
    if container.state is State.RESTARTING:
        return tuple(dict.fromkeys((*container.addresses, *container.fixed_addresses)))
    return container.addresses
