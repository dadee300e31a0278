"""What a reconcile found and did: the values that the command line, the metrics and history show."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import InvalidFile
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.problem import Problem


class Sync(Enum):
    """How the observed state compares to the desired state."""

    IN_SYNC = "in-sync"
    OUT_OF_SYNC = "out-of-sync"
    UNKNOWN = "unknown"
    HELD = "held"


class AppHealth(Enum):
    """The health of an app: that of its least healthy service."""

    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    DEGRADED = "degraded"
    MISSING = "missing"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class AppReleaseState(Enum):
    """The state of an app's release."""

    STABLE = "stable"
    PROGRESSING = "progressing"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service of an app: how many containers it should have, and how many of them run and are healthy."""

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
    commit: str  # of the release that runs; "" where it is unknown
    release: str  # digest of the release that runs; "" where it is unknown
    release_state: AppReleaseState
    hosts: tuple[str, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    reason: str = ""  # why it is not in sync or not healthy
    foreign: bool = False  # It was never in this repository: gitops-orch does not evaluate its state.


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """A host's row in `status`."""

    name: str
    state: str  # active | pause | drain | unknown
    observed_at: datetime | None  # time of the last answer; None: never
    engine_version: str = ""
    reason: str = ""


class Outcome(Enum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # an action that it depends on failed


class FailureKind(Enum):
    """The reason why an action failed, and whether it is the release's fault."""

    GATE = "gate"  # the new container failed its health gate: the release is bad
    TOLERATED = "tolerated"  # it failed its gate, and update_config tolerates that: the rollout continues
    OUTSIDE = "outside"  # the container was removed or stopped from outside while its gate was polled
    TRANSIENT = "transient"  # the registry or the host did not answer: tried again, never the release's fault
    OTHER = "other"  # an Engine refused the request


class SkipReason(Enum):
    """Why an action did not begin, except where an action before it failed; the value is shown to users."""

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
    failure: FailureKind | None = None  # set if the outcome is FAILED
    # Set if the outcome is SKIPPED; None where an action before it failed
    skip_reason: SkipReason | None = None
    note: str = ""  # the error of a step that may fail
    ended_at: datetime | None = None  # by the controller's clock; None where it is unknown
    log: str = ""  # of a failed gate: the last output of the container, legible and without secrets

    @property
    def gate_failed(self) -> bool:
        """Return whether a new container failed its health gate, within its budget or beyond it."""
        return self.failure in {FailureKind.GATE, FailureKind.TOLERATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that one pass knows, without a change: what `plan`, `status` and `diff` show."""

    commit: str
    fetched_at: datetime | None  # None: the remote has never answered
    plan: Plan
    apps: tuple[AppStatus, ...]
    hosts: tuple[HostStatus, ...]
    problems: tuple[Problem, ...] = ()
    # Why the source could not report its head; the status then shows the last good commit.
    error: str = ""
    invalid_files: tuple[InvalidFile, ...] = ()  # their apps cannot be read
    notes: tuple[str, ...] = ()  # changes in Git that change no container, one sentence for each app
    withheld: tuple[Action, ...] = ()  # of held apps: the actions that would be executed; set only on request
    observe_ms: int = 0
    plan_ms: int = 0
    # When a scheduled run is due, or reaches its deadline; None: nothing is scheduled.
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertReport:
    """What a run did in Git about a failed release; `commit` is the pushed revert, "" where there is none."""

    app: AppKey
    commit: str
    pushed: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One reconcile from start to end."""

    id: str
    trigger: str
    started_at: datetime
    duration_ms: int
    final_status: Status  # after the last action
    first_plan: Plan  # the plan that this run began with
    results: tuple[ActionResult, ...] = field(default=())
    reverts: tuple[RevertReport, ...] = ()
    status: str = "in-sync"  # in-sync | progressing | error | unknown | rolled-back | failed
    exit_code: int = 0
    # Why the run is not in sync; at least one reason where `exit_code` is not 0
    reasons: tuple[str, ...] = ()
