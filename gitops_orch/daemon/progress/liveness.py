"""Decides whether the loop makes progress.

Note [A watchdog outside]
A hung call inside the loop cannot report itself, and a timer that failed raises no error. So other threads check two
ages: the time since a run last reported progress, and the time since the last run ended. systemd's watchdog is
notified, and /healthz is green, only while both are below their limits. A run that waits for a long stop, pull or
command counts as live while that is within its deadline (expected_waits.py).
"""

from dataclasses import dataclass

QUIET_MAX_S = 300.0  # above the deadlines of git (120 s a call) and of an observation, with a margin
INTERVALS_MAX = 3  # polls in a row that may start no run, as for staleness


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Whether the loop makes progress at one moment; `reason` is empty if it does."""

    doing: str
    age_s: float
    limit_s: float
    reason: str = ""

    @property
    def alive(self) -> bool:
        """Tell whether the loop makes progress."""
        return not self.reason


def check_liveness(*, doing: str, quiet_s: float, idle_s: float, interval_s: float) -> Liveness:
    """Evaluate the loop by two ages: `quiet_s` without progress in a run, and `idle_s` since a run ended."""
    if quiet_s > QUIET_MAX_S:
        reason = f"no progress for {quiet_s:.0f} s, more than {QUIET_MAX_S:.0f} s, in: {doing}"
        return Liveness(doing=doing, age_s=quiet_s, limit_s=QUIET_MAX_S, reason=reason)
    idle_max_s = INTERVALS_MAX * interval_s + QUIET_MAX_S
    if quiet_s == 0 and idle_s > idle_max_s:
        reason = f"no run for {idle_s:.0f} s, more than {idle_max_s:.0f} s"
        return Liveness(doing=doing, age_s=idle_s, limit_s=idle_max_s, reason=reason)
    return Liveness(doing=doing, age_s=quiet_s, limit_s=QUIET_MAX_S)
