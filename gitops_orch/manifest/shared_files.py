"""Finds the files that an app is compiled from, and those that it shares with other apps, for a revert."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import dirname

from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.repository.discover import FLEET_PATH, is_document
from gitops_orch.model.app import AppKey
from gitops_orch.model.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The files by which an app differs between two commits; other apps are compiled from the `shared` ones, too."""

    own: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The tree of a commit, and the results of the relevant Compose files."""

    tree: Tree
    files: tuple[CompiledFile, ...]


def difference(app: AppKey, now: Version, then: Version) -> Difference:
    """Return how an app's files differ; `now` has the files of all apps, `then` at least the app's own.

    A file that exists in only one of the commits is a difference, too, if the app would read it.
    """
    theirs = others(app, now, then)
    mine = _FileDependencies.of([*(file for file in now.files if file not in theirs), *then.files])
    others_reach = _FileDependencies.of(theirs)
    changed = _changed(now.tree, then.tree)
    theirs_too = {
        real
        for path in changed
        if is_document(path) or others_reach.covers(path)
        for real in _files_behind(path, now.tree, then.tree)
    }
    reached = (path for path in changed if mine.covers(path) or path == FLEET_PATH)
    # A link and its target are restored together: the link may have a new target, the target new content.
    differing = sorted({real for path in reached for real in _files_behind(path, now.tree, then.tree)})
    return Difference(
        own=tuple(path for path in differing if path not in theirs_too),
        shared=tuple(path for path in differing if path in theirs_too),
    )


def others(app: AppKey, now: Version, then: Version) -> tuple[CompiledFile, ...]:
    """Return the files of `now` that belong to other apps.

    A file whose app's name cannot be read belongs to the app that it declared in `then`.
    """
    homes = {file.path for file in then.files if file.key == app}
    return tuple(
        file for file in now.files if file.key != app and not (file.key is None and file.path in homes)
    )


@dataclass(frozen=True, slots=True)
class _FileDependencies:
    """The paths that compiled files depend on: files, existing or not, and whole directories."""

    read: frozenset[str]
    searched: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[CompiledFile]) -> "_FileDependencies":
        files = tuple(files)
        return cls(
            frozenset(path for file in files for path in file.read),
            frozenset(path for file in files for path in file.searched),
        )

    def covers(self, path: str) -> bool:
        return path in self.read or not self.searched.isdisjoint(_directories(path))


def _files_behind(path: str, *trees: Tree) -> set[str]:
    """Return a path, and the targets of that path where it is a symbolic link."""
    found = (tree.files.get(path) for tree in trees)
    return {path, *(file.origin for file in found if file is not None and file.origin)}


def _directories(path: str) -> Iterator[str]:
    yield path  # a file in one commit may be a directory in the other
    while path:
        path = dirname(path)
        yield path


def _changed(now: Tree, then: Tree) -> list[str]:
    paths = {*now.files, *then.files, *now.refused, *then.refused}
    return sorted(
        path
        for path in paths
        if now.files.get(path) != then.files.get(path) or now.refused.get(path) != then.refused.get(path)
    )
