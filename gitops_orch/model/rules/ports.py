"""Decides when two uses of a host port conflict: by number, protocol, address family and address."""

from functools import cache
from ipaddress import ip_address

from gitops_orch.model.app import Service
from gitops_orch.model.observed import HeldPort, ObservedContainer

_BOTH_FAMILIES = frozenset({4, 6})


def fixed_ports(service: Service) -> tuple[HeldPort, ...]:
    """Return the ports that a service always has on its host, without those that the Engine chooses."""
    return tuple(
        (port.host_ip, port.published, port.protocol) for port in service.ports if port.published is not None
    )


def ports_of(container: ObservedContainer) -> tuple[HeldPort, ...]:
    """Return the ports that a container holds, or will hold when it runs, as far as they are known."""
    if container.ports or container.details is None:
        return container.ports
    return container.details.ports


def port_text(port: HeldPort) -> str:
    """Return a port as a person writes it: `8096`, `53/udp`, `127.0.0.1:80`."""
    address, number, protocol = port
    family = f"[{address}]" if ":" in address.strip("[]") else address
    place = f"{family}:{number}" if family and not _is_every(address) else str(number)
    return place if protocol == "tcp" else f"{place}/{protocol}"


def _is_every(address: str) -> bool:
    return _meaning(address)[1] is None


def same_port(one: HeldPort, other: HeldPort) -> bool:
    """Return whether only one container of a host can have both ports."""
    return one[1:] == other[1:] and same_address(one[0], other[0])


def same_address(one: str, other: str) -> bool:
    """Return whether one port cannot be bound to both addresses; "" is every address of both families."""
    if one == other:
        return True
    families, address = _meaning(one)
    other_families, other_address = _meaning(other)
    return bool(families & other_families) and (
        address is None or other_address is None or address == other_address
    )


@cache
def _meaning(written: str) -> tuple[frozenset[int], str | None]:
    """Return the address families, and the address; None where it means every address of them."""
    text = written.strip("[]")
    if not text:
        return _BOTH_FAMILIES, None
    try:
        address = ip_address(text)
    except ValueError:  # a form that only the Engine knows
        return _BOTH_FAMILIES, text
    return frozenset({address.version}), None if address.is_unspecified else str(address)
