"""Reads and writes paths in a directory of a host, through a carrier that mounts the directory.

Note [Links]
An app can create a symbolic link anywhere in its directory, also in place of a directory that another container mounts.
An Engine that mounts a path follows the links in that path. So the writing carrier mounts the outermost directory that
the app can write in (`place_of_data`): a link below it leads into the carrier, never to another path of the host. A
link, and everything behind a link, is neither read nor written.

Note [One answer for a directory]
An Engine needs about 0.01 s for each request about a file, and more under load, so a directory is read in one answer.
The directory may also contain data of any size. An answer larger than LISTED_BYTES_MAX is cancelled. Then, and at every
later read of this directory, the files from Git are requested one by one.
"""

import math
import posixpath
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.bounded_answers import stream_pieces
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.files.archive import removal_archive
from gitops_orch.engine.files.directory_listing import Copy, CutOff, DirectoryListing, TooMuch, read_listing
from gitops_orch.errors import EngineError, NotFound
from gitops_orch.model.host_files import NO_FILE

FILE_BYTES_MAX = 64 * 1024 * 1024  # a larger file cannot be from Git
LISTED_BYTES_MAX = 16 * 1024 * 1024
READERS = 8
_HEADERS_BYTES_MAX = 1024 * 1024  # the overhead of the archive around a file
# Bits of Go's os.FileMode, by which the Engine reports a file's kind.
_DIRECTORY = 1 << 31
_KINDS = _DIRECTORY | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19


class Copies(Protocol):
    """The host's files in a bind, by name."""

    def of(self, names: Iterable[str]) -> Mapping[str, Copy]:
        """Return the copies at these names, without names that do not exist."""
        ...

    def below(self, name: str) -> frozenset[str] | None:
        """Return the names below a directory that are no directories; None if they are not known."""
        ...

    def is_directory(self, name: str) -> bool:
        """Return whether the name and everything above it are directories, and no links."""
        ...


@dataclass(slots=True)
class Known:
    """What is cached for a host, so that less is read."""

    digests: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # path -> size, time, digest
    large: set[str] = field(default_factory=set)  # directories that do not fit in one answer


@dataclass(slots=True)
class Place:
    """A directory of a host, mounted in a carrier."""

    wire: Wire
    carrier: str
    root: str
    host_root: str  # the path of `root` on the host
    known: Known
    _directories: dict[str, bool | None] = field(default_factory=dict)

    def is_directory(self, path: str) -> bool | None:
        """Return whether a path and all paths above it are directories, and no links; None if it does not exist."""
        if not path:
            return True
        if path not in self._directories:
            above = self.is_directory(posixpath.dirname(path))
            found = self.stat(path) if above else None
            there = None if found is None else bool(_mode(found) & _KINDS == _DIRECTORY)
            self._directories[path] = there if above else above
        return self._directories[path]

    def missing_directories(self, path: str) -> tuple[str, ...]:
        """Return the missing directories of a path, including itself; EngineError if one is a link or a file."""
        parts = path.split("/") if path else []
        directories = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        there = {each: self.is_directory(each) for each in directories}
        wrong = next((each for each in directories if there[each] is False), None)
        if wrong is not None:
            raise EngineError(
                f"{self.wire.host}: {self.host_root.rstrip('/')}/{wrong} is a symbolic link or a file, and no directory: "
                "no file from Git is written through it",
                hint="remove it on the host, or mount what it leads to by its absolute path",
            )
        return tuple(each for each in directories if there[each] is None)

    def stat(self, path: str) -> Mapping[str, object] | None:
        """Return the Engine's attributes of a path; None if it does not exist."""
        whole = self._whole(path)
        try:
            return self.wire.read(f"look for {path}", lambda client: client.find(self.carrier, whole))
        except NotFound:
            return None

    def _whole(self, path: str) -> str:
        return f"{self.root}/{path}".rstrip("/")

    def copies(self, root: str, *, directory: bool, size_bytes: int, fresh: bool = False) -> Copies:
        """Return the files below a path; `size_bytes` is the size of Git's files there.

        If `fresh`, each file is read now, with its owner; else cached digests may be used.
        """
        if directory and size_bytes <= LISTED_BYTES_MAX // 2:
            listing = self._listing(root)
            if listing is not None:
                return _Listed(listing)
        return _FileByFile(self, root, self.fresh if fresh else self._remembered)

    def _listing(self, path: str) -> DirectoryListing | None:
        """Return everything below a path, read in one answer; None if it is too large or incomplete."""
        on_host = f"{self.host_root}/{path}".rstrip("/")
        if on_host in self.known.large:
            return None
        there = self.is_directory(path)
        if not there:
            return DirectoryListing() if there is None else DirectoryListing({"": Copy(digest=NO_FILE)})

        try:
            return self._read(path, LISTED_BYTES_MAX, self.wire.deadline_s / 2)
        except NotFound:
            return DirectoryListing()
        except TooMuch:
            self.known.large.add(on_host)
            return None
        except CutOff:
            return None

    def _read(self, path: str, bytes_max: int, seconds_max: float) -> DirectoryListing:
        whole = self._whole(path)

        def ask(client: RawClient) -> DirectoryListing:
            with client.open_stream(
                "/containers/{0}/archive", self.carrier, params={"path": whole}
            ) as answer:
                return read_listing(stream_pieces(answer), bytes_max, seconds_max)

        return self.wire.read(f"download of {path or 'a directory'}", ask)

    def _remembered(self, path: str) -> Copy | None:
        """Return a file without its owner; if its size and time are unchanged, return the cached digest."""
        stat = self._look(path)
        if not isinstance(stat, tuple):
            return None if stat is None else Copy(digest=NO_FILE)
        on_host = f"{self.host_root}/{path}"
        known = self.known.digests.get(on_host)
        if known is not None and known[:2] == stat:
            return Copy(digest=known[2])
        copy = self._copy(path)
        if copy is not None:
            self.known.digests[on_host] = (*stat, copy.digest)
        return copy

    def fresh(self, path: str) -> Copy | None:
        """Read a file now, with its owner, unless it is behind a link; None if it does not exist."""
        stat = self._look(path)
        if isinstance(stat, tuple):
            return self._copy(path)
        return None if stat is None else Copy(digest=NO_FILE)

    def _look(self, path: str) -> tuple[int, str] | str | None:
        """Return a regular file's size and time of change, which identify its content; else NO_FILE or None."""
        above = self.is_directory(posixpath.dirname(path))
        if not above:
            return None if above is None else NO_FILE
        found = self.stat(path)
        if found is None:
            return None
        size = int(str(found.get("size") or 0))
        if _mode(found) & _KINDS or size > FILE_BYTES_MAX:
            return NO_FILE
        return (size, str(found.get("mtime")))

    def _copy(self, path: str) -> Copy | None:
        """Read a file and its owner; in pieces, because it may be larger than the usual limit of an answer."""
        try:
            return self._read(path, FILE_BYTES_MAX + _HEADERS_BYTES_MAX, math.inf).found[""]
        except NotFound:
            return None
        except TooMuch:
            return Copy(digest=NO_FILE)
        except CutOff as error:
            raise EngineError(
                f"{self.wire.host}: {self.host_root}/{path} became shorter while it was read",
                hint="it is read again in a minute",
            ) from error

    def download(self, path: str) -> bytes | None:
        """Return an archive of a path, of at most ANSWER_BYTES_MAX; None if the path does not exist."""
        whole = self._whole(path)
        try:
            return self.wire.read(f"download of {path}", lambda client: client.download(self.carrier, whole))
        except NotFound:
            return None

    def upload(self, archive: bytes) -> None:
        """Unpack an archive below the root."""
        self.wire.call("upload of files", lambda client: client.upload(self.carrier, archive, path=self.root))
        self._directories.clear()

    def clear(self, path: str) -> None:
        """Remove a path and everything below it."""
        archive = removal_archive(path)
        self.wire.call(
            f"removal of {path}", lambda client: client.clear(self.carrier, archive, path=self.root)
        )
        self._directories.clear()


@dataclass(frozen=True, slots=True)
class _Listed:
    listing: DirectoryListing

    def of(self, names: Iterable[str]) -> Mapping[str, Copy]:
        found = {name: self.listing.copy(name) for name in names}
        return {name: copy for name, copy in found.items() if copy is not None}

    def below(self, name: str) -> frozenset[str] | None:
        return self.listing.below(name)

    def is_directory(self, name: str) -> bool:
        copy = self.listing.copy(name)
        return copy is not None and copy.directory


@dataclass(frozen=True, slots=True)
class _FileByFile:
    """Sends requests for each file."""

    place: Place
    root: str
    read: Callable[[str], Copy | None]

    def of(self, names: Iterable[str]) -> Mapping[str, Copy]:
        paths = {name: path_below(self.root, name) for name in names}
        for path in paths.values():
            self.place.is_directory(posixpath.dirname(path))  # cached here, before the threads need it
        with ThreadPoolExecutor(READERS, thread_name_prefix="files") as pool:
            found = zip(paths, pool.map(self.read, paths.values()), strict=True)
            return {name: copy for name, copy in found if copy is not None}

    def below(self, _name: str) -> frozenset[str] | None:
        return None

    def is_directory(self, name: str) -> bool:
        return self.place.is_directory(path_below(self.root, name)) is True


def path_below(base: str, name: str) -> str:
    """Join a directory and a name below it; each of them may be ""."""
    return "/".join(part for part in (base, name) if part)


def _mode(found: Mapping[str, object]) -> int:
    return int(str(found.get("mode") or 0))
