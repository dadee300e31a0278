"""Reads a whole directory of a host from one answer: its files by their digests, without a request for each file."""

import hashlib
import posixpath
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from gitops_orch.engine.files.archive import file_content
from gitops_orch.model.host_files import NO_FILE

_PIECE_BYTES = 1 << 16
_END_BYTES = 2 * tarfile.BLOCKSIZE  # of zeros, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The file or directory at a path of a host; `digest` is NO_FILE if it is no file that could be ours."""

    digest: str
    uid: int = 0
    gid: int = 0
    directory: bool = False


class TooMuch(Exception):
    """A directory has more content than the limit, or more than arrives in time."""


class CutOff(Exception):
    """An archive has no end, so it does not show the whole directory.

    This happens if a file becomes shorter while the Engine reads it, as logs and databases do.
    """


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """The copies at and below a path, by relative path; "" is the path itself. Empty if the path does not exist."""

    found: Mapping[str, Copy] = field(default_factory=dict)

    def copy(self, path: str) -> Copy | None:
        """Return the copy at a path; NO_FILE if it is behind a link or a file, None if it does not exist."""
        for above in ("", *_above(path)):
            found = self.found.get(above)
            if found is None:
                return None
            if not found.directory:
                return Copy(digest=NO_FILE)
        return self.found.get(path)

    def below(self, path: str) -> frozenset[str]:
        """Return the paths below a directory that are no directories."""
        inside = (other for other, copy in self.found.items() if not copy.directory)
        return frozenset(other for other in inside if other.startswith(f"{path}/"))


def read_listing(pieces: Iterator[bytes], bytes_max: int, seconds_max: float) -> DirectoryListing:
    """Return the content of an Engine's archive of a path; TooMuch beyond a limit, CutOff if it is incomplete."""
    found: dict[str, Copy] = {}
    stream = _Stream(pieces, bytes_max, time.monotonic() + seconds_max)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|") as tar:
            for member in tar:
                path = posixpath.normpath(member.name).partition("/")[2]
                found[path] = _copy(tar, member, found)
            end = tar.offset
    except tarfile.TarError as error:
        raise CutOff(str(error)) from error
    if not stream.has_end_at(end) or "" not in found:  # an Engine's archive begins with the requested path
        raise CutOff
    return DirectoryListing(found)


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, found: Mapping[str, Copy]) -> Copy:
    if member.isdir():
        return Copy(digest=NO_FILE, uid=member.uid, gid=member.gid, directory=True)
    if member.islnk():  # a hard link to an earlier file of the archive
        return found.get(member.linkname.partition("/")[2], Copy(digest=NO_FILE))
    content = file_content(tar, member)
    if content is None:
        return Copy(digest=NO_FILE)
    digest = hashlib.sha256()
    while piece := content.read(_PIECE_BYTES):
        digest.update(piece)
    return Copy(digest=digest.hexdigest(), uid=member.uid, gid=member.gid)


def _above(path: str) -> Iterator[str]:
    """Yield the directories above a path, topmost first, without the root."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))


class _Stream:
    """The pieces of an answer, as a file that is read once from the beginning."""

    def __init__(self, pieces: Iterator[bytes], bytes_max: int, ends_at_s: float) -> None:
        self._pieces = pieces
        self._left = bytes_max
        self._ends_at_s = ends_at_s
        self._length = 0
        self._zeros = 0  # the number of zero bytes at the end of the data read so far

    def read(self, _size: int = -1) -> bytes:
        """Return the next piece, of any size; empty at the end."""
        piece = next(self._pieces, b"")
        self._left -= len(piece)
        if self._left < 0 or time.monotonic() > self._ends_at_s:
            raise TooMuch
        self._length += len(piece)
        content = piece.rstrip(b"\0")
        self._zeros = len(piece) - len(content) + (0 if content else self._zeros)
        return piece

    def has_end_at(self, offset: int) -> bool:
        """Read the rest; return whether only an archive's end mark follows `offset`, and no file of zeros."""
        while self.read():
            pass
        return _END_BYTES <= self._length - offset <= self._zeros
