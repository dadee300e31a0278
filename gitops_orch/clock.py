"""Defines `Clock`: all code with side effects takes the time from a clock argument, so a simulation can replace it."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Returns the time and waits."""

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
        """Wait for that long; nothing ends the wait early."""
        threading.Event().wait(max(0.0, seconds))
