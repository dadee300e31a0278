"""Parses commits: their metadata, and which commits their messages revert."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from gitops_orch.errors import SourceError
from gitops_orch.source.failure import printable

LAST_SECOND = 253_402_300_799  # the last second of the year 9999, the maximum of datetime
REVERTS = "Reverts"
INFO_FORMAT = "%H%x00%P%x00%an <%ae>%x00%ct%x00%s%x00%(trailers:only,unfold)"
WORDS_FORMAT = "%ae%x01%B%x00"

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# The line that `git revert` writes (abbreviated with --reference), and our trailer, which people may also write.
_REVERTED = re.compile(rf"^(?:This reverts commit |{REVERTS}: )([0-9a-f]{{7,64}})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """A commit's metadata. Texts are safe to print. `at` is set by the committer and is never used for ordering."""

    commit: str
    author: str
    subject: str
    at: datetime
    trailers: tuple[tuple[str, str], ...]
    parents: tuple[str, ...]


def check_commit(text: str) -> str:
    """Return a full commit id; SourceError for anything else, because an empty id could delete a branch."""
    if not _COMMIT.fullmatch(text):
        raise SourceError(
            f'"{printable(text)}" is not a full commit id', hint="write all 40 hex digits of it"
        )
    return text


def parse_info(text: str) -> CommitInfo:
    """Parse the output of `git log` in INFO_FORMAT."""
    commit_id, parents, author, at, subject, trailers = text.split("\0", 5)
    return CommitInfo(
        commit=commit_id,
        author=printable(author),
        subject=printable(subject),
        at=datetime.fromtimestamp(min(max(int(at), 0), LAST_SECOND), UTC),
        trailers=_trailers(trailers),
        parents=tuple(parents.split()),
    )


def parse_reverted(text: str, *, ours: str) -> tuple[str, ...]:
    """Return the ids, possibly abbreviated, of the commits that people reverted, from `git log` in WORDS_FORMAT.

    Commits of the author `ours` are ignored: the controller wrote them, not a person.
    """
    return tuple(dict.fromkeys(_reverted_by_people(text, ours)))


def _reverted_by_people(text: str, ours: str) -> Iterator[str]:
    for entry in text.split("\0"):
        address, _, body = entry.strip().partition("\1")
        if address != ours:
            yield from _REVERTED.findall(body)


def _trailers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(":") for line in text.splitlines())
    return tuple((printable(key.strip()), printable(value.strip())) for key, colon, value in pairs if colon)
