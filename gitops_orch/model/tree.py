"""The files of one commit, read as blobs; a plain directory can stand in for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A regular file; `mode` holds its permission bits (0o644 or 0o755), `blob` what identifies its content.

    `origin` is the path of the file itself where `path` leads to it by a symbolic link, else "".
    """

    path: str
    blob: str
    mode: int
    size_bytes: int
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A verified, complete listing of a commit below the managed path; `read` may raise SourceError.

    Symbolic links inside the tree are followed: `files` has what they lead to under the paths of the links.
    `refused` are entries that are there but not read: links that lead outside, submodules, names that are not UTF-8; each
    with why.
    """

    commit: str  # full hex id; "" for a plain directory
    files: Mapping[str, TreeFile]
    read: Callable[[str], bytes]
    refused: Mapping[str, str]
    root: str = ""  # the directory that paths are shown below by `render`; "" where there is none
    linked_directories: frozenset[str] = frozenset()  # symbolic links that lead to a directory
    hosts_outside: str = ""  # a directory `hosts` of the repository that the managed path leaves out
    name: str = ""  # last segment of the repository's URL, or the directory's name

    def why_absent(self, path: str) -> str:
        """Return why a path is not read, or a directory that it lies in; "" where there is just nothing there."""
        while path:
            if path in self.refused:
                return self.refused[path]
            path = path.rpartition("/")[0]
        return ""
