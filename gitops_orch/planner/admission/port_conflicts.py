"""Decides which apps would find a port of their host taken, before anything of them is changed.

A port is free for an action if no running container has it, or if the same plan stops that container. Containers do not
show whether a process of the host has the port: the Engine is asked before the old container is stopped
(`Stop.ports`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import LIVE_STATES, HeldPort, ObservedContainer, owner_of
from gitops_orch.model.plan.action import Action
from gitops_orch.model.rules.ports import port_text, ports_of, same_port
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.world import Blocked, ReleaseInputs, Role, World
from gitops_orch.planner.plan_builder import PlanBuilder


def blocked_by_ports(draft: PlanBuilder, index: Index) -> Mapping[AppKey, str]:
    """Return the apps whose steps need a port of a container that stays, each with the reason."""
    if not draft.ledger.ports_needed:
        return {}
    actions = {action.id: action for action in draft.actions}
    holders = {
        host: _holders(index.hosts[host]) for host in {host for host, _, _ in draft.ledger.ports_needed}
    }
    found: dict[AppKey, str] = {}
    for host, port, identity in draft.ledger.ports_needed:
        action = actions[identity]
        if action.app is None or action.app in found:
            continue
        for container in _having(holders[host], port):
            if draft.ledger.end_of(host, container.id) is None and not _is_itself(container, action):
                found[action.app] = _reason(host, port, container)
                break
    return found


def _holders(host: HostIndex) -> Mapping[tuple[int, str], list[tuple[HeldPort, ObservedContainer]]]:
    found: dict[tuple[int, str], list[tuple[HeldPort, ObservedContainer]]] = defaultdict(list)
    for container in host.containers:
        if container.state in LIVE_STATES:
            for port in ports_of(container):
                found[port[1:]].append((port, container))
    return found


def _having(
    holders: Mapping[tuple[int, str], list[tuple[HeldPort, ObservedContainer]]], port: HeldPort
) -> Iterator[ObservedContainer]:
    return (container for held, container in holders.get(port[1:], ()) if same_port(held, port))


def _is_itself(container: ObservedContainer, action: Action) -> bool:
    return action.target in {container.id, container.name}


def _reason(host: str, port: HeldPort, container: ObservedContainer) -> str:
    owner = owner_of(container)
    owner_text = f" of {owner.app}, which stays" if owner is not None else ""
    return (
        f"host port {port_text(port)} is taken on {host} by container {container.name}{owner_text}; "
        "stop that one, or publish another port"
    )


def with_blocked(world: World, found: Mapping[AppKey, str]) -> World:
    """Return the world with the apps that are known to be blocked, to plan again: each time, an app tries less.

    First the app stays at its running release, if one runs as a whole. Then only its previous containers are started.
    Then nothing of it is started.
    """
    blocked = dict(world.findings.blocked)
    for key, reason in found.items():
        count = blocked[key].count + 1 if key in blocked else 1
        if count == 1 and not _has_former(world.releases, key):
            count = 2
        blocked[key] = Blocked(blocked[key].reason if key in blocked else reason, count)
    chosen = tuple(
        replace(world.releases.running[key], role=Role.WAITING, reason=blocked[key].reason)
        if key in blocked and blocked[key].count == 1 and each.role is Role.HEAD
        else each
        for each in world.releases.targets
        for key in (each.app.key,)
    )
    return replace(
        world,
        findings=replace(world.findings, blocked=blocked),
        releases=replace(world.releases, targets=chosen),
    )


def _has_former(releases: ReleaseInputs, key: AppKey) -> bool:
    role = next((each.role for each in releases.targets if each.app.key == key), None)
    former = releases.running.get(key)
    return role is Role.HEAD and former is not None and not former.is_partial
