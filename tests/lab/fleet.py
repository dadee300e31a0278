"""Several real Docker hosts on one machine, joined by a bridge."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lab.certificates import make_certificates
from lab.commands import run
from lab.flavour import Flavour
from lab.host import HostSpec, LabHost
from lab.slot import Slot, claim_slot, release_slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """The hosts of one lab, in order; `host(1)` is the first."""

    slot: Slot
    hosts: tuple[LabHost, ...]

    def host(self, number: int) -> LabHost:
        """Return a host by its number, from 1."""
        return self.hosts[number - 1]

    def restore(self) -> None:
        """Repair and empty every host."""
        for host in self.hosts:
            host.restore()


@contextmanager
def open_lab(flavours: Sequence[Flavour], *, tls: bool = False) -> Iterator[Lab]:
    """Lend one host per flavour; afterwards everything that was created is removed."""
    slot = claim_slot()
    try:
        _make_bridge(slot)
        specs = [
            HostSpec(slot=slot, number=number, flavour=flavour)
            for number, flavour in enumerate(flavours, start=1)
        ]
        certificates = (
            make_certificates(slot.directory / "tls", [spec.address for spec in specs]) if tls else None
        )
        hosts = tuple(LabHost(replace(spec, certificates=certificates)) for spec in specs)
        _start_all(hosts)
        yield Lab(slot=slot, hosts=hosts)
    finally:
        release_slot(slot)


def _start_all(hosts: Sequence[LabHost]) -> None:
    for host in hosts:
        host.prepare()
        host.launch()
    for host in hosts:
        host.wait_ready()
        host.load_stubs()


def _make_bridge(slot: Slot) -> None:
    run("ip", "link", "add", slot.name, "type", "bridge")
    run("ip", "address", "add", f"{slot.subnet}.1/24", "dev", slot.name)
    run("ip", "link", "set", slot.name, "up")
    # An Engine on this machine sets the FORWARD chain to DROP, and bridged traffic passes that chain.
    run("iptables", "-I", "FORWARD", "-i", slot.name, "-o", slot.name, "-j", "ACCEPT")
