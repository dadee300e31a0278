"""Assigns slots to hosts: sticky, deterministic, and never away from their data.

The services of an app run together on one host, unless the file declares spreading. A slot stays on its host as long as
that host may run it. A host that does not answer keeps the slots that it was last seen with.
"""

from gitops_orch.model.app import AppKey
from gitops_orch.model.rules.constraints import meets_all
from gitops_orch.model.rules.eligibility import gets_slots
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.placement.app_hosts import AppHosts, hosts_of_app, preferred_hosts
from gitops_orch.planner.placement.assignment import AppPlacement, Assignment, PlacementHold
from gitops_orch.planner.placement.data_homes import unknown_data_host
from gitops_orch.planner.placement.port_ledger import Ledger, claim_foreign_ports, claim_ports_in_use
from gitops_orch.planner.placement.spread import no_host_for, spread
from gitops_orch.planner.placement.together import place_together


def place_all(world: World, index: Index) -> dict[AppKey, AppPlacement]:
    """Place every target app."""
    hosts = {host.name: host for host in world.desired.hosts}
    active = {name for name, host in hosts.items() if gets_slots(host)}
    ledger = Ledger(usable=active & index.hosts.keys(), load=dict(index.load))
    claim_foreign_ports(ledger, world.releases, index)
    claim_ports_in_use(ledger, world, index)
    return {
        chosen.app.key: _place(hosts_of_app(chosen.app, world, index, hosts), ledger, world, index)
        for chosen in sorted(world.releases.targets, key=lambda chosen: chosen.app.key)
    }


def _place(hosts: AppHosts, ledger: Ledger, world: World, index: Index) -> AppPlacement:
    assignments = _assign(hosts, ledger)
    if isinstance(assignments, PlacementHold):
        return _held(assignments)
    unknown = tuple(sorted({each.host for each in assignments if each.host in index.unknown}))
    silent = unknown_data_host(hosts.app, world, unknown)
    if silent:
        return _held(PlacementHold(silent, unknown=unknown))
    return AppPlacement(assignments=assignments, unknown=unknown)


def _held(hold: PlacementHold) -> AppPlacement:
    error = hold.needs_person and not hold.unknown
    return AppPlacement(hold=hold.reason, error=error, unknown=hold.unknown)


def _assign(hosts: AppHosts, ledger: Ledger) -> tuple[Assignment, ...] | PlacementHold:
    """Assign hosts to all slots of an app; or return why that is not possible."""
    app = hosts.app
    if not hosts.allowed:
        return PlacementHold(
            f"no host satisfies its placement ({preferred_hosts(app)}); add a host or change x-gitops.placement"
        )
    assignments = place_together([each for each in app.services if not app.spreads(each)], hosts, ledger)
    for service in app.services:
        if isinstance(assignments, PlacementHold):
            return assignments
        if app.spreads(service):
            placed = spread(service, hosts, ledger)
            assignments = placed if isinstance(placed, PlacementHold) else (*assignments, *placed)
    return assignments or _why_nowhere(hosts) or ()


def _why_nowhere(hosts: AppHosts) -> PlacementHold | None:
    """Return the hold of an app that has only global services and no host for one of them.

    That is no error, but the user must see why nothing is done.
    """
    for service in hosts.app.services if not hosts.located else ():
        constraints = service.placement.constraints
        if not any(meets_all(host, constraints) for host in hosts.allowed.values()):
            return no_host_for(service, needs_person=False)
    return None
