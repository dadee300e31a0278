"""Which files of a writable bind are written on a host, which are removed, and which stay because they were changed there?

Git's version of a file takes the place of what we last wrote, and of nothing else: as a package manager treats
configuration files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import App, FileEntry, FileMount, FilesPolicy, Service
from gitops_orch.model.host_files import (
    NO_FILE,
    FileChange,
    FilesWork,
    HostFiles,
    content_digest,
    query_of,
)
from gitops_orch.model.plan import Change
from gitops_orch.planner.world import World

CHANGED = "it was changed on the host"
DELETED = "it was deleted on the host"
IN_THE_WAY = "the host has no plain file there, but a link, a directory, or one that is too large"
_NAMES_SHOWN = 5
_NOTES_MAX = 10


def files_on_host(world: World, host: str, app: App, files: FileMount) -> HostFiles | None:
    """Return what a host has of a bind that follows Git; None where nobody has looked, or not for all of its files."""
    return world.host_files.get((host, query_of(app.key, files)))


def work_on(world: World, host: str, app: App, files: FileMount) -> FilesWork | None:
    """Return what is done about a bind that follows Git; None where nobody has looked."""
    seen = files_on_host(world, host, app, files)
    return None if seen is None else decide(files, seen, app.files)


def seed(app: App, files: FileMount) -> FilesWork:
    """Return what lays all files down where there is nothing; whatever is there is left alone."""
    assert files.writable_path is not None  # noqa: S101 - only such a bind follows Git
    return decide(files, HostFiles(app=app.key, path=files.writable_path, present=False), app.files)


def decide(files: FileMount, seen: HostFiles, policy: FilesPolicy) -> FilesWork:
    """Return what is done about a bind, as it was seen."""
    draft = _Draft(files, seen, policy)
    for entry in files.entries:
        draft.add(entry)
    if files.directory:
        for name in sorted(seen.written.keys() - {entry.path for entry in files.entries}):
            draft.leave(name)
    return draft.finish()


@dataclass(slots=True)
class _Draft:
    files: FileMount
    seen: HostFiles
    policy: FilesPolicy
    changes: list[FileChange] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    record: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, entry: FileEntry) -> None:
        """Decide about a file that Git has."""
        name, wanted = entry.path, content_digest(entry.content.reveal())
        copy, written = self.seen.copies.get(name), self.seen.written.get(name, frozenset())
        if copy == wanted:
            self.record[name] = (wanted,)
        elif copy is None and not self._is_deleted(name):
            self._write(name, None, wanted)
        elif self.policy is FilesPolicy.HOST:
            self._keep(name, "")
        elif copy is None:
            self._keep(name, DELETED)
        elif copy == NO_FILE:
            self._keep(name, IN_THE_WAY)
        elif copy in (written or self.seen.former.get(name, frozenset())):
            self._write(name, copy, wanted)
        elif self.policy is FilesPolicy.GIT:
            self.taken.append(name)
            self._write(name, copy, wanted)
        else:
            self._keep(name, CHANGED)

    def leave(self, name: str) -> None:
        """Decide about a file of ours that left Git: it goes unless somebody changed it."""
        copy, written = self.seen.copies.get(name), self.seen.written[name]
        if copy is not None and copy in written and self.policy is not FilesPolicy.HOST:
            self.changes.append(FileChange(name=name, expected=copy, digest=None))

    def _is_deleted(self, name: str) -> bool:
        """A file that somebody took out of its directory; one that is mounted by itself must be there."""
        known = name in self.seen.written and self.seen.present and self.files.directory
        return known and self.policy is not FilesPolicy.GIT

    def _write(self, name: str, expected: str | None, wanted: str) -> None:
        self.changes.append(FileChange(name=name, expected=expected, digest=wanted))
        self.record[name] = (wanted,)

    def _keep(self, name: str, why: str) -> None:
        if name in self.seen.written:
            self.record[name] = tuple(sorted(self.seen.written[name]))
        if why:
            self.kept.append((name, why))

    def finish(self) -> FilesWork:
        """Return all that was decided."""
        said = {name: frozenset(digests) for name, digests in self.record.items()}
        return FilesWork(
            changes=tuple(self.changes),
            kept=tuple(self.kept),
            taken=tuple(self.taken),
            record=self.record,
            recorded=said == self.seen.written,
        )


def followed_files(service: Service) -> tuple[FileMount, ...]:
    """Return the binds of a service that follow Git."""
    return tuple(files for files in service.files if files.follows_git)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """Files that change below a service's binds, by what a container's hash tells of them.

    `taken` no hash tells: Git's version takes the place of a change on the host.  `changed` are all others.
    """

    taken: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


NOTHING_REWRITTEN = Rewritten()


def rewritten(world: World, host: str, app: App, service: Service) -> Rewritten:
    """Return the paths that change on a host below what the service mounts and does not read again by a signal."""
    taken: list[str] = []
    changed: list[str] = []
    for files in followed_files(service):
        work = work_on(world, host, app, files) if files.live is None else None
        for change in work.changes if work is not None else ():
            (taken if work is not None and change.name in work.taken else changed).append(
                shown_path(files, change.name)
            )
    return Rewritten(taken=tuple(taken), changed=tuple(changed))


def file_changes(files: FileMount, work: FilesWork) -> tuple[Change, ...]:
    """Return the files that change, by their names: what is in them nobody needs to see."""
    return tuple(
        Change(
            path=f"files.{shown_path(files, change.name)}",
            before=_before(change, work),
            after="as in Git" if change.digest is not None else None,
        )
        for change in work.changes
    )


def _before(change: FileChange, work: FilesWork) -> str | None:
    if change.expected is None:
        return None
    return "changed on the host" if change.name in work.taken else "as last written"


def work_reason(files: FileMount, work: FilesWork) -> str:
    """Return what is done, in one line with the names of files."""
    written = [c.name for c in work.changes if c.digest is not None and c.name not in work.taken]
    parts = {
        "writes": written,
        "takes Git's version of": work.taken,
        "removes what left Git:": [c.name for c in work.changes if c.digest is None],
    }
    said = [f"{verb} {_listed(files, names)}" for verb, names in parts.items() if names]
    return "; ".join(said) or "records which files are as in Git"


def _listed(files: FileMount, names: Iterable[str]) -> str:
    paths = [shown_path(files, name) for name in names]
    more = len(paths) - _NAMES_SHOWN
    return ", ".join(paths[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def shown_path(files: FileMount, name: str) -> str:
    """Return where a file lies below the app's data."""
    return "/".join(part for part in (files.writable_path, name) if part)


def kept_notes(files: FileMount, work: FilesWork) -> Mapping[str, str]:
    """Return, by path, why files are not as Git has them, and what to write for Git's version."""
    hint = "write `x-gitops: {files: git}` to take Git's version, `{files: host}` to keep the host's"
    notes = {
        shown_path(files, name): f"{why}, and stays as it is" + ("" if why == IN_THE_WAY else f"; {hint}")
        for name, why in work.kept[:_NOTES_MAX]
    }
    more = len(work.kept) - _NOTES_MAX
    if more > 0:
        notes[f"{more} more files in {shown_path(files, '') or '.'}"] = f"changed on the host; {hint}"
    return notes
