"""Files from Git in places that a container can write to: the copies that a host has, and the changes to make there.

A bind mount "follows Git" if it is writable and Git has files in it. Names are paths below the bind mount; "" is the
bind mount itself, where that is a single file. Digests are hex SHA-256 of contents. A version is a digest, followed by
EXECUTABLE where the file is executable in Git.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import AppKey, FileEntry, FileMount

# Instead of a digest: a link, a directory, a device, a file that is too large, or a file behind a link
NO_FILE = "no file"
EXECUTABLE = "+x"
_EXECUTE_BITS = 0o111


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesQuery:
    """Which files to read of one bind mount on a host: these names, and the names in the host's own record."""

    app: AppKey
    path: str  # of the bind mount below the app's data, as `FileMount.writable_path`
    directory: bool
    names: tuple[str, ...]
    version: str  # of the bind mount in Git: one reading is valid for one version
    size_bytes: int = field(default=0, compare=False)  # of the files in Git
    # Of the bind mount in Git; `path` may be the place where an adopted container has it
    git_path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFiles:
    """The files that a host has of one bind mount.

    `copies` has the digest of each requested file that exists, or NO_FILE.
    `written` is the host's own record: by name, the versions that gitops-orch last wrote. There are several versions
    where a write was interrupted.
    `former` are, by name, digests of earlier contents in Git; it covers files that the record does not name.
    `below` covers directories that have the name of a requested file: the names of everything in the directory that is
    not a directory itself. It has no entry where that is unknown.
    """

    app: AppKey
    path: str
    present: bool  # something exists at the path
    copies: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    former: Mapping[str, frozenset[str]] = field(default_factory=dict)
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file to write or to remove, if the host's copy is still as it was observed.

    `expected` None: the file must not exist, except for files that the same work removes. `digest` None: remove the
    file. If both digests are equal, the file is written again because its mode in Git has changed.
    """

    name: str
    expected: str | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWork:
    """The changes to make in one bind mount on a host.

    `record` is the content of the host's record afterwards, as versions.
    """

    changes: tuple[FileChange, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()  # names of files that stay as they are, each with the reason
    taken: tuple[str, ...] = ()  # names of files whose changes on the host are replaced by Git's version
    record: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recorded: bool = True  # the host's record already has this content

    @property
    def needed(self) -> bool:
        """Return whether there is work to do on the host."""
        return bool(self.changes) or not self.recorded


def version_of(entry: FileEntry) -> str:
    """Return the version of a file in Git."""
    return entry.content.sha256() + (EXECUTABLE if entry.mode & _EXECUTE_BITS else "")


def with_other_mode(version: str) -> str:
    """Return the version with the same content and the opposite mode: executable or not executable."""
    digest = digest_of(version)
    return digest if version != digest else digest + EXECUTABLE


def digest_of(version: str) -> str:
    """Return the digest of a version's content."""
    return version.removesuffix(EXECUTABLE)


def query_of(app: AppKey, files: FileMount, git_path: str = "") -> FilesQuery:
    """Return what to read of a writable bind mount; pass `git_path` where the mount is not at its path in Git."""
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
