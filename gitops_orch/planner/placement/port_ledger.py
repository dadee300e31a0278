"""Records which slot or app has each fixed port of a host while apps are placed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gitops_orch.model.app import App, Port, Service
from gitops_orch.model.rules.ports import port_text, same_address
from gitops_orch.planner.inputs.adopted_containers import Adopted, adopted_containers
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import ReleaseInputs, World


@dataclass(frozen=True, slots=True)
class PortClaim:
    """The owner of a port: a slot; or, with `service` "", an app as a whole, whose services share a host anyway."""

    app: str
    service: str = ""
    slot: int = 0

    def __str__(self) -> str:
        return f"{self.app} {self.service}".strip()

    def clashes(self, other: "PortClaim") -> bool:
        """Return whether the two are different owners, so that only one of them can have a port."""
        if self.app != other.app:
            return True
        return bool(self.service and other.service) and (self.service, self.slot) != (
            other.service,
            other.slot,
        )


@dataclass(slots=True)
class Ledger:
    """The load and the ports that hosts were assigned so far; grows as apps are placed, in the order of their names."""

    usable: set[str]  # hosts that may get more slots: they are active, and answer
    load: dict[str, int]
    ports: dict[str, dict[tuple[int, str], list[tuple[str, PortClaim]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def clash(self, host: str, ports: Iterable[Port], asker: PortClaim) -> str | None:
        """Return which other owner has one of these ports on a host, as a sentence; None if all are free."""
        for port in ports:
            if port.published is None:
                continue
            for address, owner in self.ports[host].get((port.published, port.protocol), ()):
                if owner.clashes(asker) and same_address(address, port.host_ip):
                    wanted = port_text((port.host_ip, port.published, port.protocol))
                    return f"host port {wanted} is taken on {host} by {owner}"
        return None

    def claim(self, host: str, ports: Iterable[Port], owner: PortClaim) -> None:
        """Assign fixed ports of a host to an owner."""
        for port in ports:
            if port.published is not None:
                self.ports[host][(port.published, port.protocol)].append((port.host_ip, owner))

    def take(self, host: str, service: Service, owner: PortClaim) -> None:
        """Assign a new slot. A slot that stays is already counted in the load and has its ports."""
        self.load[host] = self.load.get(host, 0) + 1
        self.claim(host, service.ports, owner)


def claim_foreign_ports(ledger: Ledger, releases: ReleaseInputs, index: Index) -> None:
    """Claim the ports of containers that are not ours; those of a container that an app adopts belong to the app."""
    adopted: dict[str, tuple[App, Adopted]] = {
        each.found.id: (chosen.app, each)
        for chosen in releases.targets
        for each in adopted_containers(chosen.app, index)
    }
    for name, host in index.hosts.items():
        for container in host.host.foreign:
            owner = PortClaim(f"container {container.name}")
            if container.id in adopted:
                app, each = adopted[container.id]
                owner = claim_of(app, app.service(each.service), each.slot)
            for address, number, protocol in container.ports:
                ledger.ports[name][(number, protocol)].append((address, owner))


def claim_ports_in_use(ledger: Ledger, world: World, index: Index) -> None:
    """Claim the ports of slots that stay: they have priority over new slots, whatever their names."""
    for chosen in world.releases.targets:
        services = {service.name: service for service in chosen.app.services}
        for found in index.apps.get(chosen.app.key, ()):
            owner = found.owner
            if owner.service in services:
                service = services[owner.service]
                claim = claim_of(chosen.app, service, owner.slot)
                ledger.claim(found.host, service.ports, claim)
        for service in chosen.app.services:  # slots of services that had another name stay, too
            for slot in world.findings.former_slots.get((chosen.app.key, service.name), ()):
                ledger.claim(slot.host, service.ports, claim_of(chosen.app, service, slot.slot))


def claim_of(app: App, service: Service, slot: int) -> PortClaim:
    """Return the claim of a slot; services that stay together claim as one app."""
    return PortClaim(str(app.key), service.name, slot) if app.spreads(service) else PortClaim(str(app.key))
