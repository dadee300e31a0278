"""How a run lets itself be watched and ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gitops_orch.model.plan import Action
from gitops_orch.model.status import ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """Something that happened on the way: `kind` is fetched, planned, started, finished, waiting or reverting."""

    kind: str
    message: str = ""
    action: Action | None = None
    result: ActionResult | None = None
    done: int = 0
    total: int = 0


class Progress(Protocol):
    """Hears of events as they happen, from one thread."""

    def __call__(self, event: ProgressEvent) -> None:
        """Take notice; must not raise."""
        ...


def silent(event: ProgressEvent) -> None:
    """Take no notice."""


def never() -> bool:
    """Say no."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """What a run tells, and what it asks.

    `should_stop` ends it as soon as what is under way is done, pulls excepted.  `should_yield` ends it only where nothing
    is left but waiting for gates and pulls: something more urgent has come up, and both are taken up again where they
    were left.
    """

    progress: Progress = silent
    should_stop: Callable[[], bool] = never
    should_yield: Callable[[], bool] = never
