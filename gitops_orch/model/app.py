"""An app as Git wants it: a resolved Compose file, and what Compose has no words for.

The body of a service stays in the shape that the Compose specification gives it (`Service.compose`, long forms only,
as `docker compose config --format json` prints it), because that shape is public, complete, and what users read.
What the planner decides by stands beside it in types of its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeAlias

from gitops_orch.model.job import Hook, Schedule
from gitops_orch.model.problem import Position
from gitops_orch.model.sensitive.secret import Sensitive

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AppKey:
    """What identifies an app in an instance; `str()` is `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def project(self) -> str:
        """Return the Compose project name: the app's, prefixed outside the default namespace."""
        return self.name if self.namespace == "default" else f"{self.namespace}_{self.name}"


class Mode(Enum):
    """How many containers a service has, and whether they end (Compose specification, deploy.mode)."""

    REPLICATED = "replicated"
    GLOBAL = "global"
    REPLICATED_JOB = "replicated-job"
    GLOBAL_JOB = "global-job"


class Condition(Enum):
    """What a dependency must have reached (Compose specification, depends_on.condition)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Order(Enum):
    """Whether the new container starts before the old one stops."""

    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


class FailureAction(Enum):
    """What a failed gate leads to (Compose specification, deploy.update_config.failure_action)."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


class Rollback(Enum):
    """What an app does when its release fails."""

    AUTO = "auto"
    HOLD = "hold"
    OFF = "off"


class Move(Enum):
    """Whether an app with writable volumes may change hosts by a diff."""

    NEVER = "never"
    WITHOUT_DATA = "without-data"


class Drift(Enum):
    """What is done about a container that is no longer what was made."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


class Prune(Enum):
    """What is done about what left Git."""

    AUTO = "auto"
    CONFIRM = "confirm"
    NEVER = "never"


class FilesPolicy(Enum):
    """Which version counts of a file from Git that was changed on a host, in a bind that a container can write to."""

    MERGE = "merge"  # Git's, but for files that were changed on the host
    GIT = "git"
    HOST = "host"  # the host's, once the file is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """An edge of `depends_on`, or one that a shared namespace or `volumes_from` implies."""

    service: str
    condition: Condition = Condition.STARTED
    restart: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where containers may run: names and constraints narrow, preferences spread."""

    hosts: tuple[str, ...] = ()  # empty: every active host
    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()  # label keys such as node.labels.zone, outermost first
    replicas_per_host_max: int | None = None  # None: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolicy:
    """`deploy.update_config` with the product's defaults."""

    parallelism: int = 1  # 0: all at once
    delay_s: float = 0.0
    monitor_s: float = 10.0
    order: Order | None = None  # None: chosen by the planner
    failure_action: FailureAction = FailureAction.ROLLBACK
    failure_ratio_max: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """`x-gitops.rollout`."""

    healthy_deadline_s: float = 300.0
    progress_deadline_s: float = 600.0
    restarts_max: int = 5
    canary: int = 0
    auto_promote: bool = True
    surge_max: int | None = None
    unavailable_max: int | None = None

    @property
    def step_deadline_s(self) -> float:
        """How long one container has to prove itself; `progress_deadline` begins anew with each that does."""
        return min(self.healthy_deadline_s, self.progress_deadline_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port; `published` None means that the Engine chooses."""

    target: int
    published: int | None
    host_ip: str = ""
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a set; `path` is relative, "" where the set is a single file."""

    path: str
    mode: int  # permission bits
    content: Sensitive
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """Content from Git that a container sees at `target`: a config, a secret, or a relative bind."""

    target: str
    entries: tuple[FileEntry, ...]
    directory: bool  # the whole directory is mounted and hides the image's
    secret: bool
    writable_path: str | None = None  # not None: it lies below the host's data_root, and can be written to
    user: str | None = (
        None  # not None: they belong to this user of the image, a name or name:group; "": its own
    )
    git_path: str = (
        ""  # of an adopted bind: as `writable_path` would be, had the host its data below the data_root
    )
    live: str | None = None  # not None: changed in place, in a volume of a name that this part makes stable
    digest: str = ""  # hex SHA-256 over entries' paths, modes, owners and contents

    @property
    def follows_git(self) -> bool:
        """Tell whether Git has files in a place that the container can write to; else such a place is a data directory."""
        return self.writable_path is not None and bool(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`x-gitops.readiness`: how a container says that it can serve.

    With a `command` it is run in the container; else `port` is asked: over HTTP for `path`, by a mere connection where
    that is None.
    """

    port: int | None = None
    path: str | None = None
    command: tuple[str, ...] = ()
    interval_s: float = 2.0
    timeout_s: float = 3.0
    retries: int = 3  # so many failures in a row, after it was ready, and it is not ready any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: Compose's own body, and what placement, order and rollout decide by."""

    name: str
    compose: Mapping[str, Json]
    image: str
    mode: Mode = Mode.REPLICATED
    replicas: int = 1
    placement: Placement = field(default_factory=Placement)
    depends_on: tuple[Dependency, ...] = ()
    update: UpdatePolicy = field(default_factory=UpdatePolicy)
    rollback: UpdatePolicy = field(default_factory=UpdatePolicy)  # deploy.rollback_config, for going back
    ports: tuple[Port, ...] = ()
    networks: tuple[str, ...] = ()  # keys in App.networks; empty with a network_mode
    volumes: tuple[str, ...] = ()  # keys in App.volumes that it mounts
    writable: bool = False  # mounts a named volume or a host path that it can write
    container_name: str | None = None
    files: tuple[FileMount, ...] = ()
    stateful: bool = False  # x-gitops.stateful
    reload: str | None = None  # x-gitops.reload: the signal that makes it read its files again
    readiness: Readiness | None = None  # x-gitops.readiness
    job: bool = False  # runs to completion: a one-shot that others wait for, or a *-job mode
    job_deadline_s: float | None = (
        None  # x-gitops.job.deadline of a job; None: the rollout's healthy_deadline
    )
    schedule: Schedule | None = None  # not None: it has no containers but those of its scheduled runs
    pre_start: tuple[Hook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A top-level network; `name` is what the Engine calls it."""

    key: str
    name: str
    external: bool = False
    compose: Mapping[str, Json] = field(
        default_factory=dict
    )  # driver, driver_opts, ipam, internal, labels, ...

    @property
    def driver(self) -> str:
        """Return the driver's name, `bridge` where none is given."""
        return str(self.compose.get("driver") or "bridge")

    @property
    def has_subnet(self) -> bool:
        """Return whether the file says which addresses it has."""
        return bool(self.subnet)

    @property
    def subnet(self) -> str:
        """Return the first subnet that the file gives; "" where the Engine chooses."""
        ipam: Any = self.compose.get("ipam") or {}
        return next((str(pool["subnet"]) for pool in ipam.get("config") or () if pool.get("subnet")), "")

    @property
    def definition(self) -> str:
        """Return a hash of what cannot change on a network that is there; its labels are not in it."""
        return _definition(self.compose, self.driver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A top-level volume; `name` is what the Engine calls it."""

    key: str
    name: str
    external: bool = False
    compose: Mapping[str, Json] = field(default_factory=dict)  # driver, driver_opts, labels

    @property
    def definition(self) -> str:
        """Return a hash of what cannot change on a volume that is there; its labels are not in it."""
        return _definition(self.compose, str(self.compose.get("driver") or "local"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A written wish to leave an app alone; `until` None means without end."""

    reason: str
    until: datetime | None = None

    def __str__(self) -> str:
        end = f" until {self.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if self.until else ""
        return f"held{end}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app as one commit wants it.  `digest` covers all that it resolves to, hosts' names and file contents too."""

    key: AppKey
    path: str  # of the Compose file in the repository
    digest: str  # hex SHA-256
    services: tuple[Service, ...]
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    placement: Placement = field(default_factory=Placement)
    depends_on: tuple[AppKey, ...] = ()
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    rollback: Rollback = Rollback.AUTO
    move: Move = Move.NEVER
    adopt: bool = False
    drift: Drift = Drift.ENFORCE
    files: FilesPolicy = FilesPolicy.MERGE
    prune: Prune = Prune.AUTO
    hold: Hold | None = None
    replace_volumes: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # key -> words that a plan asked for
    # Values of variables that its files may use and nobody may see; no part of what it is.
    secrets: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def service(self, name: str) -> Service:
        """Return the service of that name; KeyError where there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def spreads(self, service: Service) -> bool:
        """Tell whether the file asks for a service to be placed by itself, away from the app's others if need be."""
        placement = service.placement
        if service.mode is Mode.GLOBAL or service.mode is Mode.GLOBAL_JOB:
            return True
        if placement.replicas_per_host_max is not None or placement.spread or placement.constraints:
            return True
        return len(self.services) == 1 and service.replicas > 1


def _definition(compose: Mapping[str, Json], driver: str) -> str:
    """What is empty is the same as what is not said."""
    present = {
        key: value for key, value in compose.items() if value and key not in {"name", "labels", "external"}
    }
    canonical = json.dumps({**present, "driver": driver}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
