"""Reads and changes files from Git in directories that containers can write to; changes only files that are ours."""

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gitops_orch.clock import Clock
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.files.archive import change_archive
from gitops_orch.engine.files.carriers import Carriers
from gitops_orch.engine.files.directory_listing import Copy
from gitops_orch.engine.files.host_directory import Copies, Known, Place, path_below
from gitops_orch.engine.files.host_records import (
    Record,
    joined_records,
    record_content,
    record_name,
    record_path,
    records_directory,
    records_in,
)
from gitops_orch.engine.payload.mounts import data_path, place_of_data
from gitops_orch.errors import EngineError
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.host_files import NO_FILE, FileChange, FilesQuery, FilesWork, HostFiles

MOUNT_POINT = "/gitops-orch"
RECORD_POINT = "/gitops-orch-record"
_NO_SOURCE = "bind source path does not exist"
_RECORD_MODE = 0o600


class HostFileKeeper:
    """Reads and changes the files of one host."""

    def __init__(self, wire: Wire, carriers: Carriers, data_root: str, clock: Clock) -> None:
        self._clock = clock
        self._wire = wire
        self._carriers = carriers
        self._data_root = data_root.rstrip("/")
        self._known = Known()

    def read(self, queries: Sequence[FilesQuery], image: str) -> tuple[HostFiles, ...]:
        """Return the host's files of each bind, in the order of the queries; create only carriers on the host."""
        found: dict[FilesQuery, HostFiles] = {}
        written: dict[FilesQuery, Record] = {}
        with self._looking(queries[0].app, self._data_root, image) as place:
            if place is not None:
                written = _records(place, queries)
                for query in (each for each in queries if not each.path.startswith("/")):
                    root = data_path("", query.app, query.path).strip("/")
                    found[query] = _read_bind(place, query, root, written[query])
        for query in (each for each in queries if each.path.startswith("/")):
            above, base = place_of_data("", query.app, query.path, query.git_path)
            with self._looking(query.app, above, image) as place:
                if place is not None:
                    found[query] = _read_bind(place, query, base, written.get(query, {}))
        return tuple(
            found.get(query) or HostFiles(app=query.app, path=query.path, present=False) for query in queries
        )

    @contextmanager
    def _looking(self, app: AppKey, directory: str, image: str) -> Iterator[Place | None]:
        """Yield a directory of the host, mounted read-only in a carrier; None if it does not exist."""
        mount = {"Type": "bind", "Source": directory, "Target": MOUNT_POINT, "ReadOnly": True}
        with ExitStack() as stack:
            place = None
            try:
                carrier = stack.enter_context(
                    self._carriers.carrier(app, "gitops-orch_look", {"Mounts": [mount]}, image)
                )
                place = Place(self._wire, carrier, MOUNT_POINT, directory, self._known)
            except EngineError as error:
                if _NO_SOURCE not in str(error):
                    raise
            yield place

    def change(self, app: AppKey, files: FileMount, work: FilesWork, image: str) -> tuple[str, ...]:
        """Execute `work`; return the names of files left alone, because they changed after they were observed."""
        assert files.writable_path is not None  # noqa: S101 - the planner changes no others
        with self._opened(app, files, image) as (place, record):
            _, base = self._place_of(app, files)
            bind = _Bind(place, files, base)
            around = place.missing_directories(base if files.directory else posixpath.dirname(base))
            due = bind.due(work)
            old = _names_in(record)
            new = self._write_record(record, _record_of(files.writable_path, work, due.left))
            bind.remove(due.removed)
            bind.make_room(due.directories)
            if due.written:
                place.upload(bind.archive(due, around, self._now_s()))
            for name in sorted(old - {new}):
                record.clear(name)
        return due.left

    @contextmanager
    def _opened(self, app: AppKey, files: FileMount, image: str) -> Iterator[tuple[Place, Place]]:
        """Yield the directory that contains the bind, and the directory of its record, both mounted in a carrier.

        The Engine creates these two directories if they do not exist.
        """
        assert files.writable_path is not None  # noqa: S101 - the planner changes no others
        mounted, _ = self._place_of(app, files)
        below = record_path(app, files.writable_path, directory=files.directory)
        record = f"{self._data_root}/{below}"
        binds = [f"{mounted}:{MOUNT_POINT}", f"{record}:{RECORD_POINT}"]
        with self._carriers.carrier(app, f"{app.project}_data", {"Binds": binds}, image) as carrier:
            yield (
                Place(self._wire, carrier, MOUNT_POINT, mounted, self._known),
                Place(self._wire, carrier, RECORD_POINT, record, self._known),
            )

    def _place_of(self, app: AppKey, files: FileMount) -> tuple[str, str]:
        return place_of_data(self._data_root, app, str(files.writable_path), files.git_path)

    def _write_record(self, record: Place, content: bytes) -> str:
        name = record_name(content)
        record.upload(change_archive((), [(name, _RECORD_MODE, (0, 0), content)], self._now_s()))
        return name

    def _now_s(self) -> float:
        """Return the time for written files: with the size, it shows without a read that a file was changed."""
        return self._clock.now().timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class _DueChanges:
    """The part of a `FilesWork` that is due, given the files that the host has now."""

    removed: tuple[str, ...]
    directories: tuple[str, ...]  # directories at the path of a file, which contain only directories
    missing: tuple[str, ...]  # directories that must be created for the written files
    written: Mapping[str, Copy | None]  # files to write, with the copy that each one replaces
    left: tuple[str, ...]  # files to leave alone


class _Bind:
    """The files of one bind, mounted with write access in a carrier."""

    def __init__(self, place: Place, files: FileMount, base: str) -> None:
        self._place = place
        self._files = files
        self._base = base

    def _now(self) -> Copies:
        size_bytes = sum(len(entry.content.reveal()) for entry in self._files.entries)
        return self._place.copies(
            self._base, directory=self._files.directory, size_bytes=size_bytes, fresh=True
        )

    def due(self, work: FilesWork) -> _DueChanges:
        """Return the due changes; a file that differs from what the plan expects is left alone."""
        now = self._now()
        copies = now.of(change.name for change in work.changes)
        removals = [change for change in work.changes if change.digest is None]
        removed = [c.name for c in removals if c.expected == _digest(copies.get(c.name)) is not None]
        missing = {c.name for c in removals if c.name not in copies}
        room = _NameState(now, frozenset(removed) | missing)
        writes = [c for c in work.changes if c.digest is not None and _is_due(c, copies.get(c.name))]
        written = [c for c in writes if room.state(c.name, copies.get(c.name)) == c.expected]
        left = {c.name for c in removals if c.name not in {*removed, *missing}}
        left |= {c.name for c in writes if c not in written}
        return _DueChanges(
            removed=tuple(removed),
            directories=tuple(c.name for c in written if _is_directory(copies.get(c.name))),
            missing=_missing(now, (change.name for change in written)),
            written={c.name: copies.get(c.name) if c.expected is not None else None for c in written},
            left=tuple(c.name for c in work.changes if c.name in left),
        )

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; EngineError if one still exists afterwards, so that it never counts as removed."""
        for name in names:
            self._place.clear(path_below(self._base, name))
        still = sorted(self._now().of(names)) if names else ()
        if still:
            raise EngineError(
                f"{self._place.wire.host}: {self._place.host_root}/{path_below(self._base, still[0])} left Git and "
                "cannot be removed",
                hint="remove it by hand",
            )

    def make_room(self, directories: Sequence[str]) -> None:
        """Remove directories at paths where Git has a file; a directory that contains a file stays: the write fails.

        Sockets appear in no archive, so they are removed together with their directory.
        """
        now = self._now() if directories else None
        for name in directories:
            if now is not None and now.below(name) == frozenset():
                self._place.clear(path_below(self._base, name))

    def archive(self, due: _DueChanges, around: Sequence[str], now_s: float) -> bytes:
        """Return an archive of the files to write; a replaced file keeps its owner, and existing directories stay.

        `around` are the missing directories above the bind, and the bind itself if it is missing.
        """
        entries = {entry.path: entry for entry in self._files.entries}
        rows = [
            (
                path_below(self._base, name),
                entries[name].mode,
                (copy.uid, copy.gid) if copy else (entries[name].uid, entries[name].gid),
                entries[name].content.reveal(),
            )
            for name, copy in due.written.items()
        ]
        missing = (path_below(self._base, name) for name in due.missing)
        return change_archive((*around, *missing), rows, now_s)


@dataclass(frozen=True, slots=True)
class _NameState:
    """The state of names after some files have been removed."""

    now: Copies
    removed: Collection[str]

    def state(self, name: str, copy: Copy | None) -> str | None:
        """Return the digest of the file at a name after the removals; None for nothing, or for empty directories."""
        if copy is None or copy.digest != NO_FILE:
            return _digest(copy)
        if any(above in self.removed for above in _directories_above(name)):
            return None
        below = self.now.below(name) if copy.directory else None
        return None if below is not None and below <= frozenset(self.removed) else NO_FILE


def _is_due(change: FileChange, copy: Copy | None) -> bool:
    """Return whether a file must be written: its content differs, or the plan changes only its mode."""
    return _digest(copy) != change.digest or change.expected == change.digest


def _is_directory(copy: Copy | None) -> bool:
    return copy is not None and copy.directory


def _missing(now: Copies, names: Iterable[str]) -> tuple[str, ...]:
    """Return the directories above names that do not exist, or that are files to be removed."""
    above = {directory for name in names for directory in _directories_above(name)}
    return tuple(sorted(directory for directory in above if not now.is_directory(directory)))


def _records(place: Place, queries: Iterable[FilesQuery]) -> dict[FilesQuery, Record]:
    """Return the record of each bind; one request reads all records of an app."""
    found: dict[FilesQuery, Record] = {}
    of_app: dict[AppKey, Mapping[str, Mapping[str, Record]]] = {}
    for query in queries:
        if query.app not in of_app:
            of_app[query.app] = _records_below(place, records_directory(query.app))
        name = posixpath.basename(record_path(query.app, query.path, directory=query.directory))
        found[query] = joined_records(list(of_app[query.app].get(name, {}).values()))
    return found


def _names_in(record: Place) -> set[str]:
    return set(_records_below(record, "").get(RECORD_POINT.strip("/"), {}))


def _records_below(place: Place, path: str) -> Mapping[str, Mapping[str, Record]]:
    archive = place.download(path)
    with place.wire.understood("download of records"):
        return records_in(archive) if archive is not None else {}


def _read_bind(place: Place, query: FilesQuery, root: str, written: Record) -> HostFiles:
    names = sorted({*query.names, *written}) if query.directory else [""]
    seen = place.copies(root, directory=query.directory, size_bytes=query.size_bytes)
    copies = seen.of(names)
    below = {name: seen.below(name) for name, copy in copies.items() if copy.directory}
    return HostFiles(
        app=query.app,
        path=query.path,
        present=_is_present(place, seen, root),
        copies={name: copy.digest for name, copy in copies.items()},
        written=written,
        below={name: names for name, names in below.items() if names is not None},
    )


def _is_present(place: Place, seen: Copies, root: str) -> bool:
    return bool(seen.of([""])) if seen.below("") is not None else place.stat(root) is not None


def _record_of(path: str, work: FilesWork, left: Sequence[str]) -> bytes:
    """Return the new record: what is written now, and the former content of files that were left alone."""
    expected = {change.name: change.expected for change in work.changes if change.name in left}
    former = {name: (digest,) for name, digest in expected.items() if digest is not None}
    kept = {name: versions for name, versions in work.record.items() if name not in expected}
    return record_content(path, {**kept, **former})


def _digest(copy: Copy | None) -> str | None:
    return None if copy is None else copy.digest


def _directories_above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
