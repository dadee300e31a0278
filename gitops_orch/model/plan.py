"""A plan: the actions of one pass in order, with reasons; and the holds, with reasons."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from gitops_orch.model.app import App, AppKey, FileMount, Network, Readiness, Service, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork
from gitops_orch.model.job import Hook
from gitops_orch.model.observed import HeldPort, Placed


class Kind(StrEnum):
    """The kind of an action; the values are part of the contract of `plan -o json`."""

    PULL = "pull"
    CREATE_NETWORK = "create_network"
    CREATE_VOLUME = "create_volume"
    PUT_FILES = "put_files"
    CREATE = "create"
    START = "start"
    WAIT_HEALTHY = "wait_healthy"
    STOP = "stop"
    REMOVE = "remove"
    RENAME = "rename"
    UPDATE = "update"
    RESTART = "restart"
    UNPAUSE = "unpause"
    CONNECT_NETWORK = "connect_network"
    DISCONNECT_NETWORK = "disconnect_network"
    EXEC = "exec"
    RUN_JOB = "run_job"
    REMOVE_NETWORK = "remove_network"
    REMOVE_VOLUME = "remove_volume"  # only a volume whose data Git allows to remove
    CREATE_SERVICE = "create_service"
    UPDATE_SERVICE = "update_service"
    REMOVE_SERVICE = "remove_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What holds of every action of a kind."""

    on_container: bool = False  # its target is a container
    prepares: bool = False  # it brings what a container needs, and changes none that runs
    starts: bool = False  # a container runs after it that did not run before
    stops: bool = False  # a container that ran does not run after it, or not without a break
    frees: bool = False  # ports, addresses and data of its container are free after it
    frees_name: bool = False  # the name of its container is free after it
    heals: bool = False  # it can repair drift of a container that stays
    lasts: bool = False  # it may last long: as a pull, a gate or a command does
    uses_grace: bool = False  # it lasts as long as a grace period or a command
    reads_files: bool = False  # it writes files of a bind on its host, or a container reads them from then on


KINDS: Mapping[Kind, Traits] = {
    Kind.PULL: Traits(prepares=True, lasts=True),
    Kind.CREATE_NETWORK: Traits(prepares=True),
    Kind.CREATE_VOLUME: Traits(prepares=True),
    Kind.PUT_FILES: Traits(prepares=True, reads_files=True),
    Kind.CREATE: Traits(prepares=True, reads_files=True),
    Kind.START: Traits(on_container=True, starts=True, heals=True),
    Kind.WAIT_HEALTHY: Traits(on_container=True, lasts=True),
    Kind.STOP: Traits(on_container=True, stops=True, frees=True, uses_grace=True),
    Kind.REMOVE: Traits(on_container=True, frees=True, frees_name=True),
    Kind.RENAME: Traits(on_container=True, frees_name=True, heals=True),
    Kind.UPDATE: Traits(on_container=True, heals=True),
    Kind.RESTART: Traits(on_container=True, stops=True, heals=True, uses_grace=True),
    Kind.UNPAUSE: Traits(on_container=True, heals=True),
    Kind.CONNECT_NETWORK: Traits(on_container=True, heals=True),
    Kind.DISCONNECT_NETWORK: Traits(on_container=True, heals=True),
    Kind.EXEC: Traits(on_container=True, lasts=True, uses_grace=True),
    Kind.RUN_JOB: Traits(on_container=True, starts=True, lasts=True, reads_files=True),
    Kind.REMOVE_NETWORK: Traits(),
    Kind.REMOVE_VOLUME: Traits(),
    Kind.CREATE_SERVICE: Traits(),
    Kind.UPDATE_SERVICE: Traits(),
    Kind.REMOVE_SERVICE: Traits(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs; values are readable text with secrets redacted. None means absent."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerIntent:
    """Everything that the payload of a new container is built from, except the host."""

    app: App
    service: Service
    slot: int
    name: str
    commit: str
    spec_hash: str
    salt: str
    image: str  # the reference to create by; a digest or an image id where the tag was moved
    image_digest: str  # the image id that the name was built with; "" where the image was not on the host yet
    # 7 hex digits, derived from the containers that were in the slot before; "" where there were none
    generation: str = ""
    inherit_volumes_from: str | None = None  # id of the replaced container whose anonymous volumes are reused
    # target -> the path or volume of the host that had the data before gitops-orch created the container
    kept_mounts: Mapping[str, str] = field(default_factory=dict)
    # service -> container on the same host whose namespace it shares
    peers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """The network endpoint with which this slot of the service is created; a container is attached with it."""

    app: App
    service: Service
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a new container must pass before its predecessor is removed."""

    monitor_s: float
    deadline_s: float
    completes: bool = False  # a job: it must exit with 0 instead of staying up
    readiness: Readiness | None = None  # the readiness check that it must pass, too
    restarts_max: int = 5  # how often its restart policy may restart it
    is_new: bool = False  # it is started right before the gate: its restarts count from 0
    # The container is older than the release: if it is unhealthy, that is trouble and not the release's fault.
    is_existing: bool = False
    # Its work is done: it stays finished, even if its Engine no longer knows its exit code.
    is_finished_job: bool = False
    is_retry: bool = False  # it failed before and stayed up: the gate checks whether it is healthy now
    # Restarts count only after these steps of the plan have ended: the steps of its dependencies.
    counts_after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBudget:
    """How many containers of a service may fail their gates before its release fails."""

    service: str  # namespace/app/service: all actions of the service share the budget
    failures_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step on one host; it begins when every action of `after` is done and every action of `follows` has ended.

    An action of `follows` may have failed, within its budget: a rollout continues past a container that may fail.

    `target` is the object on the Engine: a container's id, or a name that an earlier step creates. `name` is the
    readable name of the object.

    `kind` decides which of the optional fields are set:

    - PULL: `image`, `platform` and `local_suffices`.
    - CREATE: `container`.
    - CREATE_NETWORK, CONNECT_NETWORK, DISCONNECT_NETWORK: `network`.
    - REMOVE_VOLUME and CREATE_VOLUME: `volume`, or the live `files` that it records.
    - PUT_FILES: `files`, and `work` where they follow Git.
    - EXEC: `signal`, or `hook` and a `gate` that sets its deadline.
    - WAIT_HEALTHY and RUN_JOB: `gate`.
    - RENAME: `new_name`.
    - UPDATE: `update` (fields of the Engine's ContainerUpdate).
    """

    id: str
    kind: Kind
    host: str
    target: str
    reason: str
    name: str = ""
    app: AppKey | None = None
    service: str | None = None
    slot: int | None = None
    changes: tuple[Change, ...] = ()
    after: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    # Of steps whose failure is the release's fault; None where the step belongs to no new release.
    budget: FailureBudget | None = None
    release: str = ""
    image: str | None = None
    platform: str = ""  # of a PULL: the platform to pull; "" lets the Engine choose
    local_suffices: bool = False  # of a PULL: an image of that platform on the host is enough
    container: ContainerIntent | None = None
    network: Network | None = None
    volume: Volume | None = None
    files: FileMount | None = None
    work: FilesWork | None = None  # of a PUT_FILES into a bind mount that follows Git
    gate: Gate | None = None
    new_name: str | None = None
    update: Mapping[str, object] | None = None
    joining: Joining | None = None  # of a CONNECT_NETWORK
    # Of a STOP: the ports that the successor needs; the Engine is asked for them before
    ports: tuple[HeldPort, ...] = ()
    grace_s: float = 0.0  # of a STOP or a RESTART: the seconds that the container has to end by itself
    signal: str = ""  # of an EXEC that sends a signal
    hook: Hook | None = None  # of an EXEC that runs a command, and of a RUN_JOB for a pre_start
    optional: bool = False  # its failure is noted and blocks no other action


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHold:
    """Something that the plan leaves as it is; `app` is None where it concerns several apps.

    A hold with `error` blocks the desired state and needs a person. Other holds were requested, or protect data.
    """

    subject: str
    reason: str
    app: AppKey | None = None
    error: bool = False
    stopped: bool = False  # healing is suspended for a while, because it did not help
    heals: bool = False  # only the changes of Git wait: running containers are healed as usual
    kept: bool = False  # a file that differs on its host and stays so, while the app follows Git

    @property
    def covers_app(self) -> bool:
        """Tell whether the app as a whole is held, and not only one of its containers, files or volumes."""
        return self.app is not None and self.subject == str(self.app)

    @property
    def full_reason(self) -> str:
        """Return the reason, with the subject before it where that is not the app itself."""
        return self.reason if self.covers_app else f"{self.subject}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rule that forbids the whole plan, with its numbers."""

    rule: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one pass will do: the executor decides nothing. With a refusal, nothing of it is executed."""

    commit: str
    actions: tuple[Action, ...] = ()
    holds: tuple[PlanHold, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown_hosts: tuple[str, ...] = ()
    unknown_apps: tuple[AppKey, ...] = field(default=())
    unread: tuple[tuple[str, FilesQuery], ...] = ()  # bind mounts, by host, to read for a better plan
    # Apps without changes whose files on a host could not be read, each with the reason: the files may differ from Git.
    files_unknown: Mapping[AppKey, str] = field(default_factory=dict)
    # By host, the slots whose containers are still those from before the adoption: their data is on the host, also when
    # the host is removed from Git.
    taking_over: Mapping[str, frozenset[Placed]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Return a hex SHA-256 over everything that the plan would do: equal plans have equal digests."""
        rows = [
            [
                a.id,
                a.kind.value,
                a.host,
                a.target,
                a.reason,
                [*a.after, *a.follows],
                a.container.spec_hash if a.container else "",
                *([repr(a.work)] if a.work is not None else []),
            ]
            for a in self.actions
        ]
        return hashlib.sha256(json.dumps([self.commit, rows]).encode()).hexdigest()
