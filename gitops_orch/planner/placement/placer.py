"""Assigns slots to hosts: sticky, deterministic, and never away from their data.

The services of an app run together on one host, unless the file declares spreading. A slot stays on its host as long as
that host may run it. A host that does not answer keeps the slots that it was last seen with.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, AppKey, Mode, Move, Port, Service
from gitops_orch.model.host import Availability, Host
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.rules.constraints import host_attribute, meets_all
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.index import Index, SlotKey
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.placement.data_homes import previous_data_hosts, services_holding, unknown_data_host
from gitops_orch.planner.placement.port_ledger import (
    Ledger,
    PortClaim,
    claim_foreign_ports,
    claim_of,
    claim_ports_in_use,
)

RUNS_SLOT = 1
GLOBAL_SLOT = 1  # a global service has one slot per host, distinguished by the host


@dataclass(frozen=True, slots=True)
class Assignment:
    """A slot, and the host that should run it."""

    service: Service
    slot: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlacement:
    """The hosts of an app's slots; none with `hold`, which says why. `unknown` hosts keep slots but do not answer."""

    assignments: tuple[Assignment, ...] = ()
    hold: str = ""
    error: bool = False
    unknown: tuple[str, ...] = ()


def _place_of(slot: int) -> int:
    """Return the slot number for placement: all runs of a scheduled service share one, like a single replica."""
    return RUNS_SLOT if is_run_slot(slot) else slot


class PlacementHold(Exception):
    """An app cannot be placed; the message says why.

    An error needs a person; with `unknown`, it only needs these hosts' answer.
    """

    def __init__(self, reason: str, *, error: bool = True, unknown: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.error = error and not unknown
        self.unknown = unknown


def place_all(world: World, index: Index) -> dict[AppKey, AppPlacement]:
    """Place every target app."""
    active = {host.name for host in world.hosts if host.availability is Availability.ACTIVE}
    ledger = Ledger(usable=active & index.hosts.keys(), load=dict(index.load))
    hosts = {host.name: host for host in world.hosts}
    claim_foreign_ports(ledger, world, index)
    claim_ports_in_use(ledger, world, index)
    placements: dict[AppKey, AppPlacement] = {}
    for chosen in sorted(world.targets, key=lambda chosen: chosen.app.key):
        try:
            placements[chosen.app.key] = _Placer(chosen.app, world, index, hosts, ledger).place()
        except PlacementHold as held:
            placements[chosen.app.key] = AppPlacement(hold=str(held), error=held.error, unknown=held.unknown)
    return placements


class _Placer:
    """Places one app; `place` contains the rule."""

    def __init__(
        self, app: App, world: World, index: Index, hosts: Mapping[str, Host], ledger: Ledger
    ) -> None:
        self.app = app
        self.index = index
        self.world = world
        self.hosts = hosts
        self.released = world.released_hosts
        self.remembered = world.last_placements
        self.takes_over = app.adopt and app.key in world.never_stable
        self.ledger = ledger
        anywhere = not app.placement.hosts and not app.placement.constraints
        self.allowed = (
            hosts if anywhere else {name: hosts[name] for name in hosts if self._allows(hosts[name])}
        )
        self.located = self._locate()
        self.holding = services_holding(app, world, index)
        self.seed = zlib.crc32(f"{app.key} ".encode())

    def place(self) -> AppPlacement:
        if not self.allowed:
            raise PlacementHold(
                f"no host satisfies its placement ({self._preferred_hosts()}); add a host or change x-gitops.placement"
            )
        together = [service for service in self.app.services if not self.app.spreads(service)]
        assignments: list[Assignment] = []
        if together:
            host = self._data_host(together)
            assignments += [
                Assignment(service, slot, host)
                for service in together
                for slot in range(1, service.replicas + 1)
            ]
            for assignment in assignments:
                if host not in self.located.get((assignment.service.name, assignment.slot), ()):
                    self.ledger.take(host, assignment.service, PortClaim(str(self.app.key)))
        for service in self.app.services:
            if self.app.spreads(service):
                assignments += self._spread(service)
        if not assignments and not self.located:
            self._check_no_host()
        unknown = sorted({a.host for a in assignments if a.host in self.index.unknown})
        silent = unknown_data_host(self.app, self.world, unknown)
        if silent:
            raise PlacementHold(silent, unknown=tuple(unknown))
        return AppPlacement(assignments=tuple(assignments), unknown=tuple(unknown))

    def _allows(self, host: Host) -> bool:
        placement = self.app.placement
        named = not placement.hosts or host.name in placement.hosts
        return named and meets_all(host, placement.constraints)

    def _preferred_hosts(self) -> str:
        placement = self.app.placement
        return ", ".join([*placement.hosts, *placement.constraints]) or "no host is active"

    def _locate(self) -> dict[SlotKey, list[str]]:
        """Return the hosts of each slot, those of running containers first, then those that do not answer."""
        located: dict[SlotKey, list[str]] = defaultdict(list)
        ours = sorted(
            (*self.index.apps.get(self.app.key, ()), *self.index.runs.get(self.app.key, ())),
            key=lambda found: (found.container.state.value != "running", found.host, found.container.name),
        )
        for found in ours:
            owner = found.container.owner
            if owner is not None:
                located[(owner.service, _place_of(owner.slot))].append(found.host)
        for adopted in adopted_containers(self.app, self.index):
            located[(adopted.service, adopted.slot)].append(adopted.found.host)
        for host, placed in self.index.unreachable_slots.get(self.app.key, ()):
            located[(placed.service, _place_of(placed.slot))].append(host)
        usable = [name for name in self.allowed if self._keeps(name, self.allowed)]
        # An app that adopts containers of another tool has its data there, and not where a similar app was.
        former = () if self.takes_over else previous_data_hosts(self.app, self.world, self.index, usable)
        for service, slot, host in former:
            located[(service, _place_of(slot))].append(host)
        return located

    def _data_host(self, together: list[Service]) -> str:
        """Return the one host of the services that stay together: that of their data, else that of most of them."""
        names = {service.name: service for service in together}
        votes: Counter[str] = Counter()
        with_data: Counter[str] = Counter()
        for (name, slot), found in self.located.items():
            service = names.get(name)
            votes.update(found[:1] if service is not None else ())
            if service is not None and slot <= service.replicas and name in self.holding:
                with_data.update(found[:1])
        for host in sorted(votes, key=lambda host: (-with_data[host], -votes[host], host)):
            if self._keeps(host, self.allowed):
                self._check_joining(together, host)
                return host
        self._check_move(together, votes)
        ports = [port for service in together for port in service.ports]
        return self._choose(ports, new=not votes)

    def _keeps(self, host: str, allowed: Mapping[str, Host]) -> bool:
        return host in allowed and allowed[host].availability is not Availability.DRAIN

    def _check_joining(self, together: list[Service], home: str) -> None:
        """Services that were spread before may be placed together only if that leaves no data behind."""
        for service in together:
            slots = [self.located.get((service.name, slot), []) for slot in range(1, service.replicas + 1)]
            away = {host for found in slots if home not in found for host in found}
            if service.name in self.holding:
                self._check_move([service], away)

    def _check_move(self, services: list[Service], current: Iterable[str]) -> None:
        hosts = ", ".join(sorted(current))
        if not hosts:
            return
        removed = [host for host in sorted(current) if host not in self.hosts and host not in self.released]
        if removed:
            way_out = f"put its file back with `availability: drain`, or let it go (`Let-Go: {removed[0]}`)"
            raise PlacementHold(
                f"was last seen on {', '.join(removed)}, which left Git; {way_out}", error=False
            )
        data = [service.name for service in services if service.name in self.holding]
        if data and self.app.move is not Move.WITHOUT_DATA:
            raise PlacementHold(
                f"{', '.join(data)} would leave {hosts} without its data; move the data and set "
                "x-gitops.move: without-data, or place it back",
                error=False,
            )

    def _choose(self, ports: Iterable[Port], *, new: bool) -> str:
        """Return the least loaded known and active host whose ports are free; a stable hash breaks ties."""
        if new:
            self._check_unknown_hosts()
        free = [name for name in self.allowed if name in self.ledger.usable]
        if not free:
            raise self._silent(self.allowed.values())
        fixed = [port for port in ports if port.published is not None]
        if fixed:
            claim = PortClaim(str(self.app.key))
            taken = {name: self.ledger.clash(name, fixed, claim) for name in free}
            free = [name for name in free if taken[name] is None]
            if not free:
                raise PlacementHold("; ".join(sorted(reason for reason in taken.values() if reason)))
        loads = [self.ledger.load.get(name, 0) for name in free]
        least = min(loads)
        return min((name for name, load in zip(free, loads, strict=True) if load == least), key=self._tie)

    def _silent(self, hosts: Iterable[Host]) -> PlacementHold:
        names = tuple(host.name for host in hosts if host.availability is Availability.ACTIVE)
        if names:
            silent = (self.index.unknown.get(name) for name in names)
            reasons = "; ".join(dict.fromkeys(host.reason for host in silent if host is not None))
            suffix = f": {reasons}" if reasons else ""
            return PlacementHold(
                f"no host that may run it answers ({', '.join(names)}){suffix}", unknown=names
            )
        return PlacementHold(f"no host that may run it is active ({self._preferred_hosts()})")

    def _check_unknown_hosts(self) -> None:
        blind = [name for name in self.index.unknown if name in self.allowed and name not in self.remembered]
        if blind:
            hosts = ", ".join(sorted(blind))
            reason = f"{hosts} has never answered since the state was lost, and may run it already"
            raise PlacementHold(reason, unknown=tuple(sorted(blind)))
        silent = sorted(self.index.unknown.keys() & self.allowed.keys()) if self.takes_over else []
        if silent:
            hosts = ", ".join(silent)
            reason = f"{hosts} does not answer, and may run what `adopt: true` takes over; without it, {self.app.key.name} "
            reason += (
                "would start without its data; name the host of the app in x-gitops.placement.hosts, or wait"
            )
            raise PlacementHold(reason, unknown=tuple(silent))

    def _tie(self, host: str) -> tuple[int, str]:
        """Break ties by a hash, because the order of names would be the same for every app."""
        return zlib.crc32(host.encode(), self.seed), host

    def _spread(self, service: Service) -> list[Assignment]:
        allowed = [host for host in self.allowed.values() if meets_all(host, service.placement.constraints)]
        if service.mode in {Mode.GLOBAL, Mode.GLOBAL_JOB}:
            return self._on_every_host(service, allowed)
        if not allowed:
            preferred = ", ".join(service.placement.constraints)
            raise PlacementHold(f"no host satisfies the placement of {service.name} ({preferred})")
        taken: Counter[str] = Counter()
        slots = range(1, service.replicas + 1)
        chosen = {
            slot: host for slot in slots if (host := self._stays(service, slot, allowed, taken)) is not None
        }
        for slot in slots:
            if slot not in chosen:
                chosen[slot] = self._new_place(service, slot, allowed, taken)
        return [Assignment(service, slot, chosen[slot]) for slot in slots]

    def _check_no_host(self) -> None:
        """Hold an app that has only global services and no host.

        That is no error, but the user must see why nothing is done.
        """
        for service in self.app.services:
            constraints = service.placement.constraints
            if not any(meets_all(host, constraints) for host in self.allowed.values()):
                preferred = ", ".join(constraints)
                raise PlacementHold(
                    f"no host satisfies the placement of {service.name} ({preferred})", error=False
                )

    def _on_every_host(self, service: Service, allowed: list[Host]) -> list[Assignment]:
        here = {host for (name, _), found in self.located.items() if name == service.name for host in found}
        wanted = [
            host.name
            for host in allowed
            if host.availability is Availability.ACTIVE
            or (host.availability is Availability.PAUSE and host.name in here)
        ]
        for name in wanted:
            if name not in here:
                self.ledger.take(name, service, claim_of(self.app, service, GLOBAL_SLOT))
        return [Assignment(service, GLOBAL_SLOT, name) for name in wanted]

    def _stays(self, service: Service, slot: int, allowed: list[Host], taken: "Counter[str]") -> str | None:
        limit = service.placement.replicas_per_host_max
        by_name = {host.name: host for host in allowed}
        for host in self.located.get((service.name, slot), ()):
            if self._keeps(host, by_name) and (limit is None or taken[host] < limit):
                taken[host] += 1
                return host
        return None

    def _new_place(self, service: Service, slot: int, allowed: list[Host], taken: "Counter[str]") -> str:
        located = self.located.get((service.name, slot), [])
        self._check_move([service], located)
        limit = service.placement.replicas_per_host_max
        open_hosts = [host for host in allowed if limit is None or taken[host.name] < limit]
        if not open_hosts:
            raise PlacementHold(
                f"{service.name} wants {service.replicas} replicas, {limit} per host, on {len(allowed)} hosts"
            )
        best = self._evenest(service, open_hosts, allowed, taken)
        host = self._choose_spread(service, slot, best, taken, new=not located)
        taken[host] += 1
        self.ledger.take(host, service, claim_of(self.app, service, slot))
        return host

    def _evenest(
        self, service: Service, open_hosts: list[Host], allowed: list[Host], taken: "Counter[str]"
    ) -> list[Host]:
        """Narrow the hosts by each preference in turn to the branch with the fewest replicas (Swarm's spread)."""
        names = {host.name: host for host in allowed}
        for key in service.placement.spread:
            counts: Counter[str] = Counter()
            for host, count in taken.items():
                if host in names:
                    counts[host_attribute(names[host], key) or ""] += count
            usable = [host for host in open_hosts if host.name in self.ledger.usable]
            if not usable:
                return open_hosts
            fewest = min(counts[host_attribute(host, key) or ""] for host in usable)
            open_hosts = [host for host in usable if counts[host_attribute(host, key) or ""] == fewest]
        return open_hosts

    def _choose_spread(
        self, service: Service, slot: int, candidates: list[Host], taken: "Counter[str]", *, new: bool
    ) -> str:
        if new:
            self._check_unknown_hosts()
        asker = claim_of(self.app, service, slot)
        known = [host for host in candidates if host.name in self.ledger.usable]
        if not known:
            raise self._silent(candidates)
        free = [h.name for h in known if self.ledger.clash(h.name, service.ports, asker) is None]
        if not free:
            raise PlacementHold(
                self.ledger.clash(known[0].name, service.ports, asker) or "no host has its ports free"
            )
        return min(free, key=lambda name: (taken[name], self.ledger.load.get(name, 0), self._tie(name)))
