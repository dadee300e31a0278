"""One action of a plan, and readers of its payload."""

from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.job import Hook
from gitops_orch.model.plan.kinds import Create, Exec, Kind, Payload, RunJob, WaitHealthy
from gitops_orch.model.plan.values import ContainerIntent, Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs; values are readable text with secrets redacted. None means absent."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBudget:
    """How many containers of a service may fail their gates before its release fails."""

    service: str  # namespace/app/service: all actions of the service share the budget
    failures_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step on one host; it begins when every action of `after` is done and every action of `follows` has ended.

    An action of `follows` may have failed, within its budget: a rollout continues past a container that may fail.

    `payload` decides what is done, and with which values. `target` is the object on the Engine: a container's id, or a
    name that an earlier step creates. `name` is the readable name of the object.
    """

    id: str
    payload: Payload
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
    optional: bool = False  # its failure is noted and blocks no other action

    @property
    def kind(self) -> Kind:
        """Return the kind, which the payload decides."""
        return self.payload.kind


def intent_of(action: Action) -> ContainerIntent | None:
    """Return the container that an action creates; None if it creates none."""
    return action.payload.container if isinstance(action.payload, Create) else None


def gate_to_pass(action: Action) -> Gate | None:
    """Return the gate that decides an action, or that limits its command; None if it has none."""
    return action.payload.gate if isinstance(action.payload, WaitHealthy | Exec | RunJob) else None


def hook_of(action: Action) -> Hook | None:
    """Return the hook whose command an action runs; None if it runs none."""
    return action.payload.hook if isinstance(action.payload, Exec | RunJob) else None
