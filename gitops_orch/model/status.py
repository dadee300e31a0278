"""What a reconcile found and did: the values that the command line, the metrics and history show."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import InvalidFile
from gitops_orch.model.plan import Action, Plan
from gitops_orch.model.problem import Problem


class Sync(Enum):
    """How what runs stands to what Git wants."""

    IN_SYNC = "in-sync"
    OUT_OF_SYNC = "out-of-sync"
    UNKNOWN = "unknown"
    HELD = "held"


class AppHealth(Enum):
    """How an app does, worst service first."""

    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    DEGRADED = "degraded"
    MISSING = "missing"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class AppReleaseState(Enum):
    """Where an app's release stands."""

    STABLE = "stable"
    PROGRESSING = "progressing"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service of an app: how many containers it should have, and how many of them do well."""

    name: str
    desired_count: int
    running_count: int
    healthy_count: int
    image: str = ""
    hosts: tuple[str, ...] = ()
    failed_run: str = ""  # why the last scheduled run failed; "" where it did not


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """An app's row in `status`."""

    key: AppKey
    sync: Sync
    health: AppHealth
    fresh: bool
    commit: str  # of the release that runs; "" where none is known
    release: str  # digest of the release that runs; "" where none is known
    release_state: AppReleaseState
    hosts: tuple[str, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    reason: str = ""  # why it is not in sync or not healthy
    foreign: bool = False  # was never in this repository: its state is not ours to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """A host's row in `status`."""

    name: str
    state: str  # active | pause | drain | unknown
    observed_at: datetime | None  # when it answered last; None: never
    engine_version: str = ""
    reason: str = ""


class Outcome(Enum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # something that it stands on failed


class FailureKind(Enum):
    """Whose fault it is that an action failed."""

    GATE = "gate"  # the new container failed its health gate: the release is bad
    TOLERATED = "tolerated"  # it failed its gate, and update_config allows for that: the rollout continues
    OUTSIDE = "outside"  # the container was removed or stopped from outside while its gate was polled
    TRANSIENT = "transient"  # the registry or the host did not answer: tried again, never a bad release
    OTHER = "other"  # an Engine refused the request


class SkipReason(Enum):
    """Why an action was not begun, where no failed action before it is the reason; the value is shown to users."""

    RUN_STOPPED = "the run was stopped"
    REPLANNED = "its app is planned again"  # in the same run
    RELEASE_FAILED = "its release has failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """An action of the plan, and how it ended."""

    action: Action
    outcome: Outcome
    duration_ms: int
    error: str = ""
    failure: FailureKind | None = None  # of one that FAILED
    skip_reason: SkipReason | None = None  # of one that was SKIPPED; None where an action before it failed
    note: str = ""  # what went wrong in a step that may
    ended_at: datetime | None = None  # by the controller's clock; None where it is not known
    log: str = ""  # of a failed gate: what the container printed last, legible and without secrets

    @property
    def gate_failed(self) -> bool:
        """Tell whether a new container failed its health gate, within its budget or beyond it."""
        return self.failure in {FailureKind.GATE, FailureKind.TOLERATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A look at everything, without a change: what `plan`, `status` and `diff` show."""

    commit: str
    fetched_at: datetime | None  # None: the remote has never answered
    plan: Plan
    apps: tuple[AppStatus, ...]
    hosts: tuple[HostStatus, ...]
    problems: tuple[Problem, ...] = ()
    error: str = (
        ""  # why the source could not give its head; what is shown then stands on the last good commit
    )
    invalid_files: tuple[InvalidFile, ...] = ()  # whose app cannot be read
    notes: tuple[str, ...] = ()  # what changed in Git and changes no container, a sentence for each app
    withheld: tuple[Action, ...] = ()  # of held apps: what would be done; only where it was asked for
    observe_ms: int = 0
    plan_ms: int = 0
    wake_at: datetime | None = (
        None  # when a scheduled run is due, or has run for too long; None: nothing is scheduled
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertReport:
    """What a run did in Git about a release that had failed; `commit` is the pushed revert, "" where none was."""

    app: AppKey
    commit: str
    pushed: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One reconcile from beginning to end."""

    id: str
    trigger: str
    started_at: datetime
    duration_ms: int
    final_status: Status  # as it was after the last action
    first_plan: Plan  # the plan that this run began with
    results: tuple[ActionResult, ...] = field(default=())
    reverts: tuple[RevertReport, ...] = ()
    status: str = "in-sync"  # in-sync | progressing | error | unknown | rolled-back | failed
    exit_code: int = 0
    reasons: tuple[str, ...] = ()  # why it did not end in sync; at least one where `exit_code` is not 0
