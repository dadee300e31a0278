"""Records which actions free names, ports, addresses and containers, and which actions need them.

Note [What frees a name, a port or an address]
An action that needs a name, a fixed port or a fixed address on a host waits for the action that frees it there, no
matter which app that action belongs to. The key always contains the host, so the order of apps in the plan does not
matter. If a container stops for a successor in another app, the stop waits until that successor is ready to be started.
So no service is down during a pull.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitops_orch.model.app import AppKey, Network
from gitops_orch.model.observed import HeldAddress, HeldPort, ObservedContainer
from gitops_orch.model.rules.ports import ports_of, same_port

_PortKey = tuple[str, int, str]  # host, number, protocol
_NameKey = tuple[str, str]
_ContainerKey = tuple[str, str]  # host and id
_AddressKey = tuple[str, str, str]  # host, network, address


class NetworkCreation(NamedTuple):
    """An action that creates a network, the app that declares the network, and its definition."""

    id: str
    app: AppKey | None
    network: Network


class ResourceLedger:
    """Knows, for one plan, by which action each resource of a host is freed, and which actions need it."""

    def __init__(self) -> None:
        self.ports_needed: list[tuple[str, HeldPort, str]] = []  # host, port, and the action that needs it
        # host, address, and the action that needs it
        self.addresses_needed: list[tuple[str, HeldAddress, str]] = []
        self._names_needed: list[tuple[_NameKey, str]] = []
        self._names_freed: dict[_NameKey, str] = {}
        self._ports_freed: dict[_PortKey, list[tuple[HeldPort, str]]] = defaultdict(list)
        self._addresses_freed: dict[_AddressKey, list[str]] = defaultdict(list)
        self._stops: dict[_ContainerKey, str] = {}
        self._stops_by_app: dict[AppKey | None, set[str]] = defaultdict(set)
        self._removals: dict[_ContainerKey, list[str]] = defaultdict(list)
        self._networks_created: dict[_NameKey, NetworkCreation] = {}
        # stops, and the actions that each should wait for if it can
        self._patient: list[tuple[str, tuple[str, ...]]] = []

    def stops_container(self, host: str, container: str, app: AppKey | None, action: str) -> None:
        """Note that an action, which belongs to an app, stops a container. The first such action counts."""
        self._stops.setdefault((host, container), action)
        self._stops_by_app[app].add(action)

    def removes_container(self, host: str, container: str, action: str) -> None:
        """Note that an action removes a container."""
        self._removals[host, container].append(action)

    def stop_of(self, host: str, container: str) -> str | None:
        """Return the action that stops a container; None if none was added."""
        return self._stops.get((host, container))

    def removals_of(self, host: str, container: str) -> Sequence[str]:
        """Return the actions that remove a container; empty if it stays."""
        return self._removals.get((host, container), ())

    def end_of(self, host: str, container: str) -> str | None:
        """Return the action after which a container does not run: its stop, or its removal; None if it stays."""
        return self.stop_of(host, container) or next(iter(self.removals_of(host, container)), None)

    def stops_by(self, app: AppKey | None) -> Collection[str]:
        """Return the stops that belong to an app."""
        return self._stops_by_app.get(app, ())

    def creates_network(self, host: str, name: str, creation: NetworkCreation) -> None:
        """Note the action that creates a network of that name on a host."""
        self._networks_created[host, name] = creation

    def creation_of_network(self, host: str, name: str) -> NetworkCreation | None:
        """Return the creation of a network of that name on a host; None if none was added."""
        return self._networks_created.get((host, name))

    def releases_name(self, host: str, name: str, action: str) -> None:
        """Note that a name on a host is free after an action. The first action that frees the name counts."""
        self._names_freed.setdefault((host, name), action)

    def gives_up_name(self, host: str, name: str) -> bool:
        """Return whether an action was added that frees a name on a host."""
        return (host, name) in self._names_freed

    def needs_name(self, host: str, name: str, action: str) -> None:
        """Note that an action needs a name on a host."""
        self._names_needed.append(((host, name), action))

    def releases_ports(self, host: str, container: ObservedContainer, action: str) -> None:
        """Note that a container's ports are free after an action."""
        for port in ports_of(container):
            self._ports_freed[(host, *port[1:])].append((port, action))

    def needs_ports(self, host: str, ports: Iterable[HeldPort], action: str) -> None:
        """Note that an action needs fixed ports of a host."""
        self.ports_needed += [(host, port, action) for port in ports]

    def releases_addresses(self, host: str, addresses: Iterable[HeldAddress], action: str) -> None:
        """Note that addresses in networks of a host are free after an action."""
        for address in addresses:
            self._addresses_freed[(host, *address)].append(action)

    def needs_addresses(self, host: str, addresses: Iterable[HeldAddress], action: str) -> None:
        """Note that an action needs fixed addresses in networks of a host."""
        self.addresses_needed += [(host, address, action) for address in addresses]

    def waits_unless_needed(self, stop: str, others: Iterable[str]) -> None:
        """Note that a stop waits for others, unless a start of this plan needs the port or address that it frees."""
        self._patient.append((stop, tuple(others)))

    def waits_of_unneeded_stops(self) -> Mapping[str, Sequence[str]]:
        """Return, by stop that no start needs, the actions that it waits for. To be asked once all starts are known."""
        needed = {freer for _, freer in self.freed_ports_and_addresses()} if self._patient else set()
        waits: dict[str, list[str]] = defaultdict(list)
        for stop, others in self._patient:
            if stop not in needed:
                waits[stop] += others
        return waits

    def freed_names(self) -> list[tuple[str, str]]:
        """Return pairs of actions: one that needs a name, and the one that frees it."""
        return [
            (action, freed)
            for name, action in self._names_needed
            if (freed := self._names_freed.get(name)) is not None and freed != action
        ]

    def freed_ports_and_addresses(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of actions: one that needs a port or an address, and the one that frees it."""
        for host, port, action in self.ports_needed:
            for held, freed in self._ports_freed.get((host, *port[1:]), ()):
                if freed != action and same_port(port, held):
                    yield action, freed
        for host, address, action in self.addresses_needed:
            yield from (
                (action, freed)
                for freed in self._addresses_freed.get((host, *address), ())
                if freed != action
            )
