"""Compiled files, kept by what they were compiled from: a one-line commit costs one file."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass

from gitops_orch.manifest.app_file import CompiledFile, Settings, compile_file
from gitops_orch.manifest.discover import Discovered
from gitops_orch.manifest.documents import Documents, Origin, read_documents
from gitops_orch.manifest.git_files import GitFiles
from gitops_orch.model.tree import Tree

VERSIONS_MAX = 3  # of one file: the head, and what a rollback goes back to
GENERATIONS_MAX = 3  # of settings: a fleet variable that changes makes every file another one
FILES_MAX = 50_000  # of one generation


@dataclass(frozen=True, slots=True)
class _Kept:
    result: CompiledFile
    read: tuple[tuple[str, object], ...]
    searched: tuple[tuple[str, object], ...]

    def holds(self, git: GitFiles) -> bool:
        """Tell whether all that the result was made from is in that tree, unchanged."""
        return all(_file_signature(git, path) == signature for path, signature in self.read) and all(
            _directory_signature(git, path) == signature for path, signature in self.searched
        )


class ManifestCache:
    """Remembers compiled files across commits; not for use by two threads at once."""

    def __init__(self) -> None:
        self._generations: OrderedDict[str, OrderedDict[str, list[_Kept]]] = OrderedDict()
        self._documents: tuple[object, Documents] | None = None
        self.misses = 0

    def documents(self, tree: Tree, found: Discovered, origin: Origin) -> Documents:
        """Return what Host and Fleet documents say, read again only where one of them changed."""
        paths = [*found.hosts, *([found.fleet] if found.fleet else [])]
        key = ([(path, tree.files[path].blob) for path in paths], found.unread, origin)
        if self._documents is None or self._documents[0] != key:
            self._documents = key, read_documents(tree, found, origin)
        return self._documents[1]

    def compile(self, git: GitFiles, path: str, settings: Settings, fingerprint: str) -> CompiledFile:
        """Return a file's result, made now or earlier; `fingerprint` is that of the settings."""
        generation = self._generation(fingerprint)
        versions = generation.get(path, [])
        for kept in versions:
            if kept.holds(git):
                return kept.result
        self.misses += 1
        result = compile_file(git, path, settings)
        fresh = _Kept(
            result,
            tuple((name, _file_signature(git, name)) for name in result.read),
            tuple((name, _directory_signature(git, name)) for name in result.searched),
        )
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


def settings_fingerprint(settings: Settings, tree_name: str) -> str:
    """Return what tells apart settings under which one file means different things."""
    parts = [
        dict(settings.variables),
        settings.defaults,
        settings.environment,
        settings.strict,
        tree_name,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _file_signature(git: GitFiles, path: str) -> object:
    """Return what a file's content and mode are known by; for one that is not there or not read, that."""
    file = git.tree.files.get(path)
    return (file.blob, file.mode) if file else git.tree.refused.get(path)


def _directory_signature(git: GitFiles, directory: str) -> object:
    files = tuple((file.path, file.blob, file.mode) for file in git.below(directory))
    return files, tuple(git.refused_below(directory))
