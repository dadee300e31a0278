"""Decides how long a run may wait without progress before it counts as stalled.

A stop may take as long as its container's grace period, a command and a gate as long as their deadlines, a pull half an
hour. No progress is reported meanwhile. Each of these calls ends by its own deadline. So a run that waits for them is
alive; a run that waits for longer has a thread that hangs.
"""

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.run_control import ProgressEvent
from gitops_orch.engine.settings import PULL_DEADLINE_S
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Exec, Pull, Restart, RunJob, Stop, WaitHealthy


class Underway:
    """Follows the steps of one run. Any thread may call it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._allowed_s: dict[str, float] = {}  # by the id of a step that was started and has not ended
        self._heard_s = clock.monotonic_s()

    def note(self, event: ProgressEvent) -> None:
        """Record a step that starts or has ended."""
        self._heard_s = self._clock.monotonic_s()
        if event.action is not None and event.kind == "started":
            self._allowed_s[event.action.id] = allowed_s(event.action)
        elif event.action is not None and event.kind == "finished":
            self._allowed_s.pop(event.action.id, None)

    def is_in_time(self) -> bool:
        """Tell whether a step runs that may take at least as long as the present time without progress."""
        allowed = max(tuple(self._allowed_s.values()), default=0.0)
        return self._clock.monotonic_s() - self._heard_s < allowed


def allowed_s(action: Action) -> float:
    """Return how many seconds a step may take without progress, by its own deadline; 0 for an ordinary call."""
    match action.payload:
        case Pull():
            return PULL_DEADLINE_S
        case Stop(grace_s=grace_s) | Restart(grace_s=grace_s):
            return grace_s
        case WaitHealthy(gate=gate) | Exec(gate=gate) | RunJob(gate=gate):
            return gate.deadline_s + gate.monitor_s
        case _:
            return 0.0
