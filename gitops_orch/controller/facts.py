"""What is known of releases: from history, and, where history was lost, from what containers tell (decision 20)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.slots import FAILED_SUFFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """By app: the quarantined digests, each with why, and the last stable release."""

    failed: Mapping[AppKey, Mapping[str, str]]
    stable: Mapping[AppKey, tuple[Release, ...]]  # newest first
    known: frozenset[AppKey]  # apps that history has heard of

    def stable_other_than(self, app: AppKey, digest: str) -> Release | None:
        """Return the newest stable release that is not this one."""
        return next((release for release in self.stable.get(app, ()) if release.digest != digest), None)


def release_facts(releases: Iterable[Release]) -> ReleaseFacts:
    """Arrange history's releases, given newest first."""
    failed: dict[AppKey, dict[str, str]] = {}
    stable: dict[AppKey, list[Release]] = {}
    known: set[AppKey] = set()
    for release in releases:
        known.add(release.app)
        if release.state is ReleaseState.FAILED:
            failed.setdefault(release.app, {})[release.digest] = release.reason
        elif release.state is ReleaseState.STABLE:
            stable.setdefault(release.app, []).append(release)
    return ReleaseFacts(
        failed=failed, stable={app: tuple(rows) for app, rows in stable.items()}, known=frozenset(known)
    )


def recovered_releases(
    containers: Iterable[ObservedContainer], known: frozenset[AppKey]
) -> tuple[Release, ...]:
    """Return what containers tell of apps that history has lost.

    A container kept under a failed name quarantines its release.  A release whose containers run and do well was stable.
    """
    failed: dict[tuple[AppKey, str], Release] = {}
    votes: Counter[tuple[AppKey, str, str]] = Counter()
    for container in containers:
        owner = container.owner
        if owner is None or owner.app in known:
            continue
        if container.name.endswith(FAILED_SUFFIX):
            reason = f"{container.name} is kept from it"
            failed[(owner.app, owner.release)] = _release(
                owner.app, owner.release, owner.commit, failed=reason
            )
        elif container.state is State.RUNNING and container.health in {Health.NONE, Health.HEALTHY}:
            votes[(owner.app, owner.release, owner.commit)] += 1
    stable = [
        _release(app, digest, commit)
        for (app, digest, commit), _ in sorted(votes.items(), key=lambda vote: (vote[1], vote[0]))
        if (app, digest) not in failed
    ]
    return (*stable, *failed.values())


def _release(app: AppKey, digest: str, commit: str, *, failed: str = "") -> Release:
    state = ReleaseState.FAILED if failed else ReleaseState.STABLE
    return Release(app=app, digest=digest, commit=commit, state=state, reason=failed or "told by what runs")
