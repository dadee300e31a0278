"""Builds and reads tar archives of file sets, with the modes and owners that Git and the Compose file declare."""

import io
import tarfile
from collections.abc import Iterable
from typing import IO

from gitops_orch.engine.payload.mounts import SINGLE_FILE
from gitops_orch.model.app import FileEntry, FileMount
from gitops_orch.model.sensitive.secret import Sensitive

DIRECTORY_MODE = 0o755
NO_KIND = b"Z"  # a tar type flag that no kind of entry has
MTIME_S = 0  # fixed, so that the same content gives the same archive


def open_archive(content: bytes) -> tarfile.TarFile:
    """Open an Engine's archive as uncompressed: no Engine compresses, and a compressed one could be of any size."""
    return tarfile.open(fileobj=io.BytesIO(content), mode="r:")


def file_content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes] | None:
    """Return a regular file's content; None for other kinds, and for sparse files, whose size is unbounded."""
    return tar.extractfile(member) if member.isreg() and not member.issparse() else None


def volume_archive(files: FileMount) -> bytes:
    """Return the content of a file set's volume: its tree, or its single file under the name SINGLE_FILE."""
    if files.directory:
        return _archive(("", *_directories(files.entries)), [(entry.path, entry) for entry in files.entries])
    return _archive(("",), [(SINGLE_FILE, entry) for entry in files.entries])


def seed_archive(files: FileMount, name: str, around: Iterable[str] = ()) -> bytes:
    """Return the first content of a data directory or data file; `around` are missing directories above it."""
    if not files.directory:
        return _archive(tuple(around), [(name, entry) for entry in files.entries])
    inside = [(f"{name}/{entry.path}".lstrip("/"), entry) for entry in files.entries]
    directories = (*around, name, *(f"{name}/{path}".lstrip("/") for path in _directories(files.entries)))
    return _archive(directories, inside)


def change_archive(
    directories: Iterable[str],
    files: Iterable[tuple[str, int, tuple[int, int], bytes]],
    changed_at_s: float,
) -> bytes:
    """Return directories, and files given as (path, mode, (owner, group), content); the time is since the epoch."""
    entries = [
        (path, FileEntry(path=path, mode=mode, content=Sensitive(content), uid=uid, gid=gid))
        for path, mode, (uid, gid), content in files
    ]
    return _archive(tuple(directories), entries, changed_at_s)


def link_archive(links: Iterable[tuple[str, str]]) -> bytes:
    """Return an archive of symbolic links, each given as (absolute path, target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, source in links:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.mode, member.mtime, member.linkname = tarfile.SYMTYPE, 0o777, MTIME_S, source
            tar.addfile(member)
    return buffer.getvalue()


def removal_archive(path: str) -> bytes:
    """Return an archive that makes an Engine remove a path: its entry at that path has an unknown kind.

    No API request deletes a file. But an Engine removes the existing path before it looks at the kind of the new entry
    (measured on 20.10 and 26.1). Then it refuses the entry, with an error that has no other meaning.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(path)
        member.type = NO_KIND
        tar.addfile(member)
    return buffer.getvalue()


def stale_paths(there: bytes, files: FileMount) -> tuple[str, ...]:
    """Return the topmost paths of a downloaded archive that the file set does not have, or has as another kind."""
    wanted_files = {entry.path or SINGLE_FILE for entry in files.entries}
    wanted_directories = set(_directories(files.entries))
    stale: list[str] = []
    with open_archive(there) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            wanted = wanted_directories if member.isdir() else wanted_files
            if path and path not in wanted and not any(path.startswith(f"{above}/") for above in stale):
                stale.append(path)
    return tuple(stale)


def first_file(archive: bytes) -> bytes:
    """Return the content of the first entry of an archive; empty if it is no regular file."""
    with open_archive(archive) as tar:
        member = tar.next()
        content = file_content(tar, member) if member is not None else None
        return b"" if content is None else content.read()


def _directories(entries: tuple[FileEntry, ...]) -> list[str]:
    """Return every directory that contains an entry, parents first."""
    found: set[str] = set()
    for entry in entries:
        parts = entry.path.split("/")[:-1]
        found |= {"/".join(parts[: depth + 1]) for depth in range(len(parts))}
    return sorted(found)


def _archive(
    directories: tuple[str, ...], files: list[tuple[str, FileEntry]], changed_at_s: float = MTIME_S
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in directories:
            member = tarfile.TarInfo(path or ".")
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, DIRECTORY_MODE, changed_at_s
            tar.addfile(member)
        for path, entry in sorted(files, key=lambda pair: pair[0]):
            content = entry.content.reveal()
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(content), entry.mode, changed_at_s
            member.uid, member.gid = entry.uid, entry.gid
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
