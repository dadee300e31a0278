"""Implements the lease: only one process at a time may act on a state directory; its end releases the lease."""

import contextlib
import fcntl
import os
from pathlib import Path

from gitops_orch.clock import Clock
from gitops_orch.errors import HistoryError, LeaseHeld
from gitops_orch.private_files import make_private_directory, owner_hint

FILE_NAME = "lease"
TRIES_MAX = 5
TRY_AGAIN_S = 0.02


class Lease:
    """A lock on a file that contains the holder's process id; the kernel releases it when the process ends."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = state_dir / FILE_NAME
        self._fd = -1

    def acquire(self) -> None:
        """Acquire the lease, or keep it if it is held; LeaseHeld names the other process that has it."""
        if self._fd >= 0:
            return
        fd = self._open()
        if not self._lock_patiently(fd):
            holder = _read_pid(fd)
            os.close(fd)
            raise LeaseHeld(
                f"another controller works on {self._file.parent}"
                + (f": process {holder}" if holder else ""),
                hint="stop it, or give this one another --state-dir",
            )
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Release the lease; do nothing if it is not held."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def holder(self) -> int | None:
        """Return the process id of another holder; None if the lease is free or this process has it."""
        if self._fd >= 0 or not self._file.exists():
            return None
        fd = self._open()
        try:
            return None if _try_lock(fd, shared=True) else _read_pid(fd)
        finally:
            os.close(fd)

    def _lock_patiently(self, fd: int) -> bool:
        # `holder` in another process takes a shared lock for an instant; that must not look like a second controller.
        for _ in range(TRIES_MAX):
            if _try_lock(fd):
                return True
            self._clock.sleep(TRY_AGAIN_S)
        return False

    def _open(self) -> int:
        try:
            make_private_directory(self._file.parent)
            return os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HistoryError(
                f"the lease {self._file} cannot be opened: {error.strerror}",
                hint=owner_hint(self._file.parent),
            ) from error


def _try_lock(fd: int, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(fd: int) -> int:
    content = os.pread(fd, 32, 0).strip()
    return int(content) if content.isdigit() else 0  # 0: another process is just acquiring it
