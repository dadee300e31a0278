"""A plan: what will be done, in which order, and why; and what will not be touched, and why not."""

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
    """What an action does; the words are the contract of `plan -o json`."""

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
    REMOVE_VOLUME = "remove_volume"  # one whose data Git says may go
    CREATE_SERVICE = "create_service"
    UPDATE_SERVICE = "update_service"
    REMOVE_SERVICE = "remove_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs; values are text a person can read, secrets already redacted.  None means absent."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerIntent:
    """Everything that the payload of a new container is built from, besides the host."""

    app: App
    service: Service
    slot: int
    name: str
    commit: str
    spec_hash: str
    salt: str
    image: str  # the reference to create by; a digest or an image id where the tag has moved
    image_digest: str  # the image id that the name was made with; "" where it was not there yet
    generation: str = ""  # 7 hex, of what was in the slot before; "" where nothing was
    inherit_volumes_from: str | None = None  # id of the replaced container whose anonymous volumes are kept
    kept_mounts: Mapping[str, str] = field(
        default_factory=dict
    )  # target -> a path of the host, or a volume, where its data was before we made it
    peers: Mapping[str, str] = field(
        default_factory=dict
    )  # service -> container on the same host whose namespace it shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """As what a container is attached to a network: with the endpoint that this slot of the service is created with."""

    app: App
    service: Service
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a new container must prove before its predecessor goes."""

    monitor_s: float
    deadline_s: float
    completes: bool = False  # a job: it must exit 0 instead of staying up
    readiness: Readiness | None = None  # what it must answer besides
    restarts_max: int = 5  # how often its restart policy may restart it
    is_new: bool = False  # it is started right before: its restarts count from 0
    is_existing: bool = (
        False  # it was there before the release: that it does not do well is trouble, and not its fault
    )
    is_finished_job: bool = (
        False  # its work is done: it stays so, also if its Engine has forgotten how it ended
    )
    is_retry: bool = False  # it failed before and stayed up: is it well now?
    counts_after: tuple[
        str, ...
    ] = ()  # restarts count once these steps of the plan have ended: what it depends on


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBudget:
    """How many containers of a service may fail their gates before its release has failed."""

    service: str  # namespace/app/service: all actions of the service share the budget
    failures_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step on one host, begun once all of `after` is done and all of `follows` has ended.

    What it `follows` may have failed, within its budget: so a rollout goes on past a container that may fail.

    `target` names the object on the Engine: a container's id, or a name made by an earlier step; `name` is what a
    person calls it.

    Which of the optional fields is set follows from `kind`: PULL `image`, `platform` and `local_suffices`; CREATE `container`; CREATE_NETWORK,
    CONNECT_NETWORK, DISCONNECT_NETWORK `network`; REMOVE_VOLUME and CREATE_VOLUME `volume`, or the live `files` that
    it records; PUT_FILES `files`, and `work` where they follow Git; EXEC `signal`, or `hook`
    and a `gate` whose deadline it has; WAIT_HEALTHY and RUN_JOB `gate`; RENAME `new_name`; UPDATE `update` (fields of the Engine's ContainerUpdate).
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
    budget: FailureBudget | None = (
        None  # of steps whose failure is the release's; None where no release is on trial
    )
    release: str = ""
    image: str | None = None
    platform: str = ""  # of a PULL: for which platform; "" lets the Engine choose
    local_suffices: bool = False  # of a PULL: an image of that platform that is on the host will do
    container: ContainerIntent | None = None
    network: Network | None = None
    volume: Volume | None = None
    files: FileMount | None = None
    work: FilesWork | None = None  # of a PUT_FILES into a bind that follows Git
    gate: Gate | None = None
    new_name: str | None = None
    update: Mapping[str, object] | None = None
    joining: Joining | None = None  # of a CONNECT_NETWORK
    ports: tuple[HeldPort, ...] = ()  # of a STOP: what the successor needs; the Engine is asked for it before
    grace_s: float = 0.0  # of a STOP or a RESTART: how long the container has to end by itself
    signal: str = ""  # of an EXEC that sends one
    hook: Hook | None = None  # of an EXEC that runs a command, and of a RUN_JOB that is a pre_start
    optional: bool = False  # that it fails is noted, and keeps nothing from being done


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHold:
    """Something that is left alone; `app` None where it concerns more than one.

    An `error` is in the way of what Git wants and needs a person; the others were wished for, or protect data.
    """

    subject: str
    reason: str
    app: AppKey | None = None
    error: bool = False
    stopped: bool = False  # healing was given up for a while, because it did not help
    heals: bool = False  # only what Git has new waits: what runs is healed as ever
    kept: bool = False  # a file that differs on its host and stays so, while the app follows Git

    @property
    def full_reason(self) -> str:
        """Return the reason, after the subject where that is not the app itself."""
        return self.reason if self.subject == str(self.app) else f"{self.subject}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rule that forbids the whole plan, with its numbers."""

    rule: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one reconcile will do: executing it leaves no choice.  With a refusal, nothing of it is executed."""

    commit: str
    actions: tuple[Action, ...] = ()
    holds: tuple[PlanHold, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown_hosts: tuple[str, ...] = ()
    unknown_apps: tuple[AppKey, ...] = field(default=())
    unread: tuple[tuple[str, FilesQuery], ...] = ()  # binds, by host, to be looked at for a better plan
    # Apps without a change to make whose files on a host could not be read, each with why: these may differ from Git.
    files_unknown: Mapping[AppKey, str] = field(default_factory=dict)
    # By host the slots whose containers were not made by us yet: their data is there, also when the host leaves Git.
    taking_over: Mapping[str, frozenset[Placed]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Return a hex SHA-256 over all that the plan would do: the same plan has the same digest."""
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
