"""Runs other programs to their end: a failure is an error with the output of the program."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

COMMAND_S_MAX = 120.0
# A poll of an Engine takes a tenth of that in processor time, which other tests need.
POLL_S = 0.05

T = TypeVar("T")


class LabError(Exception):
    """The test machine could not be brought into the state that a test needs."""


def run(*argv: str, env: Mapping[str, str] | None = None, deadline_s: float = COMMAND_S_MAX) -> str:
    """Run a program and return its output; LabError with the output if it fails."""
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=deadline_s,
    )
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with {done.returncode}: {done.stdout.strip()[-2000:]}")
    return done.stdout


def try_run(*argv: str) -> bool:
    """Run a program that may fail, and return whether it succeeded."""
    return subprocess.run(argv, capture_output=True, check=False, timeout=COMMAND_S_MAX).returncode == 0


def wait_for(what: str, ready: Callable[[], T], *, deadline_s: float = 30.0) -> T:
    """Return the result of `ready` as soon as it is true; on a timeout, LabError names the condition."""
    end = time.monotonic() + deadline_s
    while not (found := ready()):
        if time.monotonic() > end:
            raise LabError(f"waited {deadline_s:g} s for {what}")
        time.sleep(POLL_S)
    return found


def start_logged(
    argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a new session, so that Ctrl-C reaches only the tests; its output is written to a file."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
