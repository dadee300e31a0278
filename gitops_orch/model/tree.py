"""The files of one commit, read as Git blobs; a plain directory can take the place of a commit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A regular file; `mode` holds its permission bits (0o644 or 0o755), `blob` identifies its content.

    `origin` is the path of the real file where `path` reaches it through a symbolic link, else "".
    """

    path: str
    blob: str
    mode: int
    size_bytes: int
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A verified, complete list of the files of a commit below the managed path; `read` may raise SourceError.

    Symbolic links inside the tree are followed: `files` has their targets under the paths of the links.
    `refused` are entries that exist but are not read, each with the reason: links that lead outside the tree,
    submodules, and names that are not UTF-8.
    """

    commit: str  # full hex id; "" for a plain directory
    files: Mapping[str, TreeFile]
    read: Callable[[str], bytes]
    refused: Mapping[str, str]
    root: str = ""  # the directory that `render` puts before paths; "" where there is none
    linked_directories: frozenset[str] = frozenset()  # symbolic links that lead to a directory
    hosts_outside: str = ""  # a directory `hosts` of the repository outside the managed path
    name: str = ""  # last segment of the repository's URL, or the name of the directory

    def why_absent(self, path: str) -> str:
        """Return why a path, or a directory above it, is not read; "" where nothing was refused there."""
        while path:
            if path in self.refused:
                return self.refused[path]
            path = path.rpartition("/")[0]
        return ""
