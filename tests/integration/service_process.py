"""`gitops-orch run` as a process of its own, as systemd runs it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.console import CONSOLE, clean_environment
from integration.world import World
from lab.commands import wait_for

STOP_S_MAX = 30.0
QUIET = {  # nothing wakes the loop but what a test does
    "GITOPS_ORCH_POLL__INTERVAL": "1h",
    "GITOPS_ORCH_RESYNC__INTERVAL": "1h",
    "GITOPS_ORCH_HTTP__LISTEN": "127.0.0.1:0",
    "GITOPS_ORCH_LOG__FORMAT": "json",
    "GITOPS_ORCH_LOG__LEVEL": "debug",  # runs that found nothing new are counted, too
}


class ServiceProcess:
    """A running service, and what it has logged."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def logged(self, event: str) -> list[dict]:
        """Return all log lines of one event."""
        lines = (
            line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")
        )
        return [row for row in map(json.loads, lines) if row["event"] == event]

    def await_runs(self, count: int) -> None:
        """Wait until this many runs have ended."""
        wait_for(f"run {count} of the service", lambda: self._runs_or_ended() >= count, deadline_s=60)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S_MAX)

    def _runs_or_ended(self) -> int:
        assert self.process.poll() is None, self.log.read_text()
        return len(self.logged("run.finished"))


@contextmanager
def run_service(world: World, **settings: str) -> Iterator[ServiceProcess]:
    """Run the service on a world's repository; it is killed afterwards where a test has not stopped it."""
    log = world.directory / "service.log"
    environment = clean_environment({**QUIET, **world.settings, **settings})
    words = [word for word in world.command_line("run") if word not in {"-o", "json"}]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(CONSOLE), *words], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
        )
    try:
        yield ServiceProcess(process, log)
    finally:
        process.kill()
        process.wait()
