"""Decides which apps roll back together with an app whose release failed.

If two apps swapped a host port, a container name or a volume, one alone cannot roll back: it needs what the other one
has now. So the other one rolls back to its last stable release, too, until the failed app is changed in Git.

An app also rolls back if it gave something up in the same rollout, such as a service that moved to the failed app with
its host port: otherwise nothing would serve there. A release that was stable without it does not roll back.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.rules.ports import fixed_ports, port_text, same_port
from gitops_orch.planner.inputs.data_locations import written
from gitops_orch.planner.inputs.world import Role, TargetRelease


def roll_back_together(
    apps: Iterable[App],
    choose: Callable[[App], TargetRelease],
    former: Callable[[App], TargetRelease | None],
    was_stable: Callable[[AppKey, str], bool] = lambda _key, _digest: True,
) -> list[TargetRelease]:
    """Return the target release of each app of Git. Apps in the way of a rollback get their former releases.

    An app whose former release is in the way, too, keeps its target release.
    """
    heads = {app.key: app for app in apps}
    chosen = [choose(app) for app in heads.values()]
    while True:
        removing = [each for each in chosen if each.role in {Role.ROLLBACK, Role.WAITING}]
        moved = next(
            (
                (place, instead)
                for place, each in enumerate(chosen)
                if each.role is Role.HEAD
                for other in removing
                if (instead := _replacement(each, other, former, heads)) is not None
                or (
                    not was_stable(each.app.key, each.app.digest)
                    and (instead := _with_providers(each, other, former, heads)) is not None
                )
            ),
            None,
        )
        if moved is None:
            return chosen
        chosen[moved[0]] = moved[1]


def _replacement(
    each: TargetRelease,
    other: TargetRelease,
    former: Callable[[App], TargetRelease | None],
    heads: Mapping[AppKey, App],
) -> TargetRelease | None:
    head = heads[other.app.key]
    what = _clash(each.app, other.app, head)
    found = former(each.app) if what else None
    if found is None or _clash(found.app, other.app, head):
        return None
    reason = f"waits for {other.app.key}, which went back to a release that has {what}"
    return replace(found, role=Role.WAITING, reason=reason, waits_for=other.app.key)


def _with_providers(
    each: TargetRelease,
    other: TargetRelease,
    former: Callable[[App], TargetRelease | None],
    heads: Mapping[AppKey, App],
) -> TargetRelease | None:
    """Return the former release of an app that had what another app's failed release was to take over."""
    failed = heads[other.app.key]
    found = former(each.app) if other.role is Role.ROLLBACK else None
    what = _clash(found.app, failed, other.app) if found is not None else ""
    if found is None or not what or _clash(each.app, failed, other.app):
        return None
    reason = f"waits for {other.app.key}, because its release, which was to get {what}, failed"
    return replace(found, role=Role.WAITING, reason=reason, waits_for=other.app.key)


def _clash(one: App, other: App, head: App) -> str:
    """Return what both apps would have on a host that they share; "" if there is nothing.

    `head` is the other app's head release. What it has there, too, prevents no rollback: data is then shared on
    purpose, and apps with the same port or name are on different hosts.
    """
    here, there = set(one.placement.hosts), set(other.placement.hosts)
    if here and there and not here & there:
        return ""
    still = [port for service in head.services for port in fixed_ports(service)]
    held = [
        port
        for service in other.services
        for port in fixed_ports(service)
        if not any(same_port(port, each) for each in still)
    ]
    for service in one.services:
        for wanted in fixed_ports(service):
            if any(same_port(wanted, port) for port in held):
                return f"host port {port_text(wanted)}"
    names = {service.container_name for service in other.services if service.container_name}
    names -= {service.container_name for service in head.services}
    shared = sorted(names.intersection(service.container_name for service in one.services))
    if shared:
        return f"the container name {shared[0]}"
    data = sorted((_written(one) & _written(other)) - _written(head))
    return f"the data of {data[0]}" if data else ""


def _written(app: App) -> set[str]:
    return set().union(*(written(app, service) for service in app.services))
