"""An app as Git declares it: a resolved Compose file, and the settings that Compose has no keys for.

`Service.compose` keeps the body of a service in the shape of the Compose specification: long forms only, as `docker
compose config --format json` prints it. That shape is public and complete, and users read it. The fields that the
planner decides by have their own types, next to the body.
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
    """Identifies an app in an instance; `str()` is `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def project(self) -> str:
        """Return the Compose project name: the app's name, after the namespace if that is not the default one."""
        return self.name if self.namespace == "default" else f"{self.namespace}_{self.name}"


class Mode(Enum):
    """How many containers a service has, and whether they run to completion (Compose specification, deploy.mode)."""

    REPLICATED = "replicated"
    GLOBAL = "global"
    REPLICATED_JOB = "replicated-job"
    GLOBAL_JOB = "global-job"


class Condition(Enum):
    """The state that a dependency must have reached (Compose specification, depends_on.condition)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Order(Enum):
    """Whether the new container starts before the old one stops."""

    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


class FailureAction(Enum):
    """What happens when a health gate fails (Compose specification, deploy.update_config.failure_action)."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


class Rollback(Enum):
    """What an app does when its release fails."""

    AUTO = "auto"
    HOLD = "hold"
    OFF = "off"


class Move(Enum):
    """Whether the planner may move an app with writable volumes to another host because of a diff."""

    NEVER = "never"
    WITHOUT_DATA = "without-data"


class Drift(Enum):
    """What the planner does about a container that differs from its spec."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


class Prune(Enum):
    """What the planner does about containers that Git no longer declares."""

    AUTO = "auto"
    CONFIRM = "confirm"
    NEVER = "never"


class FilesPolicy(Enum):
    """Which version of a file wins when it was changed on a host, in a bind mount that a container can write to."""

    MERGE = "merge"  # Git's version, except for files that were changed on the host
    GIT = "git"
    HOST = "host"  # the host's version, once the file exists there


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """An edge of `depends_on`, or an edge that a shared namespace or `volumes_from` implies."""

    service: str
    condition: Condition = Condition.STARTED
    restart: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where containers may run: names and constraints limit the hosts, preferences spread the containers."""

    hosts: tuple[str, ...] = ()  # empty: every active host
    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()  # label keys such as node.labels.zone, outermost first
    replicas_per_host_max: int | None = None  # None: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolicy:
    """`deploy.update_config` with the defaults of gitops-orch."""

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
        """The seconds that one container has to pass its gate.

        `progress_deadline` starts again with each container that passes.
        """
        return min(self.healthy_deadline_s, self.progress_deadline_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port; the Engine chooses the host port where `published` is None."""

    target: int
    published: int | None
    host_ip: str = ""
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a file set; `path` is relative, and "" where the set is a single file."""

    path: str
    mode: int  # permission bits
    content: Sensitive
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """Files from Git that a container sees at `target`: a config, a secret, or a relative bind mount."""

    target: str
    entries: tuple[FileEntry, ...]
    directory: bool  # the mount is the whole directory and hides the directory of the image
    secret: bool
    # Not None: the mount is below the host's data_root, and the container can write to it
    writable_path: str | None = None
    # Not None: the files belong to this user of the image, a name or name:group. "": to the image's own user.
    user: str | None = None
    # For an adopted bind mount: the value that `writable_path` would have if the host kept the data below data_root.
    git_path: str = ""
    # Not None: the files are changed in place, in a volume; this value is the stable part of the volume's name.
    live: str | None = None
    digest: str = ""  # hex SHA-256 over the paths, modes, owners and contents of the entries

    @property
    def follows_git(self) -> bool:
        """Return whether Git has files in a place that the container can write to.

        Without such files, a place that the container can write to is a data directory.
        """
        return self.writable_path is not None and bool(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`x-gitops.readiness`: how gitops-orch checks that a container can serve.

    With a `command`, the check runs it in the container. Without one, the check asks `port`: by an HTTP request for
    `path`, or by a TCP connection where `path` is None.
    """

    port: int | None = None
    path: str | None = None
    command: tuple[str, ...] = ()
    interval_s: float = 2.0
    timeout_s: float = 3.0
    retries: int = 3  # a ready container becomes not ready after this many failures in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its Compose body, and the fields that decide placement, order and rollout."""

    name: str
    compose: Mapping[str, Json]
    image: str
    mode: Mode = Mode.REPLICATED
    replicas: int = 1
    placement: Placement = field(default_factory=Placement)
    depends_on: tuple[Dependency, ...] = ()
    update: UpdatePolicy = field(default_factory=UpdatePolicy)
    rollback: UpdatePolicy = field(default_factory=UpdatePolicy)  # deploy.rollback_config, for a rollback
    ports: tuple[Port, ...] = ()
    networks: tuple[str, ...] = ()  # keys in App.networks; empty with a network_mode
    volumes: tuple[str, ...] = ()  # keys in App.volumes that it mounts
    writable: bool = False  # it mounts a named volume or a host path that it can write to
    container_name: str | None = None
    files: tuple[FileMount, ...] = ()
    stateful: bool = False  # x-gitops.stateful
    reload: str | None = None  # x-gitops.reload: the signal after which it reads its files again
    readiness: Readiness | None = None  # x-gitops.readiness
    job: bool = False  # it runs to completion: a one-shot service that others wait for, or a *-job mode
    # X-gitops.job.deadline of a job; None: the rollout's healthy_deadline
    job_deadline_s: float | None = None
    schedule: Schedule | None = None  # not None: its only containers are its scheduled runs
    pre_start: tuple[Hook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A top-level network; `name` is its name on the Engine."""

    key: str
    name: str
    external: bool = False
    # Driver, driver_opts, ipam, internal, labels, ...
    compose: Mapping[str, Json] = field(default_factory=dict)

    @property
    def driver(self) -> str:
        """Return the driver's name, `bridge` where none is given."""
        return str(self.compose.get("driver") or "bridge")

    @property
    def has_subnet(self) -> bool:
        """Return whether the file declares a subnet."""
        return bool(self.subnet)

    @property
    def subnet(self) -> str:
        """Return the first subnet that the file declares; "" where the Engine chooses."""
        ipam: Any = self.compose.get("ipam") or {}
        return next((str(pool["subnet"]) for pool in ipam.get("config") or () if pool.get("subnet")), "")

    @property
    def definition(self) -> str:
        """Return a hash of the fields that an existing network cannot change; labels are not part of it."""
        return _definition(self.compose, self.driver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A top-level volume; `name` is its name on the Engine."""

    key: str
    name: str
    external: bool = False
    compose: Mapping[str, Json] = field(default_factory=dict)  # driver, driver_opts, labels

    @property
    def definition(self) -> str:
        """Return a hash of the fields that an existing volume cannot change; labels are not part of it."""
        return _definition(self.compose, str(self.compose.get("driver") or "local"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold that a person wrote: gitops-orch leaves the app as it is; `until` None means without end."""

    reason: str
    until: datetime | None = None

    def __str__(self) -> str:
        end = f" until {self.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if self.until else ""
        return f"held{end}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app as one commit declares it.

    `digest` covers everything that the app resolves to, names of hosts and contents of files included.
    """

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
    # service key -> the confirmation words that a plan asked for
    replace_volumes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Secret values of variables that its files may use. They are not part of the app's identity.
    secrets: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def service(self, name: str) -> Service:
        """Return the service of that name; raise KeyError where there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def spreads(self, service: Service) -> bool:
        """Return whether the file asks to place a service separately from the rest of the app.

        Such a service may run on other hosts than the app's other services, if necessary.
        """
        placement = service.placement
        if service.mode is Mode.GLOBAL or service.mode is Mode.GLOBAL_JOB:
            return True
        if placement.replicas_per_host_max is not None or placement.spread or placement.constraints:
            return True
        return len(self.services) == 1 and service.replicas > 1


def _definition(compose: Mapping[str, Json], driver: str) -> str:
    """An empty value is the same as a missing one."""
    present = {
        key: value for key, value in compose.items() if value and key not in {"name", "labels", "external"}
    }
    canonical = json.dumps({**present, "driver": driver}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
