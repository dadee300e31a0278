"""Follows the symbolic links of a tree to files inside of the tree, and nowhere else.

A link itself is never opened. The files that it leads to are listed again under the link's path, with the same blobs.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitops_orch.errors import SourceError
from gitops_orch.model.tree import TreeFile
from gitops_orch.source.listing import Listing

HOPS_MAX = 40  # links in one path; the kernel's limit
LINKS_MAX = 10_000
DEPTH_MAX = 8  # nested directories that contain links to directories
LINKED_MAX = 100_000  # paths below links: to files, to directories, or to nothing
TARGET_BYTES_MAX = 4096
_BLOBS_AT_ONCE = 500


class _Refused(Exception):
    """A link is not followed; the text is the reason."""


@dataclass(slots=True)
class Followed:
    """A tree with the files that its links lead to."""

    files: dict[str, TreeFile] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)  # links that lead to a directory


def read_targets(
    links: Mapping[str, TreeFile], read_blobs: Callable[[Sequence[str]], list[bytes]]
) -> dict[str, str]:
    """Return each link's target as it is written; "" for one that is too long."""
    paths = [path for path, link in links.items() if link.size_bytes <= TARGET_BYTES_MAX]
    targets = dict.fromkeys(links, "")
    for start in range(0, len(paths), _BLOBS_AT_ONCE):
        some = paths[start : start + _BLOBS_AT_ONCE]
        for path, content in zip(some, read_blobs([links[path].blob for path in some]), strict=True):
            targets[path] = content.decode("utf-8", "replace")
    return targets


def with_links(listing: Listing, read_blobs: Callable[[Sequence[str]], list[bytes]]) -> Followed:
    """Return the files of a listing and those that its links lead to; SourceError if there are too many."""
    if not listing.links:
        return Followed(files=listing.files, refused=listing.refused)
    targets = read_targets(listing.links, read_blobs)
    return follow(listing.files, targets, listing.refused)


def follow(files: Mapping[str, TreeFile], targets: Mapping[str, str], refused: Mapping[str, str]) -> Followed:
    """Return the files, and linked files under the links' paths; links without a valid target are refused."""
    added = _Follower(files, targets, refused).follow()
    return Followed(
        files={**files, **added.files},
        refused={**refused, **added.refused},
        directories=added.directories,
    )


class _Follower:
    def __init__(
        self, files: Mapping[str, TreeFile], targets: Mapping[str, str], refused: Mapping[str, str]
    ) -> None:
        self._files = files
        self._targets = targets
        self._refused = refused
        self._paths = sorted(files)
        self._links = sorted(targets)
        self._found = Followed()
        self._count = 0

    def follow(self) -> Followed:
        if len(self._targets) > LINKS_MAX:
            raise SourceError(
                f"the tree holds {len(self._targets)} symbolic links, at most {LINKS_MAX} are followed",
                hint="set repository.path to the directory that holds the configuration",
            )
        for link in self._links:
            try:
                self._add(link, self._resolved(link), ())
            except _Refused as refusal:
                self._found.refused[link] = str(refusal)
        return self._found

    def _add(self, path: str, real: str, through: tuple[str, ...]) -> None:
        """List the file or directory `real` under `path`, too; `through` are the linked directories on the way."""
        self._check_limit()
        if real in self._files:
            self._list(path, self._files[real])
            return
        if real in self._refused:
            raise _Refused(f"it is a symbolic link to {real}, which is not read: {self._refused[real]}")
        below = _below(self._paths, real)
        links = _below(self._links, real)
        if not below and not links:
            raise _Refused(f"it is a symbolic link to {real}, which is not in the repository")
        if f"{path}/".startswith(f"{real}/" if real else "") or real in through or len(through) > DEPTH_MAX:
            raise _Refused(
                f"it is a symbolic link to the directory {real or '.'}, which leads back to the link"
            )
        self._found.directories.add(path)
        start = len(real) + 1 if real else 0
        for name in below:
            self._list(f"{path}/{name[start:]}", self._files[name])
        for name in links:
            inner = f"{path}/{name[start:]}"
            try:
                self._add(inner, self._resolved(name), (*through, real))
            except _Refused as refusal:
                self._found.refused[inner] = str(refusal)

    def _list(self, path: str, file: TreeFile) -> None:
        self._check_limit()
        self._found.files[path] = replace(file, path=path, origin=file.path)

    def _check_limit(self) -> None:
        """Count a path, and check the limit: a few links between directories can produce millions of paths."""
        self._count += 1
        if self._count > LINKED_MAX:
            raise SourceError(
                f"symbolic links lead to more than {LINKED_MAX} paths", hint="link to smaller directories"
            )

    def _resolved(self, link: str) -> str:
        """Return the final path of a link, without links in it; "" for the root of the tree."""
        waiting, done, hops = link.split("/"), list[str](), 0
        while waiting:
            part = waiting.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    raise _Refused(
                        f"it is a symbolic link to {self._targets[link]}, outside of the repository"
                    )
                done.pop()
                continue
            done.append(part)
            target = self._targets.get("/".join(done))
            if target is None:
                continue
            hops += 1
            if hops > HOPS_MAX:
                raise _Refused(
                    f"it is a symbolic link to {self._targets[link]}, and the links lead in a circle"
                )
            if not target or target.startswith("/"):
                raise _Refused(
                    f"it is a symbolic link to {target or 'nothing'}, outside of the repository; "
                    "link to a file of the repository, by a relative path"
                )
            done.pop()
            waiting = [*target.split("/"), *waiting]
        return "/".join(done)


def _below(ordered: Sequence[str], directory: str) -> Sequence[str]:
    if not directory:
        return ordered
    start = bisect_left(ordered, directory + "/")
    return ordered[start : bisect_left(ordered, directory + "0", start)]  # "0" comes right after "/"
