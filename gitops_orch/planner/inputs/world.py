"""Everything that a plan is computed from, as values: the planner asks nobody else."""

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
from gitops_orch.model.observed import Observation, Placed
from gitops_orch.model.trouble import Trouble
from gitops_orch.planner.inputs.former_slots import RemovedSlot, ServiceKey


class Role(Enum):
    """Why an app is asked to run this release."""

    HEAD = "head"  # what Git says now
    PINNED = "pinned"  # what an operator said
    ROLLBACK = "fallback"  # the last stable one, while head's is quarantined
    WAITING = "waiting"  # the one that runs, while an app that it depends on is not ready for head's
    BLOCKED = "stuck"  # head's is quarantined and there is nothing to go back to, or the app says not to


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePin:
    """The bytes that a service ran in a release, for going back to them after its tag has moved."""

    id: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TagState:
    """What a service's tag names in its registry."""

    digest: str  # sha256:...
    failed: str = ""  # why containers of these bytes are not wanted; "" where they are


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRelease:
    """An app, the release that it should run, and why that one.  `app` is head's where the role is STUCK."""

    app: App
    commit: str
    role: Role = Role.HEAD
    reason: str = ""
    images: Mapping[str, ImagePin] = field(default_factory=dict)  # by service; of head where its tag failed
    tags: Mapping[str, TagState] = field(default_factory=dict)  # by service; of those whose tags are checked
    reverted: str = (
        ""  # digest of the failed release that was reverted in Git to this one, which head asks for
    )
    stays_running: bool = (
        False  # it failed, and nothing stable is there to go back to (see planner/fallback/first_release.py)
    )
    is_partial: bool = False  # of what runs: a rollout broke off, and no release has all containers


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What the Engine would see of a service: its hash, and the declared fields that can change behind our back.

    A limit of 0 and a `None` mean not declared.  They come from the same payload that creates the container.
    """

    hash: str
    version: str = ""  # of the function that made it; "" where only one is known
    older: Mapping[str, str] = field(default_factory=dict)  # by version: what former functions say
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
    """A service, and the app around it, as one commit had it."""

    app: App
    service: Service


FormerKey: TypeAlias = tuple[AppKey, str, str]  # app, service, spec hash of its containers


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The last scheduled time of a service up to now."""

    at: datetime
    shown: str  # as the schedule's time zone shows it
    is_wanted: bool  # it is later than the last run, and than when the schedule was first seen
    has_run: bool = False  # that is the time of the last run
    is_too_late: bool = False  # it was missed by too much to be made up for
    skipped_count: int = 0  # earlier times that were missed

    @property
    def slot(self) -> int:
        """Return the slot of its run."""
        return run_slot(self.at)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why an app's steps cannot be carried out now; `count` says how much was tried (see `admission/port_conflicts.py`)."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One moment: what Git wants, what was observed, and what is remembered."""

    commit: str
    now: datetime
    hosts: tuple[Host, ...]
    observed: Mapping[str, Observation]  # by host name; every host of `hosts` has one
    targets: tuple[TargetRelease, ...] = ()
    heads: Mapping[AppKey, App] = field(
        default_factory=dict
    )  # what Git says now, also where that is not chosen
    specs: Mapping[tuple[AppKey, str, str], ContainerSpec] = field(
        default_factory=dict
    )  # (app, its digest, service)
    # Why an Engine of an API version cannot run a service; those that can are not in it.
    refusals: Mapping[tuple[tuple[AppKey, str, str], str], str] = field(default_factory=dict)
    salt: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    invalid_apps: Mapping[AppKey, str] = field(
        default_factory=dict
    )  # apps that could not be read, each with why
    left_out: Mapping[AppKey, str] = field(default_factory=dict)  # by .gitops-ignore, each with its place
    invalid_paths: tuple[str, ...] = ()  # files so broken that their app's name is not known
    foreign_apps: frozenset[AppKey] = frozenset()  # that run, and were never deployed from here
    never_stable: frozenset[AppKey] = frozenset()  # apps of which no release was ever stable
    data_holds: Mapping[AppKey, str] = field(
        default_factory=dict
    )  # would start without their data: each with why
    successors: Mapping[AppKey, AppKey] = field(default_factory=dict)  # by app that left Git, what it is now
    # By app and new service: the slots that it likely had under another name, or whose volume it mounts.
    former_slots: Mapping[ServiceKey, tuple[RemovedSlot, ...]] = field(default_factory=dict)
    retained_services: Mapping[ServiceKey, str] = field(
        default_factory=dict
    )  # left an app that stays in Git, and are not removed: each with why
    retained_apps: Mapping[AppKey, str] = field(
        default_factory=dict
    )  # left Git, removed only by name: each with why
    holds: Mapping[AppKey, Hold] = field(default_factory=dict)  # by command; those in Git are in the app
    backoffs: Mapping[AppKey, Hold] = field(default_factory=dict)  # after trouble that was not the app's own
    start_backoffs: Mapping[tuple[str, str], Hold] = field(
        default_factory=dict
    )  # by host and id: what served before and could not be started again
    blocked: Mapping[AppKey, Blocked] = field(default_factory=dict)  # found out while planning
    running: Mapping[AppKey, TargetRelease] = field(
        default_factory=dict
    )  # what runs, where that is not head's
    troubles: Mapping[AppKey, Trouble] = field(default_factory=dict)  # of the last attempts, by any process
    last_answers: Mapping[str, datetime] = field(
        default_factory=dict
    )  # when a host answered last; absent: never
    heals: Mapping[HealedField, HealRecord] = field(default_factory=dict)  # what was put right not long ago
    ungated: frozenset[AppKey] = (
        frozenset()
    )  # what head's release has, or took over, has not passed its gate yet
    post_start_done: frozenset[tuple[str, str]] = (
        frozenset()
    )  # (host, name) whose post_start was run in this process
    progressing: Mapping[AppKey, frozenset[str]] = field(
        default_factory=dict
    )  # digests of releases never proved
    stable_heads: frozenset[AppKey] = frozenset()  # head's release has been stable
    containers_kept: int = 0  # former generations of a slot that are kept for going back to
    due: Mapping[tuple[AppKey, str], Due] = field(default_factory=dict)  # by app and scheduled service
    failed: Mapping[AppKey, Mapping[str, str]] = field(
        default_factory=dict
    )  # quarantined digests, each with why
    failed_or_running: Mapping[AppKey, Mapping[str, str]] = field(
        default_factory=dict
    )  # as `failed`, with first releases that failed and stay up
    last_placements: Mapping[str, tuple[Placed, ...]] = field(default_factory=dict)  # absent: never observed
    released_hosts: frozenset[str] = frozenset()  # hosts that left Git, and that nobody misses
    prune_default: Prune = Prune.AUTO  # for apps that never said
    prunes: Mapping[AppKey, Prune] = field(
        default_factory=dict
    )  # of apps that left Git: what their last commit said
    former: Mapping[AppKey, App] = field(
        default_factory=dict
    )  # apps that left Git, as they were last; and apps on hosts that do not answer, as they were last stable
    # What containers were made from that differ from what is wanted now; those that cannot be read are not in it.
    declared_services: Mapping[FormerKey, DeclaredService] = field(default_factory=dict)
    allowed_prunes: frozenset[str] = frozenset()  # from `Allow-Prune:` trailers: "shop/api" or "api"
    host_files: Mapping[tuple[str, FilesQuery], HostFiles] = field(default_factory=dict)  # by host and bind
    accepted: bool = False  # an operator let this commit through

    def prune_of(self, app: AppKey) -> Prune:
        """Return what is done about an app that left Git."""
        return self.prunes.get(app, self.prune_default)

    def spec(self, app: App, service: str) -> ContainerSpec:
        """Return what the Engine would see of a service."""
        return self.specs[(app.key, app.digest, service)]

    def refusal(self, app: App, service: str, api_version: str) -> str:
        """Return why an Engine of that API version cannot run a service; "" where it can."""
        return self.refusals.get(((app.key, app.digest, service), api_version), "")
