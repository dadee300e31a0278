"""Decides which files of a writable bind are written on a host, removed there, or kept because the host changed them.

Git's version replaces a file only if its content is what we wrote last: so package managers treat configuration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gitops_orch.model.app import App, FileEntry, FileMount, FilesPolicy, Service
from gitops_orch.model.host_files import (
    NO_FILE,
    FileChange,
    FilesWork,
    HostFiles,
    digest_of,
    query_of,
    version_of,
    with_other_mode,
)
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.data_mounts import normal_target
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import ObservedInputs, World

CHANGED = "it was changed on the host"
DELETED = "it was deleted on the host"
OBSTRUCTED = "the host has no plain file there, but a link, a directory, or one that is too large"
KEPT_HINT = "write `x-gitops: {files: git}` to take Git's version, `{files: host}` to keep the host's"
UNCONFIRMED_MAX = 2  # versions of a file whose write was not confirmed
_NAMES_SHOWN = 5
_NOTES_MAX = 10


def files_on_host(observed: ObservedInputs, host: str, app: App, files: FileMount) -> HostFiles | None:
    """Return the files that a host has of a bind that follows Git; None if not all of them have been read yet."""
    return observed.files.get((host, query_of(app.key, files)))


def work_on(observed: ObservedInputs, host: str, app: App, files: FileMount) -> FilesWork | None:
    """Return what is done about a bind that follows Git; None if it has not been read yet."""
    seen = files_on_host(observed, host, app, files)
    return None if seen is None else decide(files, seen, app.files)


def initial_files(app: App, files: FileMount) -> FilesWork:
    """Return the work that writes all files into an empty place. Files that exist are left alone."""
    assert files.writable_path is not None  # noqa: S101 - only such a bind follows Git
    return decide(files, HostFiles(app=app.key, path=files.writable_path, present=False), app.files)


def decide(files: FileMount, seen: HostFiles, policy: FilesPolicy) -> FilesWork:
    """Return what is done about a bind in its observed state."""
    draft = _BindChanges(files, seen, policy)
    if files.directory:
        for name in sorted(seen.written.keys() - {entry.path for entry in files.entries}):
            draft.leave(name)
    for entry in files.entries:
        draft.add(entry)
    return draft.finish()


@dataclass(slots=True)
class _BindChanges:
    files: FileMount
    seen: HostFiles
    policy: FilesPolicy
    changes: list[FileChange] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    record: dict[str, tuple[str, ...]] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)

    def add(self, entry: FileEntry) -> None:
        """Decide about a file that Git has.

        To be called after all `leave`: a leaving file may be in the place of this one.
        """
        name, wanted = entry.path, version_of(entry)
        copy, written = self.seen.copies.get(name), self.seen.written.get(name, frozenset())
        if copy == digest_of(wanted):
            self._is_as_in_git(name, wanted, written)
        elif (copy is None and not self._is_deleted(name)) or (copy == NO_FILE and self._is_replaced(name)):
            self._write(name, None, wanted)
        elif self.policy is FilesPolicy.HOST:
            self._keep(name, "")
        elif copy is None:
            self._keep(name, DELETED)
        elif copy == NO_FILE:
            self._keep(name, OBSTRUCTED)
        elif copy in (set(map(digest_of, written)) or self.seen.former.get(name, frozenset())):
            self._write(name, copy, wanted)
        elif self.policy is FilesPolicy.GIT:
            self.taken.append(name)
            self._write(name, copy, wanted)
        else:
            self._keep(name, CHANGED)

    def leave(self, name: str) -> None:
        """Decide about a file of ours that left Git: it is removed unless it was changed on the host."""
        copy, written = self.seen.copies.get(name), self.seen.written[name]
        if copy is not None and copy in map(digest_of, written) and self.policy is not FilesPolicy.HOST:
            self.leaving.add(name)
            self.changes.append(FileChange(name=name, expected=copy, digest=None))

    def _is_as_in_git(self, name: str, wanted: str, written: frozenset[str]) -> None:
        """Handle a file with the right content: it is written again only if Git has a new mode since we wrote it.

        If a write was not confirmed, its version stays in the record: a host that was frozen may still execute the
        write, and the file would look as if it was changed on the host.
        """
        if with_other_mode(wanted) in written and self.policy is not FilesPolicy.HOST:
            self._write(name, digest_of(wanted), wanted)
        else:
            self.record[name] = tuple(sorted(written)) if {wanted} < written else (wanted,)

    def _is_replaced(self, name: str) -> bool:
        """Return whether only leaving files are in the place of a file: a file above it, or the files below it."""
        parts = name.split("/")
        if any("/".join(parts[:depth]) in self.leaving for depth in range(1, len(parts))):
            return True
        below = self.seen.below.get(name)
        return below is not None and below <= self.leaving and name not in self.seen.written

    def _is_deleted(self, name: str) -> bool:
        """Return whether a file was deleted from its directory on the host. A file that is mounted alone must exist."""
        known = name in self.seen.written and self.seen.present and self.files.directory
        return known and self.policy is not FilesPolicy.GIT

    def _write(self, name: str, expected: str | None, wanted: str) -> None:
        """Write a file; what an earlier write may still bring stays in the record, up to a few versions."""
        self.changes.append(FileChange(name=name, expected=expected, digest=digest_of(wanted)))
        known = {self.seen.copies.get(name), digest_of(wanted)}
        written = self.seen.written.get(name, frozenset())
        unconfirmed = sorted(version for version in written if digest_of(version) not in known)
        self.record[name] = (wanted, *unconfirmed) if len(unconfirmed) <= UNCONFIRMED_MAX else (wanted,)

    def _keep(self, name: str, why: str) -> None:
        if name in self.seen.written:
            self.record[name] = tuple(sorted(self.seen.written[name]))
        if why:
            self.kept.append((name, why))

    def finish(self) -> FilesWork:
        """Return everything that was decided."""
        summary = {name: frozenset(versions) for name, versions in self.record.items()}
        return FilesWork(
            changes=tuple(self.changes),
            kept=tuple(self.kept),
            taken=tuple(self.taken),
            record=self.record,
            recorded=summary == self.seen.written,
        )


def placed(files: FileMount, kept: Mapping[str, str]) -> FileMount:
    """Return a mount with its place on a host: with an adopted container's source, from `kept` (sources by target)."""
    source = kept.get(normal_target(files.target), "") if files.writable_path is not None else ""
    return replace(files, writable_path=source, git_path=files.writable_path or "") if source else files


def followed_files(service: Service) -> tuple[FileMount, ...]:
    """Return the binds of a service that follow Git."""
    return tuple(files for files in service.files if files.follows_git)


def leaves_git(files: FileMount, former: frozenset[str]) -> bool:
    """Return whether a bind is a plain data directory now, and followed Git for the containers that run."""
    return files.directory and not files.entries and files.writable_path in former


def left_git(app: App, world: World, index: Index) -> frozenset[str]:
    """Return the paths of directories that followed Git when an app's containers were created."""
    containers = (*index.apps.get(app.key, ()), *index.runs.get(app.key, ()))
    keys = {(app.key, found.owner.service, found.owner.spec_hash) for found in containers}
    return frozenset(
        str(files.writable_path)
        for created in (
            world.specs.declared_services[key] for key in keys if key in world.specs.declared_services
        )
        for files in followed_files(created.service)
        if files.directory
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """Files that change below a service's binds, divided by whether a container's spec hash covers them.

    No hash covers `taken`: Git's version replaces a change on the host, or Git no longer has the directory. `changed`
    are all other files.
    """

    taken: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


NO_FILE_CHANGES = Rewritten()


def binds_on_host(service: Service, kept: Mapping[str, str], former: frozenset[str]) -> tuple[FileMount, ...]:
    """Return the binds that follow Git, or did so by `former`, with their places on a host (`kept`: see `placed`)."""
    wanted = (files for files in service.files if files.follows_git or leaves_git(files, former))
    return tuple(placed(files, kept) for files in wanted)


def rewritten(world: World, host: str, app: App, binds: Iterable[FileMount]) -> Rewritten:
    """Return the paths that change on a host below the binds of a service that no signal reloads."""
    taken: list[str] = []
    changed: list[str] = []
    for files in binds:
        work = work_on(world.observed, host, app, files) if files.live is None else None
        for change in work.changes if work is not None else ():
            untold = not files.entries or (work is not None and change.name in work.taken)
            (taken if untold else changed).append(shown_path(files, change.name))
    return Rewritten(taken=tuple(taken), changed=tuple(changed))


def file_changes(files: FileMount, work: FilesWork) -> tuple[Change, ...]:
    """Return the files that change, by their names; their contents are not shown."""
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
    """Return what is done, in one line with the names of the files."""
    written = [c.name for c in work.changes if c.digest is not None and c.name not in work.taken]
    parts = {
        "writes": written,
        "takes Git's version of": work.taken,
        "removes what left Git:": [c.name for c in work.changes if c.digest is None],
    }
    summary = [f"{verb} {_listed(files, names)}" for verb, names in parts.items() if names]
    return "; ".join(summary) or "records which files are as in Git"


def _listed(files: FileMount, names: Iterable[str]) -> str:
    paths = [shown_path(files, name) for name in names]
    more = len(paths) - _NAMES_SHOWN
    return ", ".join(paths[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def shown_path(files: FileMount, name: str) -> str:
    """Return the path of a file below the app's data."""
    return "/".join(part for part in (files.writable_path, name) if part)


def kept_notes(files: FileMount, work: FilesWork) -> Mapping[str, str]:
    """Return, by path, why files are not as in Git, and what to write for Git's version."""
    notes = {
        shown_path(files, name): f"{why}, and stays as it is"
        + ("" if why == OBSTRUCTED else f"; {KEPT_HINT}")
        for name, why in work.kept[:_NOTES_MAX]
    }
    more = len(work.kept) - _NOTES_MAX
    if more > 0:
        notes[f"{more} more files in {shown_path(files, '') or '.'}"] = f"changed on the host; {KEPT_HINT}"
    return notes
