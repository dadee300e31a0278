"""Files from Git in places that a container can write to: what a host has of them, and what is done about that.

A bind "follows Git" where it is writable and Git has files in it.  Names are paths below the bind; "" is the bind itself,
where that is a single file.  Digests are hex SHA-256 of contents.  A version is a digest, with EXECUTABLE behind it where
Git has the file as one that can be executed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import AppKey, FileEntry, FileMount

NO_FILE = "no file"  # in the place of a digest: a link, a directory, a device, too large, or behind a link
EXECUTABLE = "+x"
_EXECUTE_BITS = 0o111


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesQuery:
    """What to read of one bind on a host: the files of these names, and those that the host's record names."""

    app: AppKey
    path: str  # of the bind below the app's data, as `FileMount.writable_path`
    directory: bool
    names: tuple[str, ...]
    version: str  # of the bind in Git: a look counts for one version
    size_bytes: int = field(default=0, compare=False)  # of the files in Git
    git_path: str = field(
        default="", compare=False
    )  # of the bind in Git; `path` may be where an adopted container has it


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFiles:
    """What a host has of one bind.

    `copies` has the digest of each file that was looked for and is there, or NO_FILE.  `written` is the host's own record:
    by name, the versions that we last wrote; several where a write was cut short.  `former` are digests of earlier
    contents in Git of files that the record does not name.  `below` has, for a directory that stands at a name that was
    looked for, the names of all that lies in it and is no directory; nothing where that is not known.
    """

    app: AppKey
    path: str
    present: bool  # there is something at the path
    copies: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    former: Mapping[str, frozenset[str]] = field(default_factory=dict)
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that is written or removed, where the host's copy is still as it was observed.

    `expected` None: it must not be there, but for what the same work removes.  `digest` None: it is removed.  With equal
    digests the file is written again, because Git has another mode.
    """

    name: str
    expected: str | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWork:
    """What is done about one bind on a host; `record` is what the host's record says afterwards, as versions."""

    changes: tuple[FileChange, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()  # names of files that are left as they are, each with why
    taken: tuple[str, ...] = ()  # names of files whose changes on the host are given up for Git's version
    record: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recorded: bool = True  # the record says so already

    @property
    def needed(self) -> bool:
        """Tell whether there is anything to do on the host."""
        return bool(self.changes) or not self.recorded


def version_of(entry: FileEntry) -> str:
    """Return the version of a file as Git has it."""
    return entry.content.sha256() + (EXECUTABLE if entry.mode & _EXECUTE_BITS else "")


def with_other_mode(version: str) -> str:
    """Return the version with the same content that can be executed where this one cannot, and the other way round."""
    digest = digest_of(version)
    return digest if version != digest else digest + EXECUTABLE


def digest_of(version: str) -> str:
    """Return the digest of a version's content."""
    return version.removesuffix(EXECUTABLE)


def query_of(app: AppKey, files: FileMount, git_path: str = "") -> FilesQuery:
    """Return what to read of a writable bind; `git_path` where it lies elsewhere than its path in Git says."""
    assert files.writable_path is not None  # noqa: S101 - only such a bind follows Git
    return FilesQuery(
        app=app,
        path=files.writable_path,
        directory=files.directory,
        names=tuple(sorted(entry.path for entry in files.entries)),
        version=files.digest,
        size_bytes=sum(len(entry.content.reveal()) for entry in files.entries),
        git_path=git_path or files.writable_path,
    )
