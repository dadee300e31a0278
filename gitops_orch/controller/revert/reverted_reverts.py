"""Recognises a person's commit that reverts our revert: the failed release is to be tried again.

It lifts the quarantine, once for each revert. If the same files return in another way (pushed again, rebased, picked),
the release stays quarantined: a retry was not requested.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.revert.git_revert import APP_TRAILER
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.source.revert import AUTHOR

QUESTIONS_MAX = 1000  # number of remembered answers


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertedRevert:
    """A failed release that is to be tried again, because our revert of it was reverted."""

    app: AppKey
    digest: str
    revert: str  # our commit, which a person reverted


class RevertedReverts:
    """Finds reverted reverts in Git. Each answer is remembered."""

    def __init__(self, repository: ConfigRepository, history: History) -> None:
        self._repository = repository
        self._history = history
        self._answers: dict[tuple[str, AppKey, str, str], tuple[str, ...]] = {}

    def find(
        self, apps: Iterable[App], releases: Iterable[Release], *, head: str
    ) -> tuple[RevertedRevert, ...]:
        """Return the releases to try again. A revert causes one retry only."""
        failed = {(row.app, row.digest): row for row in releases if row.state is ReleaseState.FAILED}
        found = []
        for app in apps:
            release = failed.get((app.key, app.digest))
            reverts = self._reverted_by_users(release, head) if release is not None else ()
            fresh = [
                revert for revert in reverts if (app.key, revert) not in self._history.reverted_reverts()
            ]
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
        """Yield our reverts of this release that people reverted since it was tried."""
        reverts: tuple[str, ...] = ()
        with suppress(SourceError):  # an error lifts no quarantine
            reverts = self._repository.source.reverted_by_user(since=release.commit, head=head)
        yield from (revert for revert in reverts if self._reverted_release(revert, release))

    def _reverted_release(self, revert: str, release: Release) -> bool:
        info = self._repository.commit_info(revert)
        if info is None:
            return False
        ours = info.author.endswith(f"<{AUTHOR[1]}>") and (APP_TRAILER, str(release.app)) in info.trailers
        before = self._repository.app_at(release.app, info.parents[0]) if ours and info.parents else None
        return before is not None and before.digest == release.digest
