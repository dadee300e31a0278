"""What tests of the command line are made of: a repository that can be pushed to, files for it, and an answer."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = """apiVersion: gitops-orch/v1
kind: Host
metadata: {name: edge-1}
spec: {url: "sim://edge-1"}
"""
APP = """services:
  api:
    image: shop/api:1
    environment: {COLOUR: %s}
    deploy: {update_config: {monitor: 1ms}}
"""


def app(colour: str = "blue") -> str:
    """Return a Compose file with one service."""
    return APP % colour


@dataclass
class Answer:
    """What one command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Repository:
    """A repository with a work tree, that can be pushed to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "receive.denyCurrentBranch", "updateInstead")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        command = ["git", "-C", str(self.path), *who, *arguments]
        environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.path.parent)}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout.strip()

    def commit(self, message: str = "a change", **files: str | None) -> str:
        """Write files (`web__compose` is web/compose.yaml; None removes), commit them, return the commit."""
        for name, text in files.items():
            path = self.path / f"{name.replace('__', '/')}.yaml"
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def read(self, path: str) -> str:
        return self.git("show", f"HEAD:{path}")
