"""Where the rivals meet: one real Engine, one repository, the same Compose file for both."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.debian import compose_oracle
from lab.flavour import system_flavour
from lab.fleet import open_lab
from lab.host import LabHost

PROJECT = "bench"
READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Arena:
    """An Engine, and a directory that is thrown away."""

    host: LabHost
    directory: Path
    compose: Path

    def write(self, services: int, *, generation: int = 1) -> Path:
        """Write the Compose file that both rivals deploy, and commit it; return its path."""
        body = {
            "name": PROJECT,
            "services": {
                f"s{number:03d}": {
                    "image": "stub:1",
                    "command": ["sleep", "1000000"],
                    "init": True,
                    "stop_grace_period": "0s",
                    "environment": {"GENERATION": str(generation)},
                    "deploy": {"update_config": {"monitor": "0s"}},
                }
                for number in range(services)
            },
        }
        work = self.directory / "work"
        path = work / "app" / "compose.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(body))
        (work / "hosts").mkdir(exist_ok=True)
        (work / "hosts" / "one.yaml").write_text(
            f"apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {{name: one}}\nspec: {{url: '{self.host.unix}'}}\n"
        )
        self._push(work)
        return path

    def _push(self, work: Path) -> None:
        if not (work / ".git").exists():
            git(self.directory, "init", "-q", "--bare", "-b", "main", "forge.git")
            git(work, "init", "-q", "-b", "main")
            git(work, "remote", "add", "origin", str(self.directory / "forge.git"))
        git(work, "add", "-A")
        git(work, "commit", "-q", "--allow-empty", "-m", "bench")
        git(work, "push", "-q", "origin", "HEAD:main")

    @property
    def url(self) -> str:
        """Return the repository's address."""
        return f"file://{self.directory / 'forge.git'}"

    def ours(self, *arguments: str) -> list[str]:
        """Return the command line of our console."""
        console = [sys.executable, "-m", "gitops_orch", *arguments, "--repo", self.url]
        return [*console, "--state-dir", str(self.directory / "state")]

    def theirs(self, path: Path, *arguments: str) -> list[str]:
        """Return the command line of Compose."""
        return [str(self.compose), "-f", str(path), *arguments]

    def call(self, command: list[str]) -> None:
        """Run a command to its end, quietly; its output is shown where it fails."""
        environment = {**os.environ, "DOCKER_HOST": self.host.unix}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def clear(self) -> None:
        """Leave the Engine and our state as if nothing had been deployed."""
        self.host.wipe()
        for name in ("state",):
            subprocess.run(["rm", "-rf", str(self.directory / name)], check=True)


def git(directory: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True)


@contextmanager
def open_arena(directory: Path) -> Iterator[Arena]:
    """Lend an arena."""
    flavour = system_flavour()
    if flavour is None:
        raise SystemExit("no Docker Engine is installed; scripts/bench installs one")
    with open_lab([flavour]) as lab:
        yield Arena(lab.host(1), directory, compose_oracle())


class Events:
    """What the Engine says of containers, with its own times, from the moment this is opened."""

    def __init__(self, host: LabHost) -> None:
        self._host = host
        self._seen: list[dict[str, Any]] = []
        self._heard = threading.Condition()

    @contextmanager
    def listening(self) -> Iterator["Events"]:
        """Collect events for the length of a block."""
        with self._host.client() as client:
            stream = client.events(decode=True, filters={"type": "container"})
            thread = threading.Thread(target=self._collect, args=(stream,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                stream.close()

    def _collect(self, stream: Any) -> None:
        for event in stream:
            with self._heard:
                self._seen.append(event)
                self._heard.notify_all()

    def times_s(self, action: str) -> list[float]:
        """Return when things happened, by the Engine's clock."""
        with self._heard:
            return [event["timeNano"] / 1e9 for event in self._seen if event["Action"] == action]

    def wait_for(self, action: str, count: int) -> float:
        """Return the time of the count-th such event, waiting for it."""
        with self._heard:
            if not self._heard.wait_for(lambda: self._count(action) >= count, READY_S):
                raise SystemExit(f"no {count} events {action} within {READY_S:g} s")
        return self.times_s(action)[count - 1]

    def _count(self, action: str) -> int:
        return sum(event["Action"] == action for event in self._seen)
