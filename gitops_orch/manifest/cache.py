"""Caches compiled files by the content they depend on: a commit with one changed line compiles one file."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass

from gitops_orch.manifest.app.compile_app import CompiledFile, CompileSettings, compile_file
from gitops_orch.manifest.fleet_documents import Documents, FleetContext, read_documents
from gitops_orch.manifest.repository.discover import Discovered
from gitops_orch.manifest.repository.git_files import GitFiles
from gitops_orch.model.tree import Tree

VERSIONS_MAX = 3  # of one file: the head's, and those that a rollback needs
GENERATIONS_MAX = 3  # of settings: a changed fleet variable gives every file a new result
FILES_MAX = 50_000  # of one generation


@dataclass(frozen=True, slots=True)
class _Kept:
    """A result, and the tree's content at all paths that it depends on.

    Trees of one source share their unchanged entries, so that a comparison mostly compares object identities.
    """

    result: CompiledFile
    read: list[object]
    searched: list[object]

    @classmethod
    def of(cls, result: CompiledFile, git: GitFiles) -> "_Kept":
        return cls(result, _entries(git, result.read), _contents(git, result.searched))

    def holds(self, git: GitFiles) -> bool:
        """Return whether everything that the result depends on is unchanged in that tree."""
        result = self.result
        return self.read == _entries(git, result.read) and self.searched == _contents(git, result.searched)


class ManifestCache:
    """Keeps compiled files across commits; it must not be used by two threads at once."""

    def __init__(self) -> None:
        self._generations: OrderedDict[str, OrderedDict[str, list[_Kept]]] = OrderedDict()
        self._documents: tuple[object, Documents] | None = None
        self.misses = 0

    def documents(self, tree: Tree, found: Discovered, origin: FleetContext) -> Documents:
        """Return the content of Host and Fleet documents; it is read again only after one of them changed."""
        paths = [*found.hosts, *([found.fleet] if found.fleet else [])]
        key = ([(path, tree.files[path].blob) for path in paths], found.unread, origin, tree.hosts_outside)
        if self._documents is None or self._documents[0] != key:
            self._documents = key, read_documents(tree, found, origin)
        return self._documents[1]

    def compile(self, git: GitFiles, path: str, settings: CompileSettings, fingerprint: str) -> CompiledFile:
        """Return a file's result, compiled now or earlier; `fingerprint` is that of the settings."""
        generation = self._generation(fingerprint)
        versions = generation.get(path, [])
        for kept in versions:
            if kept.holds(git):
                return kept.result
        self.misses += 1
        result = compile_file(git, path, settings)
        fresh = _Kept.of(result, git)
        generation[path] = [fresh, *versions[: VERSIONS_MAX - 1]]
        generation.move_to_end(path)
        if len(generation) > FILES_MAX:
            generation.popitem(last=False)
        return result

    def _generation(self, fingerprint: str) -> OrderedDict[str, list[_Kept]]:
        generation = self._generations.setdefault(fingerprint, OrderedDict())
        self._generations.move_to_end(fingerprint)
        if len(self._generations) > GENERATIONS_MAX:
            self._generations.popitem(last=False)
        return generation


def settings_fingerprint(settings: CompileSettings, tree_name: str) -> str:
    """Return a hash that differs for settings under which one file has different results."""
    parts = [
        dict(settings.variables),
        settings.defaults,
        settings.environment,
        settings.strict,
        tree_name,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _entries(git: GitFiles, paths: tuple[str, ...]) -> list[object]:
    """Return the tree's files at those paths; the reason for a refused file; None for a missing one."""
    files, refused = git.tree.files, git.tree.refused
    return [files.get(path) or refused.get(path) for path in paths]


def _contents(git: GitFiles, directories: tuple[str, ...]) -> list[object]:
    return [(git.below(directory), git.refused_below(directory)) for directory in directories]
