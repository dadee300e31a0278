"""Places the slots of a service that spreads: on every host, or each replica where the fewest are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gitops_orch.model.app import Mode, Service
from gitops_orch.model.host import Host
from gitops_orch.model.rules.constraints import host_attribute, meets_all
from gitops_orch.model.rules.eligibility import gets_slots, keeps_slots
from gitops_orch.planner.placement.app_hosts import AppHosts, tie_breaker
from gitops_orch.planner.placement.assignment import Assignment, PlacementHold
from gitops_orch.planner.placement.port_ledger import Ledger, claim_of

GLOBAL_SLOT = 1  # a global service has one slot per host, distinguished by the host


def spread(service: Service, hosts: AppHosts, ledger: Ledger) -> tuple[Assignment, ...] | PlacementHold:
    """Place a service's slots, and enter the new ones in the ledger."""
    allowed = {
        name: host for name, host in hosts.allowed.items() if meets_all(host, service.placement.constraints)
    }
    if service.mode in {Mode.GLOBAL, Mode.GLOBAL_JOB}:
        return _on_every_host(service, allowed.values(), hosts, ledger)
    if not allowed:
        return no_host_for(service)
    return _Spread(service, hosts, ledger, allowed).place()


def no_host_for(service: Service, *, needs_person: bool = True) -> PlacementHold:
    """Return the hold of an app of whose service no host meets the constraints."""
    preferred = ", ".join(service.placement.constraints)
    return PlacementHold(
        f"no host satisfies the placement of {service.name} ({preferred})", needs_person=needs_person
    )


def _on_every_host(
    service: Service, allowed: Iterable[Host], hosts: AppHosts, ledger: Ledger
) -> tuple[Assignment, ...]:
    here = {host for (name, _), found in hosts.located.items() if name == service.name for host in found}
    wanted = [host.name for host in allowed if gets_slots(host) or (keeps_slots(host) and host.name in here)]
    for name in wanted:
        if name not in here:
            ledger.take(name, service, claim_of(hosts.app, service, GLOBAL_SLOT))
    return tuple(Assignment(service, GLOBAL_SLOT, name) for name in wanted)


@dataclass(slots=True)
class _Spread:
    """Places the replicas of one service; `taken` counts its replicas by host so far."""

    service: Service
    hosts: AppHosts
    ledger: Ledger
    allowed: dict[str, Host]
    taken: Counter[str] = field(default_factory=Counter)

    def place(self) -> tuple[Assignment, ...] | PlacementHold:
        slots = range(1, self.service.replicas + 1)
        chosen = {slot: there for slot in slots if (there := self._staying_host(slot)) is not None}
        for slot in slots:
            if slot not in chosen:
                host = self._new_host(slot)
                if isinstance(host, PlacementHold):
                    return host
                chosen[slot] = host
                self.taken[host] += 1
                self.ledger.take(host, self.service, claim_of(self.hosts.app, self.service, slot))
        return tuple(Assignment(self.service, slot, chosen[slot]) for slot in slots)

    def _has_room(self, host: str) -> bool:
        limit = self.service.placement.replicas_per_host_max
        return limit is None or self.taken[host] < limit

    def _staying_host(self, slot: int) -> str | None:
        for host in self.hosts.located.get((self.service.name, slot), ()):
            if host in self.allowed and keeps_slots(self.allowed[host]) and self._has_room(host):
                self.taken[host] += 1
                return host
        return None

    def _new_host(self, slot: int) -> str | PlacementHold:
        located = self.hosts.located.get((self.service.name, slot), [])
        hold = self.hosts.why_not_moved([self.service], located)
        if hold is not None:
            return hold
        open_hosts = [host for host in self.allowed.values() if self._has_room(host.name)]
        if not open_hosts:
            service, limit = self.service, self.service.placement.replicas_per_host_max
            return PlacementHold(
                f"{service.name} wants {service.replicas} replicas, {limit} per host, on {len(self.allowed)} hosts"
            )
        best = self._evenest(open_hosts)
        hold = None if located else self.hosts.why_not_new()
        return hold or self._lightest(slot, best)

    def _evenest(self, open_hosts: list[Host]) -> list[Host]:
        """Narrow the hosts by each preference in turn to the branch with the fewest replicas (Swarm's spread)."""
        for key in self.service.placement.spread:
            counts: Counter[str] = Counter()
            for host, count in self.taken.items():
                if host in self.allowed:
                    counts[host_attribute(self.allowed[host], key) or ""] += count
            usable = [host for host in open_hosts if host.name in self.ledger.usable]
            if not usable:
                return open_hosts
            fewest = min(counts[host_attribute(host, key) or ""] for host in usable)
            open_hosts = [host for host in usable if counts[host_attribute(host, key) or ""] == fewest]
        return open_hosts

    def _lightest(self, slot: int, candidates: Sequence[Host]) -> str | PlacementHold:
        """Return the host with the fewest replicas, then the least load, of those that answer and have the ports free."""
        claim, ports = claim_of(self.hosts.app, self.service, slot), self.service.ports
        known = [host.name for host in candidates if host.name in self.ledger.usable]
        if not known:
            return self.hosts.why_no_answer(candidates)
        free = [name for name in known if self.ledger.clash(name, ports, claim) is None]
        if not free:
            return PlacementHold(self.ledger.clash(known[0], ports, claim) or "no host has its ports free")
        tie = tie_breaker(self.hosts.app)
        return min(free, key=lambda name: (self.taken[name], self.ledger.load.get(name, 0), tie(name)))
