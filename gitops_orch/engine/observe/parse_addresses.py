"""Reads the network addresses of a container from `NetworkSettings` of an Engine's listing or inspection."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_orch.model.observed import HeldAddress
from gitops_orch.model.rules.addresses import canonical

_HELD = ("IPAddress", "GlobalIPv6Address")
_ASKED_FOR = ("IPv4Address", "IPv6Address")


def addresses_held(settings: Mapping[str, Any]) -> tuple[HeldAddress, ...]:
    """Return the addresses that a container has now; none while it does not run."""
    return tuple(
        sorted(
            (name, canonical(str(endpoint[key])))
            for name, endpoint in _endpoints(settings)
            for key in _HELD
            if endpoint.get(key)
        )
    )


def addresses_asked_for(settings: Mapping[str, Any]) -> tuple[HeldAddress, ...]:
    """Return the fixed addresses that a create or connect requested, also while the container does not run."""
    return tuple(
        sorted(
            (name, canonical(str(asked[key])))
            for name, endpoint in _endpoints(settings)
            if isinstance(asked := endpoint.get("IPAMConfig"), Mapping)
            for key in _ASKED_FOR
            if asked.get(key)
        )
    )


def _endpoints(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    networks = settings.get("Networks")
    for name, endpoint in networks.items() if isinstance(networks, Mapping) else ():
        if isinstance(endpoint, Mapping):
            yield str(name), endpoint
