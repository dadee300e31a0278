"""Tar archives of a file set, with the modes and owners that Git and the Compose file say."""

import io
import tarfile
from collections.abc import Iterable
from typing import IO

from gitops_orch.engine.payload.mounts import SINGLE_FILE
from gitops_orch.model.app import FileEntry, FileMount
from gitops_orch.model.sensitive.secret import Sensitive

DIRECTORY_MODE = 0o755
NO_KIND = b"Z"  # a type flag of tar that stands for nothing
MTIME_S = 0  # fixed: the same content is the same archive


def open_archive(content: bytes) -> tarfile.TarFile:
    """Open an Engine's archive as what it is: one that is packed may unpack to any size, and no Engine packs."""
    return tarfile.open(fileobj=io.BytesIO(content), mode="r:")


def file_content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes] | None:
    """Return what a plain file holds; None where it is none, or claims holes: these are of any size, and no Engine writes them."""
    return tar.extractfile(member) if member.isreg() and not member.issparse() else None


def volume_archive(files: FileMount) -> bytes:
    """Return what fills the volume of a file set: its tree, or its one file under the name that mounts look for."""
    if files.directory:
        return _archive(("", *_directories(files.entries)), [(entry.path, entry) for entry in files.entries])
    return _archive(("",), [(SINGLE_FILE, entry) for entry in files.entries])


def seed_archive(files: FileMount, name: str, around: Iterable[str] = ()) -> bytes:
    """Return what seeds a data directory, or a data file, at a path; `around` are directories above it that are missing."""
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
    """Return directories to make, and files as path, mode, owner and group, and content; the time is that of the epoch."""
    entries = [
        (path, FileEntry(path=path, mode=mode, content=Sensitive(content), uid=uid, gid=gid))
        for path, mode, (uid, gid), content in files
    ]
    return _archive(tuple(directories), entries, changed_at_s)


def link_archive(links: Iterable[tuple[str, str]]) -> bytes:
    """Return symbolic links, by absolute path and what they point to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, source in links:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.mode, member.mtime, member.linkname = tarfile.SYMTYPE, 0o777, MTIME_S, source
            tar.addfile(member)
    return buffer.getvalue()


def removal_archive(path: str) -> bytes:
    """Return what makes an Engine remove a path: an entry of a kind that it cannot make, after it has made room.

    No request of the API deletes a file, and an Engine clears the way before it looks at what it has to put there
    (measured on 20.10 and 26.1).  It then refuses the entry, with an error that says no more than that.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(path)
        member.type = NO_KIND
        tar.addfile(member)
    return buffer.getvalue()


def stale_paths(there: bytes, files: FileMount) -> tuple[str, ...]:
    """Return what of a downloaded archive has no place in a file set, or stands in the way of it; parents only."""
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
    """Return the content of the first file of an archive; nothing where that is none."""
    with open_archive(archive) as tar:
        member = tar.next()
        content = file_content(tar, member) if member is not None else None
        return b"" if content is None else content.read()


def _directories(entries: tuple[FileEntry, ...]) -> list[str]:
    """Return every directory that the entries lie in, parents first."""
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
