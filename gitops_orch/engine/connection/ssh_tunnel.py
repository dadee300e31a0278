"""Runs one ssh process per host, which forwards a private local socket to the remote Engine's socket."""

import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import SplitResult

REMOTE_SOCKET = "/var/run/docker.sock"
_POLL_S = 0.02
_ERROR_CHARS = 300


class SshTunnel:
    """Forwards a local socket to the Engine's socket; opened at first use, and again after ssh has ended."""

    def __init__(self, url: SplitResult, *, deadline_s: float, config: str | None) -> None:
        self._url = url
        self._config = config
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: str | None = None

    def path(self) -> str:
        """Return the local socket's path; ConnectionError if ssh does not create it in time."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._clear()
                self._open()
            return f"{self._folder}/engine.sock"

    def _open(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="gitops-orch-ssh-")
        local = Path(self._folder) / "engine.sock"
        with Path(self._folder, "stderr").open("wb") as stderr:
            # `cat` ends when we close its input, so that a killed controller leaves no ssh process behind.
            self._process = subprocess.Popen(
                self._command(local), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
            )
        ends_at = time.monotonic() + self._deadline_s
        while not local.exists():
            if self._process.poll() is not None or time.monotonic() > ends_at:
                words = self._error_text()
                self._clear()
                raise ConnectionError(f"ssh: {words or 'no tunnel in time'}")
            time.sleep(_POLL_S)

    def _command(self, local: Path) -> list[str]:
        url = self._url
        target = f"{url.username}@{url.hostname}" if url.username else str(url.hostname)
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ExitOnForwardFailure": "yes",
            "ConnectTimeout": str(max(1, int(self._deadline_s))),
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
            "ControlMaster": "no",
            "ControlPath": "none",
            "StreamLocalBindUnlink": "yes",
        }
        flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
        config = ["-F", self._config] if self._config else []
        port = ["-p", str(url.port)] if url.port else []
        remote = url.path if url.path not in {"", "/"} else REMOTE_SOCKET
        return ["ssh", "-T", *config, *flags, *port, "-L", f"{local}:{remote}", "--", target, "cat"]

    def _error_text(self) -> str:
        lines = Path(f"{self._folder}/stderr").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:_ERROR_CHARS]

    def _clear(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def close(self) -> None:
        """End the process and remove the socket."""
        with self._lock:
            self._clear()
