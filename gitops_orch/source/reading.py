"""Reads a tree's files, several with one request to git, because they are read in about the order of the listing.

A request to git costs a switch of processes: ten times as much as the answer. So a read also requests the files that
follow: more of them while they are used, fewer when they are not.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

from gitops_orch.errors import SourceError
from gitops_orch.model.tree import TreeFile
from gitops_orch.source.failure import printable

AHEAD_MAX = 64
AHEAD_FILE_BYTES_MAX = 65_536


class TreeReader:
    """Returns the content of a tree's files by path. Safe to use from several threads."""

    def __init__(
        self, files: Mapping[str, TreeFile], read_blobs: Callable[[Sequence[str]], list[bytes]], where: str
    ) -> None:
        self._files = files
        self._read_blobs = read_blobs
        self._where = where
        self._paths = tuple(files)
        self._positions = {path: position for position, path in enumerate(self._paths)}
        self._lock = threading.Lock()
        self._ahead: dict[str, bytes] = {}
        self._asked_count = 0

    def read(self, path: str) -> bytes:
        """Return a file's content; SourceError if it does not exist or the mirror cannot read it."""
        with self._lock:
            if path not in self._positions:
                raise SourceError(f"{self._where} has no file {printable(path)} below the managed path")
            if path not in self._ahead:
                self._ask(path)
            return self._ahead.pop(path)

    def _ask(self, path: str) -> None:
        wanted = [path, *self._following(self._positions[path] + 1, self._next_count() - 1)]
        try:
            contents = self._read_blobs([self._files[name].blob for name in wanted])
        except SourceError:
            if len(wanted) == 1:
                raise
            wanted = [path]  # a damaged file must not prevent reading the files before it
            contents = self._read_blobs([self._files[path].blob])
        self._ahead = dict(zip(wanted, contents, strict=True))
        self._asked_count = len(wanted)

    def _next_count(self) -> int:
        used = self._asked_count - len(self._ahead)
        if used * 2 >= self._asked_count:
            return min(max(1, self._asked_count * 2), AHEAD_MAX)
        return max(1, self._asked_count // 2)

    def _following(self, position: int, count: int) -> list[str]:
        ahead = self._paths[position : position + count]
        return [name for name in ahead if self._files[name].size_bytes <= AHEAD_FILE_BYTES_MAX]
