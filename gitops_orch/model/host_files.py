"""Files from Git in places that a container can write to: what a host has of them, and what is done about that.

A bind "follows Git" where it is writable and Git has files in it.  Names are paths below the bind; "" is the bind itself,
where that is a single file.  Digests are hex SHA-256 of contents.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gitops_orch.model.app import AppKey, FileMount

NO_FILE = "no file"  # in the place of a digest: a link, a directory, a device, too large, or behind a link


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesQuery:
    """What to read of one bind on a host: the files of these names, and those that the host's record names."""

    app: AppKey
    path: str  # of the bind below the app's data, as `FileMount.writable_path`
    directory: bool
    names: tuple[str, ...]
    version: str  # of the bind in Git: a look counts for one version


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFiles:
    """What a host has of one bind.

    `copies` has the digest of each file that was looked for and is there, or NO_FILE.  `written` is the host's own record:
    by name, what we last wrote; several digests where a write was cut short.  `former` are earlier contents in Git of
    files that the record does not name.
    """

    app: AppKey
    path: str
    present: bool  # there is something at the path
    copies: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    former: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that is written or removed, where the host's copy is still as it was observed.

    `expected` None: it must not be there.  `digest` None: it is removed.
    """

    name: str
    expected: str | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWork:
    """What is done about one bind on a host; `record` is what the host's record says afterwards."""

    changes: tuple[FileChange, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()  # names of files that are left as they are, each with why
    taken: tuple[str, ...] = ()  # names of files whose changes on the host are given up for Git's version
    record: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recorded: bool = True  # the record says so already

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to do on the host."""
        return bool(self.changes) or not self.recorded


@lru_cache(maxsize=10_000)
def content_digest(content: bytes) -> str:
    """Return the hex SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def query_of(app: AppKey, files: FileMount) -> FilesQuery:
    """Return what to read of a bind that follows Git."""
    assert files.writable_path is not None  # noqa: S101 - only such a bind follows Git
    names = tuple(sorted(entry.path for entry in files.entries))
    return FilesQuery(
        app=app,
        path=files.writable_path,
        directory=files.directory,
        names=names,
        version=files.digest,
    )
