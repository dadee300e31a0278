"""How a caller follows a run, and ends it early."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gitops_orch.model.plan.action import Action
from gitops_orch.model.status import ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """An event of a run: `kind` is fetched, planned, started, finished, waiting or reverting."""

    kind: str
    message: str = ""
    action: Action | None = None
    result: ActionResult | None = None
    done: int = 0
    total: int = 0


class Progress(Protocol):
    """Receives events as they happen, from one thread."""

    def __call__(self, event: ProgressEvent) -> None:
        """Handle an event; must not raise."""
        ...


def silent(event: ProgressEvent) -> None:
    """Ignore an event."""


def never() -> bool:
    """Return False."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """How a run reports progress, and how it is ended.

    `should_stop` ends the run as soon as all actions that run are done, except pulls. `should_yield` ends it only if it
    has nothing left but to wait for gates and pulls, because something more urgent came up. The next run continues
    both.
    """

    progress: Progress = silent
    should_stop: Callable[[], bool] = never
    should_yield: Callable[[], bool] = never
