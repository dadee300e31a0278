"""Creates a revert commit from trees: some paths return to an older commit, all others stay as at the head."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gitops_orch.errors import SourceError
from gitops_orch.source.mirror import Mirror

AUTHOR = ("gitops-orch", "gitops-orch@localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """The contents of a revert commit; `paths` are relative to the repository's root, "" is all of it."""

    paths: tuple[str, ...]
    to_commit: str
    head: str
    message: str
    at: datetime


def commit_revert(mirror: Mirror, revert: Revert) -> str:
    """Write the commit into the mirror and return its id; SourceError if it would change nothing."""
    with tempfile.TemporaryDirectory(prefix="gitops-orch-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        mirror.must("read-tree", revert.head, extra=index)
        mirror.must("update-index", "-z", "--index-info", stdin=_index_lines(mirror, revert), extra=index)
        tree = mirror.must("write-tree", extra=index).text
    if tree == mirror.must("rev-parse", f"{revert.head}^{{tree}}").text:
        raise SourceError(
            f"a revert to {revert.to_commit[:12]} would change nothing: {', '.join(revert.paths)} are as they were then",
            hint="name an older commit",
        )
    return mirror.must(
        "commit-tree",
        tree,
        "-p",
        revert.head,
        "-F",
        "-",
        stdin=revert.message.encode(),
        extra=_identity(revert.at),
    ).text


def _index_lines(mirror: Mirror, revert: Revert) -> bytes:
    nothing = b"0 " + b"0" * len(revert.head) + b"\t"
    removed = (nothing + path for _, path in _entries(mirror, revert.head, revert.paths))
    added = (meta + b"\t" + path for meta, path in _entries(mirror, revert.to_commit, revert.paths))
    return b"".join(line + b"\0" for line in (*removed, *added))


def _entries(mirror: Mirror, commit: str, paths: tuple[str, ...]) -> Iterator[tuple[bytes, bytes]]:
    scope = [] if "" in paths else ["--", *paths]
    for row in mirror.must("ls-tree", "-r", "-z", "--full-tree", commit, *scope).stdout.split(b"\0"):
        if row:
            meta, _, path = row.partition(b"\t")
            yield meta, path


def _identity(at: datetime) -> dict[str, str]:
    name, address = AUTHOR
    moment = f"@{int(at.timestamp())} +0000"
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_AUTHOR_DATE": moment,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
        "GIT_COMMITTER_DATE": moment,
    }
