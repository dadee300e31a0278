"""The files of a tree, by directory; and a root by which relative paths stay distinct from absolute ones."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from posixpath import dirname, normpath, relpath

from gitops_orch.model.tree import Tree, TreeFile

# Note [Root]: in a resolved Compose file all paths are absolute. Files are therefore resolved below a root that no host
# has, deep enough for any reasonable number of `..` in a path. A path below ROOT was a relative path. A path below
# OUTSIDE but not below ROOT was relative and left the repository. Any other path is a path on the host.
OUTSIDE = "/.gitops-orch-outside"
ROOT = OUTSIDE + "/up" * 64 + "/repository"
_ABOVE = re.compile(rf"{re.escape(OUTSIDE)}(?P<ups>(?:/up\b)*)(?P<inside>/repository\b)?(?P<slash>/?)")


def rooted(tree: Tree) -> Tree:
    """Return the tree as the compiler resolves it (see Note [Root])."""
    return replace(tree, root=ROOT)


def path_in_tree(absolute: str) -> str | None:
    """Return the path in the repository, "" for its root; None for a path on the host or outside of the tree."""
    path = normpath(absolute)
    if path == ROOT:
        return ""
    return path.removeprefix(ROOT + "/") if path.startswith(ROOT + "/") else None


def is_relative(absolute: str) -> bool:
    """Return whether it was a relative path, including one that leaves the repository."""
    path = normpath(absolute)
    return path == OUTSIDE or path.startswith(OUTSIDE + "/")


def readable(text: str) -> str:
    """Return a message with paths as a user of the repository sees them, without the compiler's internal root."""
    return _ABOVE.sub(_as_seen, text) if OUTSIDE in text else text


def _as_seen(match: re.Match[str]) -> str:
    if match["inside"]:
        return "" if match["slash"] else "."
    above = ROOT.count("/up") - match["ups"].count("/up") + 1
    return "/".join([".."] * above) + match["slash"]


def data_directory(path: str, base: str) -> str:
    """Return the path below an app's data for a path of the repository; `base` is the Compose file's directory."""
    steps = relpath(path or ".", base or ".").split("/")
    return "/".join("_up" if step == ".." else step for step in steps if step != ".")


@dataclass(frozen=True, slots=True)
class GitFiles:
    """A tree with its paths in order, so that a directory is found without a walk over all files."""

    tree: Tree
    paths: tuple[str, ...]
    refused_paths: tuple[str, ...]

    @classmethod
    def of(cls, tree: Tree) -> "GitFiles":
        """Index a tree."""
        return cls(tree, tuple(sorted(tree.files)), tuple(sorted(tree.refused)))

    def file(self, path: str) -> TreeFile | None:
        """Return the file of that path; None where there is none."""
        return self.tree.files.get(path)

    def below(self, directory: str) -> tuple[TreeFile, ...]:
        """Return all files below a directory, "" for the whole tree, in the order of their paths."""
        return tuple(self.tree.files[path] for path in _paths_below(self.paths, directory))

    def refused_below(self, directory: str) -> tuple[tuple[str, str], ...]:
        """Return the refused entries at, above or below a path, each with the reason."""
        if not self.refused_paths:
            return ()
        paths = _paths_below(self.refused_paths, directory)
        above = (path for path in _lines_of_descent(directory) if path in self.tree.refused)
        return tuple((path, self.tree.refused[path]) for path in (*above, *paths))


def _lines_of_descent(path: str) -> Iterator[str]:
    """Yield a path and the directories above it."""
    while path:
        yield path
        path = dirname(path)


def _paths_below(ordered: tuple[str, ...], directory: str) -> tuple[str, ...]:
    if not directory:
        return ordered
    start = bisect_left(ordered, directory + "/")
    # "0" follows "/" in the order of characters
    return ordered[start : bisect_left(ordered, directory + "0", start)]
