"""Which apps go back with one whose release failed?  Those whose new release has what it needs to go back.

Two apps that swapped a host port or a container name cannot be half of it: the one that goes back needs what the other
one has since.  So the other one goes back to its last stable release, too, until the failed one is changed in Git.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from gitops_orch.model.app import App
from gitops_orch.model.ports import fixed_ports, port_text, same_port
from gitops_orch.planner.world import Chosen, Role


def go_back_together(choices: Iterable[Chosen], former: Callable[[App], Chosen | None]) -> list[Chosen]:
    """Return the choices, with those in the way of what goes back at their former releases, where these are not."""
    chosen = list(choices)
    while True:
        going = [each for each in chosen if each.role in {Role.FALLBACK, Role.WAITING}]
        moved = next(
            (
                (place, instead)
                for place, each in enumerate(chosen)
                if each.role is Role.HEAD
                for other in going
                if (instead := _instead(each, other, former)) is not None
            ),
            None,
        )
        if moved is None:
            return chosen
        chosen[moved[0]] = moved[1]


def _instead(each: Chosen, other: Chosen, former: Callable[[App], Chosen | None]) -> Chosen | None:
    what = _clash(each.app, other.app)
    found = former(each.app) if what else None
    if found is None or _clash(found.app, other.app):
        return None
    reason = f"waits for {other.app.key}, which went back to a release that has {what}"
    return replace(found, role=Role.WAITING, reason=reason)


def _clash(one: App, other: App) -> str:
    """Return what both would have on a host that they share; "" where there is nothing."""
    here, there = set(one.placement.hosts), set(other.placement.hosts)
    if here and there and not here & there:
        return ""
    held = [port for service in other.services for port in fixed_ports(service)]
    for service in one.services:
        for wanted in fixed_ports(service):
            if any(same_port(wanted, port) for port in held):
                return f"host port {port_text(wanted)}"
    names = {service.container_name for service in other.services if service.container_name}
    shared = sorted(names.intersection(service.container_name for service in one.services))
    return f"the container name {shared[0]}" if shared else ""
