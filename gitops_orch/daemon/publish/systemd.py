"""Notifies systemd that the service is ready, what it does, that it is alive, and that it stops (sd_notify(3))."""

import os
import threading
from collections.abc import Callable

import sdnotify

# systemd advises at least two, so that one late notification does not kill the service.
_FEEDS_PER_INTERVAL = 3


class Systemd:
    """The service manager. Without one, all methods do nothing."""

    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()

    def ready(self) -> None:
        """Report that the service is ready."""
        self._notifier.notify("READY=1")

    def status(self, sentence: str) -> None:
        """Set the text that `systemctl status` shows."""
        self._notifier.notify(f"STATUS={sentence.splitlines()[0] if sentence else ''}")

    def stopping(self) -> None:
        """Report that the service stops."""
        self._notifier.notify("STOPPING=1")

    def feed_watchdog(self, is_alive: Callable[[], bool], stop: threading.Event) -> None:
        """Notify the watchdog, if one is configured, while the loop makes progress and until `stop` is set."""
        interval_s = watchdog_interval_s(os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID"))
        if interval_s is None:
            return
        feeder = threading.Thread(
            target=self._feed, args=(interval_s, is_alive, stop), daemon=True, name="watchdog"
        )
        feeder.start()

    def _feed(self, interval_s: float, is_alive: Callable[[], bool], stop: threading.Event) -> None:
        while not stop.wait(interval_s):
            if is_alive():
                self._notifier.notify("WATCHDOG=1")


def watchdog_interval_s(usec: str | None, pid: str | None) -> float | None:
    """Return the seconds between two notifications; None if no watchdog is configured for this process."""
    if not usec or not usec.isdigit() or int(usec) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(usec) / 1e6 / _FEEDS_PER_INTERVAL
