"""Reads blobs through one long-running git process, because starting one for each file takes 2 ms."""

import os
import select
import subprocess
import threading
from collections.abc import Callable, Sequence

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError
from gitops_orch.source.failure import MirrorDamaged
from gitops_orch.source.git import kill_group

BLOB_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 1 << 18


class BlobReader:
    """Reads objects by id. Safe to use from several threads; the first read starts the process."""

    def __init__(
        self, start: Callable[[], "subprocess.Popen[bytes]"], *, clock: Clock, deadline_s: float
    ) -> None:
        self._start = start
        self._clock = clock
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()

    def read(self, blobs: Sequence[str]) -> list[bytes]:
        """Return the contents of blobs; their ids must fit in a pipe's buffer.

        MirrorDamaged if the mirror is damaged, SourceError if a blob is too large.
        """
        with self._lock:
            try:
                return self._exchange(blobs)
            except BaseException:
                self._end()  # the rest in the pipe would be read as the next answer
                raise

    def close(self) -> None:
        """End the process; a later read starts it again."""
        with self._lock:
            self._end()

    def _exchange(self, blobs: Sequence[str]) -> list[bytes]:
        process = self._process or self._begin()
        deadline_at = self._clock.monotonic_s() + self._deadline_s
        try:
            os.write(_fd(process.stdin), "".join(f"{blob}\n" for blob in blobs).encode())
        except OSError as error:
            raise MirrorDamaged(f"the mirror broke off before the object {blobs[0]}") from error
        return [self._answer(blob, process, deadline_at) for blob in blobs]

    def _answer(self, blob: str, process: "subprocess.Popen[bytes]", deadline_at: float) -> bytes:
        words = self._line(process, deadline_at).split()
        if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004  "<id> blob <size>"
            raise MirrorDamaged(
                f"the mirror cannot give the object {blob}",
                hint="it is rebuilt as soon as the remote answers",
            )
        size_bytes = int(words[2])
        if size_bytes > BLOB_BYTES_MAX:
            raise SourceError(
                f"the object {blob} has {size_bytes} bytes, at most {BLOB_BYTES_MAX} are read",
                hint="keep large files out of the configuration repository",
            )
        while len(self._buffer) <= size_bytes:
            self._fill(process, deadline_at)
        content = bytes(self._buffer[:size_bytes])
        del self._buffer[: size_bytes + 1]
        return content

    def _line(self, process: "subprocess.Popen[bytes]", deadline_at: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(process, deadline_at)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _fill(self, process: "subprocess.Popen[bytes]", deadline_at: float) -> None:
        fd = _fd(process.stdout)
        left_s = deadline_at - self._clock.monotonic_s()
        if left_s <= 0 or not select.select([fd], [], [], left_s)[0]:
            raise SourceError(
                f"the mirror gave nothing within {self._deadline_s:g} s",
                hint="check its disk; the next run tries again",
            )
        chunk = os.read(fd, _CHUNK_BYTES)
        if not chunk:
            raise MirrorDamaged("the mirror broke off in the middle of an object")
        self._buffer += chunk

    def _begin(self) -> "subprocess.Popen[bytes]":
        self._process = self._start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        self._buffer.clear()
        if process is not None:
            kill_group(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def _fd(pipe: object) -> int:
    fileno: Callable[[], int] = pipe.fileno  # type: ignore[attr-defined]
    return fileno()
