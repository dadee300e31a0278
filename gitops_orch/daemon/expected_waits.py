"""What a run waits for, and for how long that is no stall.

A stop may take as long as its container's grace period, a command and a gate as long as their deadlines, a pull half an
hour.  Nothing is reported meanwhile.  Each of these calls ends by its own deadline, so a run that waits for them lives; one
that waits for longer has a thread that hangs.
"""

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.run_control import ProgressEvent
from gitops_orch.engine.settings import PULL_DEADLINE_S
from gitops_orch.model.plan import Action, Kind


class Underway:
    """Follows the steps of one run; may be asked by any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._allowed_s: dict[str, float] = {}  # by the id of a step that has begun and not ended
        self._heard_s = clock.monotonic_s()

    def note(self, event: ProgressEvent) -> None:
        """Take notice of a step that begins or has ended."""
        self._heard_s = self._clock.monotonic_s()
        if event.action is not None and event.kind == "started":
            self._allowed_s[event.action.id] = allowed_s(event.action)
        elif event.action is not None and event.kind == "finished":
            self._allowed_s.pop(event.action.id, None)

    def is_in_time(self) -> bool:
        """Tell whether something is under way that may take as long as nothing has been heard of now."""
        allowed = max(tuple(self._allowed_s.values()), default=0.0)
        return self._clock.monotonic_s() - self._heard_s < allowed


def allowed_s(action: Action) -> float:
    """Return how many seconds a step may take in silence, by its own deadline; 0 where that is an ordinary call."""
    if action.kind is Kind.PULL:
        return PULL_DEADLINE_S
    if action.kind in {Kind.STOP, Kind.RESTART}:
        return action.grace_s
    return 0.0 if action.gate is None else action.gate.deadline_s + action.gate.monitor_s
