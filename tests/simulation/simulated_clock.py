"""Provides virtual time: a sleep takes no real time, and runs with the same seed read the same times."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """A `clock.Clock` that advances only in `sleep`, or when a test changes it."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._skew_s = 0.0

    def now(self) -> datetime:
        """Return the virtual time, aware, in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s + self._skew_s)

    def monotonic_s(self) -> float:
        """Return the seconds slept since the clock was created; a skew does not change them."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Advance the virtual time at once."""
        self._elapsed_s += max(0.0, seconds)

    def skew(self, seconds: float) -> None:
        """Let the wall clock jump forward or back, as NTP or an administrator can."""
        self._skew_s += seconds
