"""Collects what is known of releases and reverts: from history, or from running containers if history was lost."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from gitops_orch.controller.releases.orphans import deployed_by_others, from_this_repository
from gitops_orch.controller.releases.recorded import Recorded
from gitops_orch.controller.releases.release_history import ReleaseFacts, recovered_releases, release_facts
from gitops_orch.controller.revert.reverted_reverts import RevertedRevert, RevertedReverts
from gitops_orch.history.records import RevertRecord
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.release import Release, ReleaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHistory:
    """What is known of releases and reverts."""

    facts: ReleaseFacts
    newest: Mapping[AppKey, str]  # digest of the release that was marked last
    pins: Mapping[AppKey, Release]
    reverts: Mapping[tuple[AppKey, str], RevertRecord]
    recovered: tuple[Release, ...]
    reverted_reverts: tuple[RevertedRevert, ...]
    # Apps of Git whose containers the controller of another repository created.
    foreign_apps: frozenset[AppKey]

    def revert_of(self, app: AppKey, digest: str) -> str:
        """Return the outcome of reverting a failed release in Git; "" if it was not tried."""
        record = self.reverts.get((app, digest))
        return record.message if record is not None else ""

    def revert_to(self, app: AppKey, digest: str) -> RevertRecord | None:
        """Return the revert that brought an app in Git back to this release; None if there is none."""
        record = self.reverts.get((app, self.newest.get(app, "")))  # only the newest attempt counts
        return record if record is not None and record.commit and record.to_digest == digest else None


def find_release_history(
    desired: Desired,
    containers: list[OwnedContainer],
    recorded: Recorded,
    revert_watcher: RevertedReverts,
    passed_again: Collection[tuple[AppKey, str]],
    has: Callable[[str], bool],
) -> ReleaseHistory:
    """Return what is known of the apps of Git. `passed_again` are releases that failed and are healthy now.

    `has` tells whether the mirror has a commit.
    """
    known = recorded.releases
    declared = {app.key for app in desired.apps} | set(desired.invalid_apps)
    foreign = deployed_by_others(desired, containers, known, has)
    ours = from_this_repository(containers, foreign)
    recovered = [
        each for each in recovered_releases(ours, release_facts(known).known) if each.app in declared
    ]
    releases = (*known, *reversed(recovered))  # both newest first
    relanded = revert_watcher.find(desired.apps, releases, head=desired.commit)
    lifted = {*passed_again, *((each.app, each.digest) for each in relanded)}
    return ReleaseHistory(
        facts=release_facts(
            row
            for row in releases
            if row.state is not ReleaseState.FAILED or (row.app, row.digest) not in lifted
        ),
        newest={row.app: row.digest for row in reversed(releases)},
        pins=recorded.pins,
        reverts=recorded.reverts,
        recovered=tuple(recovered),
        reverted_reverts=relanded,
        foreign_apps=foreign,
    )
