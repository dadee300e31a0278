"""Reads a plain directory like a commit, for `validate DIR`: with the same values and the same refusals."""

import functools
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gitops_orch.errors import SourceError
from gitops_orch.model.tree import Tree, TreeFile
from gitops_orch.source.blobs import BLOB_BYTES_MAX
from gitops_orch.source.links import follow
from gitops_orch.source.listing import ENTRIES_MAX, SUBMODULE, name_refusal, shown_name
from gitops_orch.source.work_tree import listed_by_git

_CHUNK_BYTES = 1 << 20


def directory_tree(path: Path) -> Tree:
    """Return the files below a directory, without `.git`; SourceError if it is no directory or has too many files."""
    root = str(path.resolve())
    if not Path(root).is_dir():
        raise SourceError(
            f"{path} is not a directory", hint="name the directory that holds the configuration"
        )
    files: dict[str, TreeFile] = {}
    refused: dict[str, str] = {}
    links: dict[str, str] = {}
    for raw in _paths(root):
        place = f"{root}/{os.fsdecode(raw)}"
        name = shown_name(raw)
        why = name_refusal(raw)
        if not why and Path(place).is_symlink():
            links[name] = str(Path(place).readlink())
            continue
        file = why or _describe(place, name)
        if isinstance(file, TreeFile):
            files[name] = file
        else:
            refused[name] = file
        if len(files) + len(refused) > ENTRIES_MAX:
            raise SourceError(f"{path} holds more than {ENTRIES_MAX} files", hint="name a smaller directory")
    tree = follow(files, links, refused)

    def read(name: str) -> bytes:
        if name not in tree.files:
            raise SourceError(f"{name} is not one of the files below {path}")
        try:
            return _open(f"{root}/{tree.files[name].origin or name}")[0]
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror}") from error

    return Tree(
        commit="",
        files=tree.files,
        read=read,
        refused=tree.refused,
        root=root,
        linked_directories=frozenset(tree.directories),
        name=root.rpartition("/")[2],
    )


def _paths(root: str) -> Iterator[bytes]:
    """Yield the paths that a commit would contain; without Git, the paths of all files."""
    listed = listed_by_git(Path(root))
    if listed is None:
        yield from (os.fsencode(place[len(root.rstrip("/")) + 1 :]) for place in _walk(root))
        return
    for raw in listed:
        place = f"{root}/{os.fsdecode(raw)}"
        # A missing path was deleted. A path below a link would be read from another place.
        if os.path.lexists(place) and _is_no_link(place.rpartition("/")[0]):
            yield raw


@functools.lru_cache(maxsize=1024)
def _is_no_link(directory: str) -> bool:
    """Return whether no part of a directory's path is a symbolic link."""
    return str(Path(directory).resolve()) == directory


def _walk(folder: str) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(
                f"{folder} cannot be listed: {error.strerror}", hint="give this user the right to read it"
            ) from error
        entries = [entry for entry in entries if entry.name != ".git"]
        waiting += [entry.path for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]
        yield from (entry.path for entry in entries if not entry.is_dir(follow_symlinks=False))


def _describe(place: str, name: str) -> TreeFile | str:
    """Return the file, or the reason why it is refused."""
    try:
        content, found = _open(place)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if stat.S_ISDIR(found.st_mode):
        return SUBMODULE
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_size > BLOB_BYTES_MAX:
        return f"it has {found.st_size} bytes, at most {BLOB_BYTES_MAX} are read"
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
    mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    return TreeFile(path=name, blob=blob, mode=mode, size_bytes=len(content))


def _open(place: str) -> tuple[bytes, os.stat_result]:
    # The open itself refuses a link, so that none can be created in between; O_NONBLOCK, because a pipe must not block.
    fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > BLOB_BYTES_MAX:
            return b"", found
        chunks = []
        while chunk := os.read(fd, _CHUNK_BYTES):
            chunks.append(chunk)
        return b"".join(chunks), found
    finally:
        os.close(fd)
