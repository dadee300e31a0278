"""Paths in a manifest: as Compose prints them, and as the repository's tree names them.

The repository is below `Tree.root`, or at `/` where that is empty. A path in a file is relative to the directory of its
project, and nothing outside of the repository is ever read.
"""

import posixpath
from dataclasses import dataclass

from gitops_orch.manifest.syntax.volumes import clean_path, is_absolute
from gitops_orch.model.tree import Tree

# The value of `~` and $HOME: with the controller's own home, a render would depend on its user
HOME = "/root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A directory of the repository, from which paths are resolved."""

    root: str  # absolute, without a slash at its end; "" for /
    directory: str  # absolute

    def absolute(self, path: str) -> str:
        """Return a path as Compose prints it: an absolute one unchanged, any other below the directory."""
        if path.startswith("~"):
            return clean_path(f"{HOME}/{path[1:]}")
        return path if is_absolute(path) else clean_path(f"{self.directory}/{path}")

    def context(self, path: str) -> str:
        """Return the path of a build context: there Compose treats a Windows path as relative."""
        return path if path.startswith("/") else self.absolute(f"./{path}" if path[:1] != "~" else path)

    def in_repository(self, path: str) -> str | None:
        """Return the tree's name for a path; None where it leaves the repository."""
        if path.startswith("~") or (is_absolute(path) and not self.root):
            return None
        return repository_path(self.root, self.absolute(path))

    def below(self, path: str) -> "Location":
        """Return the location of a directory that a file names."""
        return Location(root=self.root, directory=self.absolute(path))


def location_of(tree: Tree, path: str) -> Location:
    """Return the location of the directory that contains a file of the tree."""
    root = tree.root.rstrip("/")
    return Location(root=root, directory=clean_path(f"{root}/{posixpath.dirname(path)}/."))


def repository_path(root: str, absolute: str) -> str | None:
    """Return the tree's name for an absolute path; None where it is outside of the repository."""
    cleaned = clean_path(absolute)
    if not cleaned.startswith(f"{root}/"):
        return None
    return cleaned[len(root) + 1 :]
