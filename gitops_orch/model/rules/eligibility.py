"""Decides which hosts may run an app or a service: by name, by constraints, and by the availability of the host."""

from gitops_orch.model.app import App, Service
from gitops_orch.model.host import Availability, Host
from gitops_orch.model.rules.constraints import meets_all


def named_hosts(app: App, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts that an app may run on by name, whatever their labels."""
    wanted = app.placement.hosts
    # Not the other way round: there are many apps and hosts, and most apps name few hosts.
    return tuple(host for host in dict.fromkeys(wanted) if host in hosts) if wanted else hosts


def may_run_app(app: App, host: Host) -> bool:
    """Return whether an app's placement allows a host: its name and its labels."""
    placement = app.placement
    return (not placement.hosts or host.name in placement.hosts) and meets_all(host, placement.constraints)


def may_run(app: App, service: Service, host: Host) -> bool:
    """Return whether the placements of a service and of its app allow a host."""
    return may_run_app(app, host) and meets_all(host, service.placement.constraints)


def gets_slots(host: Host) -> bool:
    """Return whether new slots may be placed on a host."""
    return host.availability is Availability.ACTIVE


def keeps_slots(host: Host) -> bool:
    """Return whether the slots on a host stay there: also if it is paused."""
    return host.availability is not Availability.DRAIN
