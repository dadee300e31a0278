"""Files from Git in directories that containers can write to: reads a host's copies, and changes those that are ours.

Note [The record]
What we last wrote is recorded on the host, outside of all that an app mounts, so that it survives the loss of our state:
below `<data_root>/.gitops-orch`, one directory for each bind.  A record is a JSON file whose name is the digest of its
content, so that a torn one is no record.  Before files are changed the new record is put beside the old one, and the old
one is removed last: whatever breaks off in between, each file's content is in one of the two, and both are in force.

Note [Links]
An app can put a symbolic link anywhere in its directory.  A directory is mounted by itself into the carrier that writes,
so that a link leads somewhere into the carrier and never to another place on the host; what lies behind a link, or is
one, is neither read nor written.
"""

import hashlib
import io
import json
import posixpath
import secrets
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.engine.archive import change_archive, removal_archive
from gitops_orch.engine.carriers import Carriers
from gitops_orch.engine.payload_mounts import data_path
from gitops_orch.engine.wire import Wire
from gitops_orch.errors import EngineError, NotFound
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.host_files import NO_FILE, FileChange, FilesQuery, FilesWork, HostFiles

MOUNT_POINT = "/gitops-orch"
RECORD_POINT = "/gitops-orch-record"
RECORDS = ".gitops-orch"  # below the data root; no namespace can have this name
FILE_BYTES_MAX = 64 * 1024 * 1024  # a larger one is none from Git
READERS = 8
RECORD_ENDING = ".json"
_NO_SOURCE = "bind source path does not exist"
# Of Go's os.FileMode, which the Engine tells a file's kind by.
_DIRECTORY = 1 << 31
_KINDS = _DIRECTORY | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19

Record = Mapping[str, frozenset[str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A file on the host; `digest` NO_FILE where it is none that could be ours."""

    digest: str
    uid: int = 0
    gid: int = 0


@dataclass(slots=True)
class _Place:
    """A directory as a carrier sees it: what is at the paths below it."""

    wire: Wire
    carrier: str
    root: str
    known: dict[str, tuple[int, str, str]]  # path on the host -> size, time of change, digest
    host_root: str  # where `root` is on the host
    _directories: dict[str, bool | None] = field(default_factory=dict)

    def is_directory(self, path: str) -> bool | None:
        """Tell whether a path below the root, and all above it, are directories and no links; None where it is absent."""
        if not path:
            return True
        if path not in self._directories:
            above = self.is_directory(posixpath.dirname(path))
            found = self.stat(path) if above else None
            there = None if found is None else bool(_mode(found) & _KINDS == _DIRECTORY)
            self._directories[path] = there if above else above
        return self._directories[path]

    def stat(self, path: str) -> Mapping[str, object] | None:
        """Return what the Engine tells of a path; None where there is nothing."""
        whole = f"{self.root}/{path}".rstrip("/")
        try:
            return self.wire.read(f"look for {path}", lambda client: client.find(self.carrier, whole))
        except NotFound:
            return None

    def digest(self, path: str) -> str | None:
        """Return the digest of a file's content; None where there is nothing, NO_FILE where it is no plain file."""
        look = self._look(path)
        if not isinstance(look, tuple):
            return look
        known = self.known.get(f"{self.host_root}/{path}")
        if known is not None and known[:2] == look:
            return known[2]
        copy = self.copy(path)
        if copy is None:
            return None
        self.known[f"{self.host_root}/{path}"] = (*look, copy.digest)
        return copy.digest

    def fresh(self, path: str) -> _Copy | None:
        """Read a file as it is at this moment, unless it lies behind a link; None where there is nothing."""
        look = self._look(path)
        if isinstance(look, tuple):
            return self.copy(path)
        return None if look is None else _Copy(digest=NO_FILE)

    def _look(self, path: str) -> tuple[int, str] | str | None:
        """Return a plain file's size and time of change, which tell its contents apart; else NO_FILE or None."""
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

    def copy(self, path: str) -> _Copy | None:
        """Read a file, and whose it is."""
        try:
            archive = self.wire.read(
                f"download of {path}", lambda client: client.download(self.carrier, f"{self.root}/{path}")
            )
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None and member.isreg() else None
            if member is None or content is None:
                return _Copy(digest=NO_FILE)
            return _Copy(digest=hashlib.sha256(content.read()).hexdigest(), uid=member.uid, gid=member.gid)


class HostFileKeeper:
    """Reads and changes the files of one host."""

    def __init__(self, wire: Wire, carriers: Carriers, data_root: str, clock: Clock) -> None:
        self._clock = clock
        self._wire = wire
        self._carriers = carriers
        self._data_root = data_root.rstrip("/")
        self._known: dict[str, tuple[int, str, str]] = {}

    def read(self, queries: Sequence[FilesQuery], image: str) -> tuple[HostFiles, ...]:
        """Return what the host has of each bind, in their order; nothing is created on the host but carriers."""
        found: dict[FilesQuery, HostFiles] = {}
        written: dict[FilesQuery, Record] = {}
        with self._looking(queries[0].app, self._data_root, image) as place:
            for query in queries:
                directory = record_path(query.app, query.path, directory=query.directory)
                records = _records(place, directory) if place is not None else []
                written[query] = joined_records([record for _, record in records])
                if place is not None and not query.path.startswith("/"):
                    root = data_path("", query.app, query.path).strip("/")
                    found[query] = _read_bind(place, query, root, written[query])
        for query in (each for each in queries if each.path.startswith("/")):
            above, base = posixpath.split(query.path.rstrip("/"))
            with self._looking(query.app, above, image) as place:
                if place is not None:
                    found[query] = _read_bind(place, query, base, written[query])
        return tuple(
            found.get(query) or HostFiles(app=query.app, path=query.path, present=False) for query in queries
        )

    @contextmanager
    def _looking(self, app: AppKey, directory: str, image: str) -> Iterator["_Place | None"]:
        """Give a directory of the host, as a carrier sees it that cannot write; None where it is not there."""
        mount = {"Type": "bind", "Source": directory, "Target": MOUNT_POINT, "ReadOnly": True}
        name = f"gitops-orch_look_{secrets.token_hex(6)}"  # its own: another process may look at this moment
        with ExitStack() as stack:
            place = None
            try:
                carrier = stack.enter_context(self._carriers.carrier(app, name, {"Mounts": [mount]}, image))
                place = _Place(self._wire, carrier, MOUNT_POINT, self._known, directory)
            except EngineError as error:
                if _NO_SOURCE not in str(error):
                    raise
            yield place

    def change(self, app: AppKey, files: FileMount, work: FilesWork, image: str) -> tuple[str, ...]:
        """Carry `work` out; return the names of files that were left alone, since they are not as observed any more."""
        assert files.writable_path is not None  # noqa: S101 - the planner changes no others
        with self._opened(app, files, image) as (place, record):
            base = "" if files.directory else posixpath.basename(files.writable_path)
            path_of = partial(_path_below, base)
            names = [change.name for change in work.changes]
            copies = dict(zip(names, _at_once(place, place.fresh, map(path_of, names)), strict=True))
            wanted = [c for c in work.changes if _digest(copies[c.name]) != c.digest]
            left = tuple(c.name for c in wanted if _digest(copies[c.name]) != c.expected)
            due = [change for change in wanted if change.name not in left]
            old = _record_names(record)
            new = self._write_record(record, _record_of(files.writable_path, work, left))
            self._write(place, files, base, [(c, copies[c.name]) for c in due if c.digest is not None])
            for change in due:
                if change.digest is None:
                    self._remove(place, path_of(change.name))
            for name in sorted(old - {new}):
                self._clear(record, name)
        return left

    @contextmanager
    def _opened(self, app: AppKey, files: FileMount, image: str) -> Iterator[tuple[_Place, _Place]]:
        """Give the bind, and its record, as a carrier sees them; what is not there yet is created, and empty."""
        assert files.writable_path is not None  # noqa: S101 - the planner changes no others
        path = data_path(self._data_root, app, files.writable_path).rstrip("/")
        mounted = path if files.directory else posixpath.dirname(path)
        below = record_path(app, files.writable_path, directory=files.directory)
        record = f"{self._data_root}/{below}"
        binds = [f"{mounted}:{MOUNT_POINT}", f"{record}:{RECORD_POINT}"]
        name = f"{app.project}_data_{posixpath.basename(record)}"
        with self._carriers.carrier(app, name, {"Binds": binds}, image) as carrier:
            yield (
                _Place(self._wire, carrier, MOUNT_POINT, {}, mounted),
                _Place(self._wire, carrier, RECORD_POINT, {}, record),
            )

    def _write_record(self, record: _Place, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest() + RECORD_ENDING
        self._upload(record, change_archive((), [(name, 0o600, (0, 0), content)], self._now_s()))
        return name

    def _write(
        self,
        place: _Place,
        files: FileMount,
        base: str,
        changes: Sequence[tuple[FileChange, _Copy | None]],
    ) -> None:
        """Write files; one that replaces another keeps its owner, and a directory that is there stays as it is."""
        if not changes:
            return
        entries = {entry.path: entry for entry in files.entries}
        rows = [
            (
                _path_below(base, change.name),
                entries[change.name].mode,
                (copy.uid, copy.gid) if copy else (entries[change.name].uid, entries[change.name].gid),
                entries[change.name].content.reveal(),
            )
            for change, copy in changes
        ]
        missing = {
            above
            for path, *_ in rows
            for above in _directories_above(path)
            if place.is_directory(above) is None
        }
        self._upload(place, change_archive(sorted(missing), rows, self._now_s()))

    def _now_s(self) -> float:
        """Files carry the time of their writing: with the size it tells, without a read, that one was changed."""
        return self._clock.now().timestamp()

    def _upload(self, place: _Place, archive: bytes) -> None:
        self._wire.call(
            "upload of files", lambda client: client.upload(place.carrier, archive, path=place.root)
        )

    def _remove(self, place: _Place, path: str) -> None:
        self._clear(place, path)
        if place.stat(path) is not None:
            raise EngineError(
                f"{self._wire.host}: {place.host_root}/{path} left Git and cannot be removed",
                hint="remove it by hand",
            )

    def _clear(self, place: _Place, path: str) -> None:
        archive = removal_archive(path)
        self._wire.call(
            f"removal of {path}", lambda client: client.clear(place.carrier, archive, path=place.root)
        )


def record_path(app: AppKey, path: str, *, directory: bool) -> str:
    """Return where below the data root a bind's record lies."""
    kind = "directory" if directory else "file"
    name = hashlib.sha256(f"{kind}\0{path}".encode()).hexdigest()[:16]
    return f"{RECORDS}/{app.namespace}/{app.name}/{name}"


def record_content(path: str, record: Mapping[str, Sequence[str]]) -> bytes:
    """Return a record as the file that it is."""
    files = {name: sorted(digests) for name, digests in sorted(record.items())}
    return json.dumps({"version": 1, "path": path, "files": files}, indent=1).encode()


def parse_record(name: str, content: bytes) -> Record:
    """Return what a record says; nothing where it is torn, or is none, and of no file outside of the bind."""
    if name != hashlib.sha256(content).hexdigest() + RECORD_ENDING:
        return {}
    try:
        rows = json.loads(content)["files"]
        return {
            str(file): frozenset(str(digest) for digest in digests)
            for file, digests in rows.items()
            if not {"..", "."}.intersection(str(file).split("/")) and not str(file).startswith("/")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def joined_records(records: Sequence[Record]) -> Record:
    """Return what several records say together."""
    names = {name for record in records for name in record}
    return {name: frozenset().union(*(record.get(name, frozenset()) for record in records)) for name in names}


def _read_bind(place: _Place, query: FilesQuery, root: str, written: Record) -> HostFiles:
    names = sorted({*query.names, *written}) if query.directory else [""]
    paths = [_path_below(root, name) for name in names]
    digests = dict(zip(names, _at_once(place, place.digest, paths), strict=True))
    return HostFiles(
        app=query.app,
        path=query.path,
        present=place.stat(root) is not None,
        copies={name: digest for name, digest in digests.items() if digest is not None},
        written=written,
    )


def _at_once(place: _Place, read: Callable[[str], T], paths: Iterable[str]) -> list[T]:
    """Read several files at the same time; return what was read in their order."""
    asked = list(paths)
    for path in asked:
        place.is_directory(posixpath.dirname(path))  # once, before all ask for it
    with ThreadPoolExecutor(READERS, thread_name_prefix="files") as pool:
        return list(pool.map(read, asked))


def _records(place: _Place, directory: str) -> list[tuple[str, Record]]:
    """Return all that is in a bind's record directory, by name; what is no record says nothing."""
    ask: Callable[[], bytes] = lambda: place.wire.read(  # noqa: E731
        "download of the record",
        lambda client: client.download(place.carrier, f"{place.root}/{directory}/.".replace("//", "/")),
    )
    try:
        archive = ask()
    except NotFound:
        return []
    found: list[tuple[str, Record]] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            name = posixpath.basename(member.name)
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                found.append((name, parse_record(name, content.read())))
    return found


def _record_names(record: _Place) -> set[str]:
    return {name for name, _ in _records(record, "")}


def _record_of(path: str, work: FilesWork, left: Sequence[str]) -> bytes:
    """Return the record of what is done, with the former content of what was left alone."""
    expected = {change.name: change.expected for change in work.changes if change.name in left}
    former = {name: (digest,) for name, digest in expected.items() if digest is not None}
    kept = {name: digests for name, digests in work.record.items() if name not in expected}
    return record_content(path, {**kept, **former})


def _digest(copy: _Copy | None) -> str | None:
    return None if copy is None else copy.digest


def _path_below(base: str, name: str) -> str:
    return "/".join(part for part in (base, name) if part)


def _directories_above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _mode(found: Mapping[str, object]) -> int:
    return int(str(found.get("mode") or 0))
