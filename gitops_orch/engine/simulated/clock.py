"""Virtual time: sleeping costs nothing, and a run with the same seed reads the same times."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """A `clock.Clock` that only moves when somebody sleeps, or when a test moves it."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._skew_s = 0.0

    def now(self) -> datetime:
        """Return the virtual time, aware, in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s + self._skew_s)

    def monotonic_s(self) -> float:
        """Return the seconds slept since the clock was made; a skew does not show here."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Let that much virtual time pass at once."""
        self._elapsed_s += max(0.0, seconds)

    def skew(self, seconds: float) -> None:
        """Make the wall clock jump, forward or back, as NTP and administrators do."""
        self._skew_s += seconds
