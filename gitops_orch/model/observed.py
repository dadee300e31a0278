"""What runs, as an Engine tells it.  A host that did not answer is Unknown, which is never the same as empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from gitops_orch.model.app import AppKey

HeldPort: TypeAlias = tuple[str, int, str]  # (address of the host, port of the host, protocol)
HeldAddress: TypeAlias = tuple[str, str]  # (name of a network, address in it: see model/rules/addresses.py)


class State(Enum):
    """A container's state in the Engine's own words (Engine API, ContainerState.Status)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


LIVE_STATES = frozenset(
    {State.RUNNING, State.PAUSED, State.RESTARTING}
)  # it has its ports, addresses and data


class Health(Enum):
    """A container's health in the Engine's own words; NONE where it has no healthcheck."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class EndedBy(Enum):
    """Who ended a container that has exited; UNKNOWN where its Engine cannot tell, or was not asked."""

    UNKNOWN = "unknown"
    ITSELF = "itself"
    REQUEST = "request"  # somebody asked its Engine to stop, kill or restart it
    DAEMON = "daemon"  # it ended with its Engine, or before its Engine started last


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What our labels on a container say; only containers of our own instance carry one."""

    app: AppKey
    service: str
    slot: int
    commit: str
    release: str  # the app's digest when the container was made
    spec_hash: str
    hash_version: str
    salt: str
    image_digest: str  # the image id when the container was planned; "" where it was not there yet
    name: str = ""  # that it was created with; "" for one that an older version created
    generation: str = ""  # 7 hex, of the containers that were in its slot before; "" where none was


# Further fields of a container's HostConfig that `docker update` can change (Engine API, ContainerUpdate).
OTHER_LIMITS = (
    "BlkioWeight",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "MemoryReservation",
)


def other_limits(host_config: Mapping[str, object]) -> tuple[tuple[str, int | str], ...]:
    """Return those of OTHER_LIMITS that a HostConfig sets."""
    values = ((name, host_config.get(name)) for name in OTHER_LIMITS)
    return tuple((name, value) for name, value in values if isinstance(value, (int, str)) and value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What only an inspection tells.  Absent limits are 0, as the Engine reports them."""

    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    restart_policy: str = "no"  # as Compose writes it: no | always | unless-stopped | on-failure[:n]
    memory_bytes: int = 0
    nano_cpus: int = 0
    pids_limit: int = 0
    other_limits: tuple[tuple[str, int | str], ...] = ()  # those of OTHER_LIMITS that are set, by name
    environment: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    binds: tuple[str, ...] = ()
    ports: tuple[HeldPort, ...] = ()  # fixed ones, that it has whenever it runs
    joined: tuple[str, ...] = ()  # ids of the containers whose namespaces it lives in
    volumes_from: tuple[str, ...] = ()  # ids or former names of the containers whose volumes it mounts
    grace_s: float = 10.0  # that it has to end by itself when it is stopped
    error: str = ""
    ended_by: EndedBy = EndedBy.UNKNOWN
    visible: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # by path of a Compose key its members; empty: not read
    check_output: str = ""  # what its healthcheck printed, where it failed the last time


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMount:
    """A directory, a file or a volume of the host that a container sees at `target`."""

    kind: str  # bind, volume, tmpfs ..., in the Engine's words
    source: str  # a path of the host, or the name of a volume
    target: str
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedContainer:
    """A container on a host.  `owner` None means that it is not ours and never touched."""

    id: str
    name: str
    image: str  # the reference it was created by
    image_id: str
    state: State
    health: Health = Health.NONE
    owner: Ownership | None = None
    project: str | None = None  # com.docker.compose.project
    networks: tuple[str, ...] = ()  # names
    network_ids: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()  # names of the volumes it mounts
    mounts: tuple[ObservedMount, ...] = ()
    ports: tuple[HeldPort, ...] = ()  # that it holds now; of one that restarts, those that it will take
    addresses: tuple[HeldAddress, ...] = ()  # that it holds now, in its networks
    fixed_addresses: tuple[HeldAddress, ...] = ()  # that it asks for whenever it starts
    created_at: datetime | None = None
    details: Details | None = None  # None: not inspected
    copy_of: str = ""  # the name of our container whose labels a person copied to it; it is not ours then
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a readiness probe of a container found; `detail` says why it is not ready."""

    ready: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNetwork:
    """A network on a host; `owner` None means that it is not ours."""

    id: str
    name: str
    driver: str = "bridge"
    owner: AppKey | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedVolume:
    """A volume on a host; `owner` None means that it is not ours.  `files` is the digest of a file set it carries.

    `creation` tells it from others that had, or will have, its name: when it was made, as the Engine says.
    """

    name: str
    driver: str = "local"
    owner: AppKey | None = None
    files: str | None = None
    creation: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedImage:
    """An image on a host."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()  # repository@sha256:...


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedHost:
    """All that one listing of a host told."""

    name: str
    observed_at: datetime
    engine_version: str
    api_version: str  # "1.41"
    engine_id: str = ""
    root_dir: str = "/var/lib/docker"
    creates_overlays: bool = True  # only the manager of a Swarm does; any other Engine refuses them
    containers: tuple[ObservedContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    images: tuple[ObservedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownHost:
    """A host that did not answer in time, or refused; nothing may be concluded about it."""

    name: str
    reason: str
    same_as: tuple[str, ...] = ()  # other hosts that lead to the same Engine


Observation = ObservedHost | UnknownHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A slot that was seen on a host when that host last answered."""

    app: AppKey
    service: str
    slot: int
