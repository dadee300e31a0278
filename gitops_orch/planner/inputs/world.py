"""Holds all inputs of a plan as values: the planner reads nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from gitops_orch.model.app import App, AppKey, Hold, Prune, Service
from gitops_orch.model.heal import HealedField, HealRecord
from gitops_orch.model.host import Fleet, Host
from gitops_orch.model.host_files import FilesQuery, HostFiles
from gitops_orch.model.job import run_slot
from gitops_orch.model.observed import Observation, ObservedHost, Placed
from gitops_orch.model.trouble import Trouble
from gitops_orch.planner.inputs.former_slots import RemovedSlot, ServiceKey


class Role(Enum):
    """Why a release is the target release of an app."""

    HEAD = "head"  # the head declares it
    PINNED = "pinned"  # an operator pinned it
    ROLLBACK = "fallback"  # the last stable release, while the head's is quarantined
    WAITING = "waiting"  # the running release, while a dependency is not ready for the head's
    # the head's is quarantined, and there is no release to roll back to, or the app forbids a rollback
    BLOCKED = "stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePin:
    """The image that a service ran in a release, for a rollback after its tag has moved."""

    id: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TagState:
    """The image that a service's tag names in its registry."""

    digest: str  # sha256:...
    failed: str = ""  # why this image is rejected; "" if it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRelease:
    """An app, the release that it should run, and the reason. With Role.BLOCKED, `app` is the head's."""

    app: App
    commit: str
    role: Role = Role.HEAD
    reason: str = ""
    waits_for: AppKey | None = (
        None  # with Role.WAITING: the app for which it waits; None: it waits for no app
    )
    images: Mapping[str, ImagePin] = field(default_factory=dict)  # by service; of the head if its tag failed
    # by service, for services whose tags are checked
    tags: Mapping[str, TagState] = field(default_factory=dict)
    # digest of the failed release that was reverted in Git to this one, which the head declares
    reverted: str = ""
    # it failed, and there is no stable release to roll back to (see planner/fallback/first_release.py)
    stays_running: bool = False
    # the running release of an interrupted rollout: no release has all its containers
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What the Engine would see of a service: its hash, and the declared fields that others can change on a container.

    A limit of 0 and `None` mean not declared. They are from the same payload that creates the container.
    """

    hash: str
    version: str = ""  # of the hash function; "" if only one version is known
    older: Mapping[str, str] = field(default_factory=dict)  # by version: the hashes of older hash functions
    restart_policy: str = "no"
    memory_bytes: int = 0
    nano_cpus: int = 0
    pids_limit: int = 0
    other_limits: tuple[tuple[str, int | str], ...] = ()
    environment: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    visible: tuple[tuple[str, tuple[str, ...]], ...] = ()  # as of Details


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredService:
    """A service and its app, as one commit declared them."""

    app: App
    service: Service


SpecKey: TypeAlias = tuple[AppKey, str, str]  # app, its digest, service
FormerKey: TypeAlias = tuple[AppKey, str, str]  # app, service, spec hash of its containers


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The most recent scheduled time of a service."""

    at: datetime
    shown: str  # in the time zone of the schedule
    is_wanted: bool  # it is later than the last run, and later than the time when the schedule was first seen
    has_run: bool = False  # the last run was for this time
    is_too_late: bool = False  # it is too long ago to be caught up
    skipped_count: int = 0  # earlier scheduled times without a run

    @property
    def slot(self) -> int:
        """Return the slot of its run."""
        return run_slot(self.at)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why an app's steps cannot be executed now; `count`: how often it was blocked (`admission/port_conflicts.py`)."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerApps:
    """What is known of apps that the commit may not declare, although they run."""

    # apps that left Git, in their last form; and apps on hosts that do not answer, in their last stable form
    apps: Mapping[AppKey, App] = field(default_factory=dict)
    foreign_apps: frozenset[AppKey] = frozenset()  # apps that run, and were never deployed from here
    # for apps that left Git: what their last commit declared
    prunes: Mapping[AppKey, Prune] = field(default_factory=dict)
    prune_default: Prune = Prune.AUTO  # for apps that never declared it

    def prune_of(self, app: AppKey) -> Prune:
        """Return the prune policy for an app that left Git."""
        return self.prunes.get(app, self.prune_default)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredInputs:
    """What the commit declares, and what earlier commits declared."""

    commit: str
    hosts: tuple[Host, ...]
    fleet: Fleet = field(default_factory=Fleet)
    # the head's apps, even if their release is not the target
    heads: Mapping[AppKey, App] = field(default_factory=dict)
    # invalid apps, each with the reason
    invalid_apps: Mapping[AppKey, str] = field(default_factory=dict)
    # apps that .gitops-ignore excludes, each with the position of the rule
    left_out: Mapping[AppKey, str] = field(default_factory=dict)
    invalid_paths: tuple[str, ...] = ()  # files that do not even reveal their app's name
    former: FormerApps = field(default_factory=FormerApps)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInputs:
    """What the hosts reported, now or when they answered last."""

    hosts: Mapping[str, Observation]  # by name; every host of the commit has one
    files: Mapping[tuple[str, FilesQuery], HostFiles] = field(default_factory=dict)  # by host and bind
    last_placements: Mapping[str, tuple[Placed, ...]] = field(default_factory=dict)  # absent: never observed
    # when each host answered last; absent: never
    last_answers: Mapping[str, datetime] = field(default_factory=dict)
    # hosts that left Git and were let go: nothing waits for them any more
    released_hosts: frozenset[str] = frozenset()

    @property
    def answered(self) -> tuple[ObservedHost, ...]:
        """Return the hosts that answered."""
        return tuple(host for host in self.hosts.values() if isinstance(host, ObservedHost))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecInputs:
    """What the Engines would see of each service: an app's digest and a service's name identify it."""

    by_service: Mapping[SpecKey, ContainerSpec] = field(default_factory=dict)
    # Why an Engine of an API version cannot run a service; absent: it can run it.
    refusals: Mapping[tuple[SpecKey, str], str] = field(default_factory=dict)
    salt: str = ""
    # The services from which containers with an outdated spec were created; unreadable ones are missing.
    declared_services: Mapping[FormerKey, DeclaredService] = field(default_factory=dict)

    def of(self, app: App, service: str) -> ContainerSpec:
        """Return what the Engine would see of a service."""
        return self.by_service[(app.key, app.digest, service)]

    def refusal(self, app: App, service: str, api_version: str) -> str:
        """Return why an Engine of that API version cannot run a service; "" if it can."""
        return self.refusals.get(((app.key, app.digest, service), api_version), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInputs:
    """Which release each app should run, and what is known of its releases."""

    targets: tuple[TargetRelease, ...] = ()
    # the release that runs, if it is not the head's
    running: Mapping[AppKey, TargetRelease] = field(default_factory=dict)
    never_stable: frozenset[AppKey] = frozenset()  # apps that never had a stable release
    stable_heads: frozenset[AppKey] = frozenset()  # apps whose head release has been stable
    # apps with containers that the head's release created or adopted, and that have not passed their gates yet
    ungated: frozenset[AppKey] = frozenset()
    # digests of releases that never passed their gates
    progressing: Mapping[AppKey, frozenset[str]] = field(default_factory=dict)
    # quarantined digests, each with the reason
    failed: Mapping[AppKey, Mapping[str, str]] = field(default_factory=dict)
    # as `failed`, with failed first releases that keep running
    failed_or_running: Mapping[AppKey, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Renames and obstacles: what planning finds of the other inputs before it plans the steps."""

    # apps that would start without their data, each with the reason
    data_holds: Mapping[AppKey, str] = field(default_factory=dict)
    # by app that left Git: the app that it is now
    successors: Mapping[AppKey, AppKey] = field(default_factory=dict)
    # By app and new service: the slots that it likely had under another name, or whose volume it mounts.
    former_slots: Mapping[ServiceKey, tuple[RemovedSlot, ...]] = field(default_factory=dict)
    # services that left an app that stays in Git, and are not removed: each with the reason
    retained_services: Mapping[ServiceKey, str] = field(default_factory=dict)
    # apps that left Git, and are removed only by name: each with the reason
    retained_apps: Mapping[AppKey, str] = field(default_factory=dict)
    blocked: Mapping[AppKey, Blocked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorInputs:
    """What people decided beside the declarations: by commands, trailers and settings."""

    # set by a command; holds in Git are in the app
    holds: Mapping[AppKey, Hold] = field(default_factory=dict)
    accepted: bool = False  # an operator accepted this commit
    allowed_prunes: frozenset[str] = frozenset()  # from `Allow-Prune:` trailers: "shop/api" or "api"
    containers_kept: int = 0  # how many former generations of a slot are retained for a rollback


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryInputs:
    """What earlier attempts and runs left behind."""

    backoffs: Mapping[AppKey, Hold] = field(default_factory=dict)  # after trouble that the app did not cause
    # by host and container id: previous containers that could not be started again
    start_backoffs: Mapping[tuple[str, str], Hold] = field(default_factory=dict)
    troubles: Mapping[AppKey, Trouble] = field(default_factory=dict)  # of the last attempts, by any process
    heals: Mapping[HealedField, HealRecord] = field(default_factory=dict)  # recent heals
    # (host, name) of containers whose post_start hook this process has run
    post_start_done: frozenset[tuple[str, str]] = frozenset()
    due: Mapping[tuple[AppKey, str], Due] = field(default_factory=dict)  # by app and scheduled service


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The inputs at one moment. A function takes the part that it reads; the whole, only if it reads several."""

    now: datetime
    desired: DesiredInputs
    observed: ObservedInputs
    specs: SpecInputs = field(default_factory=SpecInputs)
    releases: ReleaseInputs = field(default_factory=ReleaseInputs)
    findings: Findings = field(default_factory=Findings)
    operator: OperatorInputs = field(default_factory=OperatorInputs)
    memory: MemoryInputs = field(default_factory=MemoryInputs)
