"""Arranges the observed state for lookups: built in one pass over all containers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.container import is_retained, renamed_suffix
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.names import is_pre_start
from gitops_orch.model.observed import (
    LIVE_STATES,
    AnyContainer,
    ForeignContainer,
    HeldPort,
    ObservedContainer,
    ObservedHost,
    ObservedNetwork,
    ObservedVolume,
    OwnedContainer,
    Placed,
    UnknownHost,
)
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.labels import INSTANCE_LABEL, MOUNTS_LABEL
from gitops_orch.model.rules.ports import ports_of
from gitops_orch.planner.inputs.network_owners import with_owners
from gitops_orch.planner.inputs.world import ObservedInputs, World

SlotKey = tuple[str, int]  # service, slot


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIndex:
    """The objects of one known host, by name."""

    host: ObservedHost
    containers: tuple[AnyContainer, ...]
    names: Mapping[str, AnyContainer]
    # not created by us; also by the name that a container had before an adoption
    foreign_containers: Mapping[str, tuple[ForeignContainer, ...]]
    networks: Mapping[str, ObservedNetwork]
    # further networks with a name that is in `networks`
    duplicate_networks: Mapping[str, tuple[ObservedNetwork, ...]]
    volumes: Mapping[str, ObservedVolume]
    held_ports: Mapping[tuple[int, str], tuple[HeldPort, ...]]  # of live containers, by number and protocol
    file_sets: frozenset[tuple[AppKey, str]]  # digests of complete file sets, each with the app that owns it
    mount_records: bool  # a volume records where an adopted service has its data
    image_ids: Mapping[str, str]  # normalised reference, digest reference or id -> id


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All known hosts, and where the containers of each app are."""

    hosts: Mapping[str, HostIndex]
    unknown: Mapping[str, UnknownHost]
    apps: Mapping[AppKey, tuple[OwnedContainer, ...]]
    pre_starts: Mapping[AppKey, tuple[OwnedContainer, ...]]  # containers of pre_start hooks
    runs: Mapping[AppKey, tuple[OwnedContainer, ...]]  # containers of scheduled runs
    networks: Mapping[AppKey, tuple[tuple[str, ObservedNetwork], ...]]  # (host, network) of ours
    # by (host, Compose project); not created by us
    projects: Mapping[tuple[str, str], tuple[ForeignContainer, ...]]
    others: Mapping[tuple[str, str], tuple[ForeignContainer, ...]]  # the same, created by other instances
    load: Mapping[str, int]  # our containers per host, including the last known ones of unknown hosts
    # slots that were last seen on hosts that do not answer now
    unreachable_slots: Mapping[AppKey, tuple[tuple[str, Placed], ...]]


def build_index(world: World) -> Index:
    """Return the index of a world's observed state."""
    hosts: dict[str, HostIndex] = {}
    unknown: dict[str, UnknownHost] = {}
    apps: dict[AppKey, list[OwnedContainer]] = defaultdict(list)
    pre_starts: dict[AppKey, list[OwnedContainer]] = defaultdict(list)
    runs: dict[AppKey, list[OwnedContainer]] = defaultdict(list)
    projects: dict[tuple[str, str], list[ForeignContainer]] = defaultdict(list)
    others: dict[tuple[str, str], list[ForeignContainer]] = defaultdict(list)
    networks: dict[AppKey, list[tuple[str, ObservedNetwork]]] = defaultdict(list)
    load: dict[str, int] = {}
    for name, observation in sorted(with_owners(world).items()):
        if isinstance(observation, UnknownHost):
            unknown[name] = observation
            load[name] = len(world.observed.last_placements.get(name, ()))
            continue
        hosts[name] = _host_index(observation)
        load[name] = 0
        for network in observation.networks:
            if network.owner is not None:
                networks[network.owner].append((name, network))
        for owned in observation.owned:
            if is_pre_start(owned.owner.service):
                pre_starts[owned.owner.app].append(owned)
            elif is_run_slot(owned.owner.slot):
                runs[owned.owner.app].append(owned)
            else:
                apps[owned.owner.app].append(owned)
                load[name] += not is_retained(owned)
        for foreign in observation.foreign:
            if foreign.project is not None:
                kind = others if INSTANCE_LABEL in foreign.labels else projects
                kind[(name, foreign.project)].append(foreign)
    return Index(
        hosts=hosts,
        unknown=unknown,
        apps={key: tuple(found) for key, found in apps.items()},
        pre_starts={key: tuple(found) for key, found in pre_starts.items()},
        runs={key: tuple(found) for key, found in runs.items()},
        networks={key: tuple(found) for key, found in networks.items()},
        projects={key: tuple(found) for key, found in projects.items()},
        others={key: tuple(found) for key, found in others.items()},
        load=load,
        unreachable_slots=_unreachable_slots(world.observed, hosts),
    )


def _networks(
    host: ObservedHost,
) -> tuple[dict[str, ObservedNetwork], dict[str, tuple[ObservedNetwork, ...]]]:
    """Return the network of each name, and the further networks of that name.

    A network that is in use is preferred, then one that we did not create.
    """
    names = {network.name: network for network in host.networks}
    if len(names) == len(host.networks):
        return names, {}
    used = {identity for each in host.containers for identity in each.network_ids}
    ranked: dict[str, list[ObservedNetwork]] = defaultdict(list)
    for network in sorted(
        host.networks, key=lambda each: (each.id not in used, each.owner is not None, each.id)
    ):
        ranked[network.name].append(network)
    first = {name: found[0] for name, found in ranked.items()}
    return first, {name: tuple(found[1:]) for name, found in ranked.items() if len(found) > 1}


def _host_index(host: ObservedHost) -> HostIndex:
    networks, duplicates = _networks(host)
    containers = host.containers
    image_ids: dict[str, str] = {}
    for image in host.images:
        image_ids[image.id] = image.id
        image_ids.update((normalise(tag), image.id) for tag in image.tags)
        image_ids.update((normalise(digest), image.id) for digest in image.digests)
    return HostIndex(
        host=host,
        containers=containers,
        names={container.name: container for container in containers},
        foreign_containers=_foreign_containers(host),
        networks=networks,
        duplicate_networks=duplicates,
        volumes={volume.name: volume for volume in host.volumes},
        held_ports=_held_ports(containers),
        file_sets=frozenset((each.owner, each.files) for each in host.volumes if each.owner and each.files),
        mount_records=any(MOUNTS_LABEL in volume.labels for volume in host.volumes),
        image_ids=image_ids,
    )


def _held_ports(containers: Iterable[ObservedContainer]) -> Mapping[tuple[int, str], tuple[HeldPort, ...]]:
    found: dict[tuple[int, str], list[HeldPort]] = defaultdict(list)
    for container in containers:
        if container.state in LIVE_STATES:
            for port in ports_of(container):
                found[port[1:]].append(port)
    return {key: tuple(ports) for key, ports in found.items()}


def _foreign_containers(host: ObservedHost) -> Mapping[str, tuple[ForeignContainer, ...]]:
    found: dict[str, list[ForeignContainer]] = defaultdict(list)
    for container in host.foreign:
        if INSTANCE_LABEL not in container.labels:
            for name in {container.name, container.name.removesuffix(renamed_suffix(container))}:
                found[name].append(container)
    return {name: tuple(containers) for name, containers in found.items()}


def _unreachable_slots(
    observed: ObservedInputs, known: Mapping[str, HostIndex]
) -> dict[AppKey, tuple[tuple[str, Placed], ...]]:
    """Return the last known slots of hosts that are not known now, also of hosts that left Git: unknown is not gone."""
    away: dict[AppKey, list[tuple[str, Placed]]] = defaultdict(list)
    for host in sorted(observed.last_placements):
        if host not in known:
            for placed in observed.last_placements[host]:
                away[placed.app].append((host, placed))
    return {key: tuple(found) for key, found in away.items()}
