"""Which files an app is made of, and which of them it shares with others: what a revert may put back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import dirname

from gitops_orch.manifest.app_file import CompiledFile
from gitops_orch.manifest.discover import FLEET_PATH, is_document
from gitops_orch.model.app import AppKey
from gitops_orch.model.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The files by which an app differs between two commits; of `shared` ones others are made, too."""

    own: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A commit's files, and what became of the Compose files that matter."""

    tree: Tree
    files: tuple[CompiledFile, ...]


def difference(app: AppKey, now: Version, then: Version) -> Difference:
    """Tell how an app's files differ; `now` has the files of all apps, `then` at least the app's own.

    Whether a file is there or not is a difference as well, where the app would read it.
    """
    theirs = others(app, now, then)
    mine = _Reach.of([*(file for file in now.files if file not in theirs), *then.files])
    others_reach = _Reach.of(theirs)
    changed = [path for path in _changed(now.tree, then.tree) if mine.covers(path) or path == FLEET_PATH]
    shared = [path for path in changed if is_document(path) or others_reach.covers(path)]
    return Difference(own=tuple(path for path in changed if path not in shared), shared=tuple(shared))


def others(app: AppKey, now: Version, then: Version) -> tuple[CompiledFile, ...]:
    """Return the files of `now` that are other apps'; one that is too broken to have a name is whose it was `then`."""
    homes = {file.path for file in then.files if file.key == app}
    return tuple(
        file for file in now.files if file.key != app and not (file.key is None and file.path in homes)
    )


@dataclass(frozen=True, slots=True)
class _Reach:
    """What compiled files depend on: files, there or not, and whole directories."""

    read: frozenset[str]
    searched: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[CompiledFile]) -> "_Reach":
        files = tuple(files)
        return cls(
            frozenset(path for file in files for path in file.read),
            frozenset(path for file in files for path in file.searched),
        )

    def covers(self, path: str) -> bool:
        return path in self.read or not self.searched.isdisjoint(_directories(path))


def _directories(path: str) -> Iterator[str]:
    yield path  # what is a file in one commit may be a directory in the other
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
