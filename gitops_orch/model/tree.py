"""The files of one commit, read as blobs; a plain directory can stand in for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A regular file; `mode` holds its permission bits (0o644 or 0o755), `blob` what identifies its content."""

    path: str
    blob: str
    mode: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A verified, complete listing of a commit below the managed path; `read` may raise SourceError.

    `refused` are entries that are there but not read: symlinks, submodules, names that are not UTF-8; each with why.
    """

    commit: str  # full hex id; "" for a plain directory
    files: Mapping[str, TreeFile]
    read: Callable[[str], bytes]
    refused: Mapping[str, str]
    root: str = ""  # the directory that paths are shown below by `render`; "" where there is none
    name: str = ""  # last segment of the repository's URL, or the directory's name
