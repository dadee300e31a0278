"""Tar archives of a file set, with the modes and owners that Git and the Compose file say."""

import io
import tarfile

from gitops_orch.engine.payload_mounts import SINGLE_FILE
from gitops_orch.model.app import FileEntry, FileMount

DIRECTORY_MODE = 0o755
MTIME_S = 0  # fixed: the same content is the same archive


def volume_archive(files: FileMount) -> bytes:
    """Return what fills the volume of a file set: its tree, or its one file under the name that mounts look for."""
    if files.directory:
        return _archive(("", *_directories(files.entries)), [(entry.path, entry) for entry in files.entries])
    return _archive(("",), [(SINGLE_FILE, entry) for entry in files.entries])


def seed_archive(files: FileMount, name: str) -> bytes:
    """Return what seeds a data directory, or a data file, called `name` in the directory above it."""
    if not files.directory:
        return _archive((), [(name, entry) for entry in files.entries])
    inside = [(f"{name}/{entry.path}", entry) for entry in files.entries]
    directories = (name, *(f"{name}/{path}" for path in _directories(files.entries)))
    return _archive(directories, inside)


def _directories(entries: tuple[FileEntry, ...]) -> list[str]:
    """Return every directory that the entries lie in, parents first."""
    found: set[str] = set()
    for entry in entries:
        parts = entry.path.split("/")[:-1]
        found |= {"/".join(parts[: depth + 1]) for depth in range(len(parts))}
    return sorted(found)


def _archive(directories: tuple[str, ...], files: list[tuple[str, FileEntry]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in directories:
            member = tarfile.TarInfo(path or ".")
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, DIRECTORY_MODE, MTIME_S
            tar.addfile(member)
        for path, entry in sorted(files, key=lambda pair: pair[0]):
            content = entry.content.reveal()
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(content), entry.mode, MTIME_S
            member.uid, member.gid = entry.uid, entry.gid
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
