"""Reverting the revert: a person's commit that takes our revert back is their wish to try the failed release again.

It lifts the quarantine, once for each revert.  The same files that come back in another way (pushed again, rebased,
picked) stay blocked: nobody said that they should be tried again.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass

from gitops_orch.controller.revert.git_revert import APP_TRAILER
from gitops_orch.errors import SourceError
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.source.revert import AUTHOR
from gitops_orch.source.source import Source

QUESTIONS_MAX = 1000  # whose answers are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertedRevert:
    """A failed release that is to be tried again, because our revert of it was reverted."""

    app: AppKey
    digest: str
    revert: str  # our commit, which a person took back


class RevertedReverts:
    """Finds relandings in Git; a question that was answered is not asked again."""

    def __init__(self, source: Source, app_at: Callable[[AppKey, str], App | None]) -> None:
        self._source = source
        self._app_at = app_at
        self._answers: dict[tuple[str, AppKey, str, str], tuple[str, ...]] = {}

    def find(
        self,
        apps: Iterable[App],
        releases: Iterable[Release],
        *,
        head: str,
        spent: Callable[[], AbstractSet[tuple[AppKey, str]]],
    ) -> tuple[RevertedRevert, ...]:
        """Return what is to be tried again; `spent` tells which reverts have led to that before."""
        failed = {(row.app, row.digest): row for row in releases if row.state is ReleaseState.FAILED}
        found = []
        for app in apps:
            release = failed.get((app.key, app.digest))
            reverts = self._reverted_by_users(release, head) if release is not None else ()
            fresh = [revert for revert in reverts if (app.key, revert) not in spent()]
            if fresh:
                found.append(RevertedRevert(app=app.key, digest=app.digest, revert=fresh[0]))
        return tuple(found)

    def _reverted_by_users(self, release: Release, head: str) -> tuple[str, ...]:
        question = (head, release.app, release.digest, release.commit)
        if question not in self._answers:
            if len(self._answers) >= QUESTIONS_MAX:
                self._answers.clear()
            self._answers[question] = tuple(self._ask(release, head))
        return self._answers[question]

    def _ask(self, release: Release, head: str) -> Iterator[str]:
        """Yield our reverts that people took back since the release was tried, and that had taken away this release."""
        reverts: tuple[str, ...] = ()
        with suppress(SourceError):  # what is not known lifts nothing
            reverts = self._source.reverted_by_user(since=release.commit, head=head)
        for revert in reverts:
            with suppress(SourceError):
                if self._reverted_release(revert, release):
                    yield revert

    def _reverted_release(self, revert: str, release: Release) -> bool:
        info = self._source.commit_info(revert)
        ours = info.author.endswith(f"<{AUTHOR[1]}>") and (APP_TRAILER, str(release.app)) in info.trailers
        before = self._app_at(release.app, info.parents[0]) if ours and info.parents else None
        return before is not None and before.digest == release.digest
