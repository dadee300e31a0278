"""Places the services of an app that run together on one host: that of their data, else that of most of them."""

from collections import Counter
from collections.abc import Sequence

from gitops_orch.model.app import Service
from gitops_orch.model.rules.eligibility import keeps_slots
from gitops_orch.planner.placement.app_hosts import AppHosts, tie_breaker
from gitops_orch.planner.placement.assignment import Assignment, PlacementHold
from gitops_orch.planner.placement.port_ledger import Ledger, PortClaim


def place_together(
    services: Sequence[Service], hosts: AppHosts, ledger: Ledger
) -> tuple[Assignment, ...] | PlacementHold:
    """Place all slots of these services on one host, and enter the new ones in the ledger."""
    if not services:
        return ()
    host = _shared_host(services, hosts, ledger)
    if isinstance(host, PlacementHold):
        return host
    assignments = tuple(
        Assignment(service, slot, host) for service in services for slot in range(1, service.replicas + 1)
    )
    for each in assignments:
        if not hosts.keeps(each.service, each.slot, host):
            ledger.take(host, each.service, PortClaim(str(hosts.app.key)))
    return assignments


def _shared_host(services: Sequence[Service], hosts: AppHosts, ledger: Ledger) -> str | PlacementHold:
    names = {service.name: service for service in services}
    votes: Counter[str] = Counter()
    with_data: Counter[str] = Counter()
    for (name, slot), found in hosts.located.items():
        service = names.get(name)
        votes.update(found[:1] if service is not None else ())
        if service is not None and slot <= service.replicas and name in hosts.with_data:
            with_data.update(found[:1])
    for host in sorted(votes, key=lambda host: (-with_data[host], -votes[host], host)):
        if host in hosts.allowed and keeps_slots(hosts.allowed[host]):
            return _why_not_joined(services, host, hosts) or host
    return (
        hosts.why_not_moved(services, votes)
        or (hosts.why_not_new() if not votes else None)
        or _new_host(services, hosts, ledger)
    )


def _why_not_joined(services: Sequence[Service], home: str, hosts: AppHosts) -> PlacementHold | None:
    """Services that were spread before may be placed together only if that leaves no data behind."""
    for service in services:
        slots = [hosts.located.get((service.name, slot), []) for slot in range(1, service.replicas + 1)]
        away = {host for found in slots if home not in found for host in found}
        hold = hosts.why_not_moved([service], away) if service.name in hosts.with_data else None
        if hold is not None:
            return hold
    return None


def _new_host(services: Sequence[Service], hosts: AppHosts, ledger: Ledger) -> str | PlacementHold:
    """Return the least loaded known and active host whose ports are free; a stable hash breaks ties."""
    free = [name for name in hosts.allowed if name in ledger.usable]
    if not free:
        return hosts.why_no_answer(hosts.allowed.values())
    fixed = [port for service in services for port in service.ports if port.published is not None]
    if fixed:
        claim = PortClaim(str(hosts.app.key))
        taken = {name: ledger.clash(name, fixed, claim) for name in free}
        free = [name for name in free if taken[name] is None]
        if not free:
            return PlacementHold("; ".join(sorted(reason for reason in taken.values() if reason)))
    loads = [ledger.load.get(name, 0) for name in free]
    least = min(loads)
    lightest = (name for name, load in zip(free, loads, strict=True) if load == least)
    return min(lightest, key=tie_breaker(hosts.app))
