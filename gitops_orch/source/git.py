"""Runs the git program, always in its own process group, with a deadline, limited output and no prompts."""

import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError, SourceUnavailable

STDOUT_BYTES_MAX = 256 * 1024 * 1024
STDERR_BYTES_MAX = 64 * 1024
TERM_GRACE_S = 2.0
_CHUNK_BYTES = 1 << 16
# They name the certificates of a company's own authority.
_KEPT_VARIABLES = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitResult:
    """The result of a git command."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def ok(self) -> bool:
        """Return whether the command succeeded."""
        return self.code == 0

    @property
    def text(self) -> str:
        """Return the output without the last line break."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


class Git:
    """Runs git in one repository; SourceUnavailable if a command has not ended within `deadline_s`."""

    def __init__(
        self, git_dir: Path, environment: Mapping[str, str], *, deadline_s: float, clock: Clock
    ) -> None:
        self.git_dir = git_dir
        self._environment = dict(environment)
        self._deadline_s = deadline_s
        self._clock = clock

    def run(
        self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None, lock_fd: int = -1
    ) -> GitResult:
        """Run a command to its end; the process inherits `lock_fd`, so that it holds the lock while it runs."""
        deadline_at = self._clock.monotonic_s() + self._deadline_s
        with tempfile.TemporaryFile() as feed:
            feed.write(stdin)
            feed.seek(0)
            process = self._spawn(arguments, feed, extra or {}, lock_fd)
        try:
            stdout, stderr = self._collect(process, deadline_at, arguments[0])
            code = self._end(process, deadline_at, arguments[0])
        except BaseException:
            kill_group(process)
            raise
        finally:
            _close_pipes(process)
        return GitResult(code=code, stdout=stdout, stderr=stderr.decode("utf-8", "replace"))

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command that communicates over pipes; end it with `kill_group`."""
        return self._spawn(arguments, subprocess.PIPE, {}, -1)

    def _spawn(
        self, arguments: tuple[str, ...], stdin: Any, extra: Mapping[str, str], lock_fd: int
    ) -> "subprocess.Popen[bytes]":
        try:
            from git import Git as GitPython  # this import searches for the git program
            from git.exc import GitCommandNotFound
        except ImportError as error:
            raise SourceError("the git program is not installed", hint="install git 2.31 or newer") from error
        variables = {**self._environment, **extra}
        command = [*_without_inherited(variables), "git", f"--git-dir={self.git_dir}", *arguments]
        try:
            started = GitPython(str(self.git_dir.parent)).execute(
                command,
                as_process=True,
                istream=stdin,
                env=variables,
                start_new_session=True,  # a separate group that can be killed, without a terminal for prompts
                pass_fds=(lock_fd,) if lock_fd >= 0 else (),
            )
        except (GitCommandNotFound, OSError) as error:
            raise SourceError(
                f"git could not be started: {error}", hint="check that git is on PATH"
            ) from error
        process: subprocess.Popen[bytes] = started.proc  # type: ignore[assignment]
        started.proc = None  # its finaliser would end the process
        return process

    def _collect(
        self, process: "subprocess.Popen[bytes]", deadline_at: float, verb: str
    ) -> tuple[bytes, bytes]:
        stdout, stderr = bytearray(), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(_fd(process.stdout), selectors.EVENT_READ, stdout)
            selector.register(_fd(process.stderr), selectors.EVENT_READ, stderr)
            while selector.get_map():
                left_s = deadline_at - self._clock.monotonic_s()
                if left_s <= 0:
                    raise self._too_late(verb)
                _read_ready(selector, left_s)
                _check_size(stdout, verb)
                del stderr[:-STDERR_BYTES_MAX]
        return bytes(stdout), bytes(stderr)

    def _end(self, process: "subprocess.Popen[bytes]", deadline_at: float, verb: str) -> int:
        try:
            return process.wait(timeout=max(0.0, deadline_at - self._clock.monotonic_s()))
        except subprocess.TimeoutExpired as error:
            raise self._too_late(verb) from error

    def _too_late(self, verb: str) -> SourceUnavailable:
        return SourceUnavailable(
            f"git {verb} was stopped after {self._deadline_s:g} s without an end",
            hint="the server may hang or be too slow; the next poll tries again",
        )


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its children: first SIGTERM, so that it removes its temporary files, then SIGKILL."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            _signal_group(process.pid, sent)
            try:
                process.wait(timeout=TERM_GRACE_S)
            except subprocess.TimeoutExpired:
                continue
        _signal_group(process.pid, signal.SIGKILL)  # children that outlived their parent
        return


def _read_ready(selector: selectors.BaseSelector, left_s: float) -> None:
    for key, _ in selector.select(left_s):
        chunk = os.read(key.fd, _CHUNK_BYTES)
        if not chunk:
            selector.unregister(key.fd)
        key.data.extend(chunk)


def _check_size(stdout: bytearray, verb: str) -> None:
    if len(stdout) > STDOUT_BYTES_MAX:
        raise SourceError(
            f"git {verb} printed more than {STDOUT_BYTES_MAX} bytes",
            hint="the managed path has too many files; set repository.path to a smaller one",
        )


def _signal_group(group: int, sent: signal.Signals) -> None:
    try:
        os.killpg(group, sent)
    except (ProcessLookupError, PermissionError):  # PermissionError: only zombies are left in the group
        return


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _fd(pipe: Any) -> int:
    return int(pipe.fileno())


def _without_inherited(variables: Mapping[str, str]) -> list[str]:
    # A process started by another repository's hook inherits that repository's GIT_DIR and index.
    inherited = {name for name in os.environ if name.startswith("GIT_") or name == "SSH_ASKPASS"}
    unset = sorted(inherited - set(variables) - set(_KEPT_VARIABLES))
    return ["env", *(word for name in unset for word in ("-u", name))] if unset else []
