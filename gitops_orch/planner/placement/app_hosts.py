"""Collects, for one app, the hosts that may run it, and the hosts where its slots and its data are now."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, Move, Service
from gitops_orch.model.host import Host
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.observed import UnknownHost
from gitops_orch.model.rules.eligibility import gets_slots, keeps_slots, may_run_app
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.index import Index, SlotKey
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.placement.assignment import PlacementHold
from gitops_orch.planner.placement.data_homes import previous_data_hosts, services_holding

RUNS_SLOT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AppHosts:
    """The hosts of one app before it is placed."""

    app: App
    allowed: Mapping[str, Host]  # hosts that may run the app
    # by service and slot: the hosts of running containers first, then those that do not answer
    located: Mapping[SlotKey, list[str]]
    with_data: frozenset[str]  # services that may have data on their hosts
    unknown: Mapping[str, UnknownHost]  # hosts that do not answer
    remembered: Collection[str]  # hosts that answered before
    left_git: frozenset[str]  # hosts whose document left Git, and that were not released
    takes_over: bool  # it adopts containers of another tool, and was never stable

    def keeps(self, service: Service, slot: int, host: str) -> bool:
        """Return whether a host already has a slot."""
        return host in self.located.get((service.name, slot), ())

    def why_not_moved(self, services: Iterable[Service], current: Iterable[str]) -> PlacementHold | None:
        """Return why services may not leave the hosts where they are; None if they may."""
        hosts = sorted(current)
        removed = [host for host in hosts if host in self.left_git]
        if removed:
            way_out = f"put its file back with `availability: drain`, or let it go (`Let-Go: {removed[0]}`)"
            reason = f"was last seen on {', '.join(removed)}, which left Git; {way_out}"
            return PlacementHold(reason, needs_person=False)
        data = [service.name for service in services if service.name in self.with_data]
        if hosts and data and self.app.move is not Move.WITHOUT_DATA:
            reason = (
                f"{', '.join(data)} would leave {', '.join(hosts)} without its data; move the data and set "
                "x-gitops.move: without-data, or place it back"
            )
            return PlacementHold(reason, needs_person=False)
        return None

    def why_not_new(self) -> PlacementHold | None:
        """Return why no new slot is placed now, because a host that does not answer may have it; None if one may be."""
        blind = [name for name in self.unknown if name in self.allowed and name not in self.remembered]
        if blind:
            hosts = ", ".join(sorted(blind))
            reason = f"{hosts} has never answered since the state was lost, and may run it already"
            return PlacementHold(reason, unknown=tuple(sorted(blind)))
        silent = sorted(self.unknown.keys() & self.allowed.keys()) if self.takes_over else []
        if silent:
            hosts = ", ".join(silent)
            reason = (
                f"{hosts} does not answer, and may run what `adopt: true` takes over; without it, {self.app.key.name} "
                "would start without its data; name the host of the app in x-gitops.placement.hosts, or wait"
            )
            return PlacementHold(reason, unknown=tuple(silent))
        return None

    def why_no_answer(self, hosts: Iterable[Host]) -> PlacementHold:
        """Return why none of these hosts can get a slot: none is active, or no active one answers."""
        names = tuple(host.name for host in hosts if gets_slots(host))
        if not names:
            return PlacementHold(f"no host that may run it is active ({preferred_hosts(self.app)})")
        silent = (self.unknown.get(name) for name in names)
        reasons = "; ".join(dict.fromkeys(host.reason for host in silent if host is not None))
        suffix = f": {reasons}" if reasons else ""
        reason = f"no host that may run it answers ({', '.join(names)}){suffix}"
        return PlacementHold(reason, unknown=names)


def hosts_of_app(app: App, world: World, index: Index, hosts: Mapping[str, Host]) -> AppHosts:
    """Return the hosts of an app; `hosts` are all hosts in Git by name."""
    placement = app.placement
    anywhere = not placement.hosts and not placement.constraints
    allowed = hosts if anywhere else {name: host for name, host in hosts.items() if may_run_app(app, host)}
    takes_over = app.adopt and app.key in world.releases.never_stable
    located = _located(app, index)
    # An app that adopts containers of another tool has its data there, and not where a similar app was.
    if not takes_over:
        usable = [name for name, host in allowed.items() if keeps_slots(host)]
        for service, slot, host in previous_data_hosts(app, world, index, usable):
            located[(service, _place_of(slot))].append(host)
    return AppHosts(
        app=app,
        allowed=allowed,
        located=located,
        with_data=services_holding(app, world, index),
        unknown=index.unknown,
        remembered=world.observed.last_placements.keys(),
        left_git=frozenset().union(*located.values()) - hosts.keys() - world.observed.released_hosts,
        takes_over=takes_over,
    )


def _located(app: App, index: Index) -> dict[SlotKey, list[str]]:
    """Return the hosts of each slot, those of running containers first, then those that do not answer."""
    located: dict[SlotKey, list[str]] = defaultdict(list)
    ours = sorted(
        (*index.apps.get(app.key, ()), *index.runs.get(app.key, ())),
        key=lambda found: (found.state.value != "running", found.host, found.name),
    )
    for found in ours:
        located[(found.owner.service, _place_of(found.owner.slot))].append(found.host)
    for adopted in adopted_containers(app, index):
        located[(adopted.service, adopted.slot)].append(adopted.found.host)
    for host, placed in index.unreachable_slots.get(app.key, ()):
        located[(placed.service, _place_of(placed.slot))].append(host)
    return located


def _place_of(slot: int) -> int:
    """Return the slot number for placement: all runs of a scheduled service share one, like a single replica."""
    return RUNS_SLOT if is_run_slot(slot) else slot


def preferred_hosts(app: App) -> str:
    """Return what an app's placement asks for, as text."""
    return ", ".join([*app.placement.hosts, *app.placement.constraints]) or "no host is active"


def tie_breaker(app: App) -> Callable[[str], tuple[int, str]]:
    """Return a sort key for equally good hosts: a hash, because the order of names would be the same for every app."""
    seed = zlib.crc32(f"{app.key} ".encode())
    return lambda host: (zlib.crc32(host.encode(), seed), host)
