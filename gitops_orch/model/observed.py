"""The observed state, as an Engine reports it. A host that did not answer is unknown, which never means empty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

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


# It has its ports, addresses and data
LIVE_STATES = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})


class Health(Enum):
    """A container's health in the Engine's own words; NONE where it has no healthcheck."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class EndedBy(Enum):
    """Why a container exited; UNKNOWN where its Engine cannot report it, or was not asked."""

    UNKNOWN = "unknown"
    ITSELF = "itself"
    REQUEST = "request"  # an Engine was asked to stop, kill or restart it
    DAEMON = "daemon"  # it ended with its Engine, or before its Engine last started


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The content of our labels on a container; only containers of our own instance have it."""

    app: AppKey
    service: str
    slot: int
    commit: str
    release: str  # the app's digest when the container was created
    spec_hash: str
    hash_version: str
    salt: str
    # The image id when the container was planned; "" where the image was not on the host yet
    image_digest: str
    name: str = ""  # the name at creation; "" for a container that an older version created
    # 7 hex digits, derived from the containers that were in its slot before; "" where there were none
    generation: str = ""


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
    """The fields that only an inspection reports. Absent limits are 0, as the Engine reports them."""

    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    restart_policy: str = "no"  # as Compose writes it: no | always | unless-stopped | on-failure[:n]
    memory_bytes: int = 0
    nano_cpus: int = 0
    pids_limit: int = 0
    other_limits: tuple[tuple[str, int | str], ...] = ()  # the OTHER_LIMITS that are set, by name
    environment: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    binds: tuple[str, ...] = ()
    ports: tuple[HeldPort, ...] = ()  # fixed ports, which it has whenever it runs
    joined: tuple[str, ...] = ()  # ids of the containers whose namespaces it shares
    volumes_from: tuple[str, ...] = ()  # ids or former names of the containers whose volumes it mounts
    grace_s: float = 10.0  # the seconds to end by itself when it is stopped
    error: str = ""
    ended_by: EndedBy = EndedBy.UNKNOWN
    # Path of a Compose key -> its members; empty: not read.
    visible: tuple[tuple[str, tuple[str, ...]], ...] = ()
    check_output: str = ""  # the output of its healthcheck, where the last check failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMount:
    """A directory, a file or a volume of the host that a container sees at `target`."""

    kind: str  # bind, volume, tmpfs ..., in the Engine's words
    source: str  # a path of the host, or the name of a volume
    target: str
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedContainer:
    """The facts that an Engine reports of any container, owned or foreign."""

    host: str
    id: str
    name: str
    image: str  # the reference that it was created from
    image_id: str
    state: State
    health: Health = Health.NONE
    project: str | None = None  # com.docker.compose.project
    networks: tuple[str, ...] = ()  # names
    network_ids: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()  # names of the volumes it mounts
    mounts: tuple[ObservedMount, ...] = ()
    # The ports that it holds now; of a restarting container, those that it will take
    ports: tuple[HeldPort, ...] = ()
    addresses: tuple[HeldAddress, ...] = ()  # the addresses that it holds now in its networks
    fixed_addresses: tuple[HeldAddress, ...] = ()  # the addresses that it requests at each start
    created_at: datetime | None = None
    details: Details | None = None  # None: not inspected
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedContainer(ObservedContainer):
    """A container of our own instance."""

    owner: Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignContainer(ObservedContainer):
    """Any other container: it is never changed."""

    # The name of our container from which a person copied the labels; "" if it has no such labels
    copy_of: str = ""


AnyContainer: TypeAlias = OwnedContainer | ForeignContainer
_COMMON_FIELDS = tuple(each.name for each in fields(ObservedContainer))


def common_fields(container: ObservedContainer) -> dict[str, Any]:
    """Return the fields that containers of all kinds have, to create one of another kind."""
    return {name: getattr(container, name) for name in _COMMON_FIELDS}


def with_owner(container: ObservedContainer, owner: Ownership | None) -> AnyContainer:
    """Return a container as owned; as foreign if it has no owner."""
    common = common_fields(container)
    return ForeignContainer(**common) if owner is None else OwnedContainer(**common, owner=owner)


def as_copy(container: ObservedContainer, original: str) -> ForeignContainer:
    """Return a container as foreign: a person copied the labels of the container with the name `original`."""
    return ForeignContainer(**common_fields(container), copy_of=original)


def owner_of(container: ObservedContainer) -> Ownership | None:
    """Return the owner of a container; None if it is not owned."""
    return container.owner if isinstance(container, OwnedContainer) else None


def is_of_app(container: ObservedContainer, app: AppKey) -> bool:
    """Return whether a container is an app's own."""
    return isinstance(container, OwnedContainer) and container.owner.app == app


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The result of a readiness probe; `detail` is the reason why the container is not ready."""

    ready: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNetwork:
    """A network on a host; `owner` None means that it is foreign."""

    id: str
    name: str
    driver: str = "bridge"
    owner: AppKey | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedVolume:
    """A volume on a host; `owner` None means that it is foreign. `files` is the digest of the file set that it carries.

    `creation` is the time of creation as the Engine reports it. It distinguishes volumes that have the same name at
    different times.
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
    """Everything that one listing of a host reported."""

    name: str
    observed_at: datetime
    engine_version: str
    api_version: str  # "1.41"
    engine_id: str = ""
    root_dir: str = "/var/lib/docker"
    # Only the manager of a Swarm can; any other Engine refuses overlay networks
    creates_overlays: bool = True
    owned: tuple[OwnedContainer, ...] = ()
    foreign: tuple[ForeignContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    images: tuple[ObservedImage, ...] = ()

    @property
    def containers(self) -> tuple[AnyContainer, ...]:
        """Return the containers of both kinds, by name."""
        both: tuple[AnyContainer, ...] = (*self.owned, *self.foreign)
        return tuple(sorted(both, key=lambda each: (each.name, each.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownHost:
    """A host that did not answer in time, or refused; no conclusion about it is allowed."""

    name: str
    reason: str
    hint: str = ""  # the advice with which the reason ends, after "; "
    same_as: tuple[str, ...] = ()  # other hosts whose URLs lead to the same Engine


Observation = ObservedHost | UnknownHost


def owned_containers(observed: Mapping[str, Observation]) -> list[OwnedContainer]:
    """Return all owned containers on hosts that answered."""
    hosts = [host for host in observed.values() if isinstance(host, ObservedHost)]
    return [container for host in hosts for container in host.owned]


def by_ownership(
    containers: Iterable[AnyContainer],
) -> tuple[tuple[OwnedContainer, ...], tuple[ForeignContainer, ...]]:
    """Return the owned containers, and the foreign ones, each in the given order."""
    there = tuple(containers)
    owned = tuple(each for each in there if isinstance(each, OwnedContainer))
    return owned, tuple(each for each in there if isinstance(each, ForeignContainer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A slot that was on a host when that host last answered."""

    app: AppKey
    service: str
    slot: int
