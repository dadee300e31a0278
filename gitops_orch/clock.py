"""Time as an argument: the shell asks a Clock, so that a simulation can be the clock."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never jump, for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that long."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never jump, for deadlines."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for that long, ended early by nothing."""
        threading.Event().wait(max(0.0, seconds))
