"""Derives the state of releases from history, or from containers if history was lost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.container import is_from_failed_release, is_retained_copy
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.observed import OwnedContainer, State
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.health_gate import is_doubtful
from gitops_orch.planner.inputs.world import TargetRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """By app: the quarantined digests, each with its reason, and the stable releases."""

    failed: Mapping[AppKey, Mapping[str, str]]
    stable: Mapping[AppKey, tuple[Release, ...]]  # newest first
    known: frozenset[AppKey]  # apps that history knows
    progressing: frozenset[tuple[AppKey, str]] = frozenset()  # in progress: neither stable nor failed yet

    @property
    def progressing_by_app(self) -> Mapping[AppKey, frozenset[str]]:
        """Return, by app, the digests of releases that were started and are neither stable nor failed."""
        found: dict[AppKey, set[str]] = defaultdict(set)
        for app, digest in self.progressing:
            found[app].add(digest)
        return {app: frozenset(digests) for app, digests in found.items()}

    def was_stable(self, app: AppKey, digest: str) -> bool:
        """Tell whether a release was ever stable."""
        return any(release.digest == digest for release in self.stable.get(app, ()))

    def stable_other_than(self, app: AppKey, digest: str) -> Release | None:
        """Return the newest stable release other than this one."""
        return next((release for release in self.stable.get(app, ()) if release.digest != digest), None)


def release_facts(releases: Iterable[Release]) -> ReleaseFacts:
    """Sort history's releases into facts; they are given newest first."""
    failed: dict[AppKey, dict[str, str]] = {}
    stable: dict[AppKey, list[Release]] = {}
    known: set[AppKey] = set()
    progressing: set[tuple[AppKey, str]] = set()
    for release in releases:
        known.add(release.app)
        if release.state is ReleaseState.PROGRESSING:
            progressing.add((release.app, release.digest))
        if release.state is ReleaseState.FAILED:
            failed.setdefault(release.app, {})[release.digest] = release.reason
        elif release.state is ReleaseState.STABLE:
            stable.setdefault(release.app, []).append(release)
    return ReleaseFacts(
        failed=failed,
        stable={app: tuple(rows) for app, rows in stable.items()},
        known=frozenset(known),
        progressing=frozenset(progressing),
    )


def abandoned_releases(
    facts: ReleaseFacts, chosen: Iterable[TargetRelease]
) -> Mapping[AppKey, Mapping[str, str]]:
    """Return the quarantined releases, by app, except those that stay running because no earlier release exists."""
    stay_up = {each.app.key: each.app.digest for each in chosen if each.stays_running}
    return {
        app: {digest: why for digest, why in failed.items() if digest != stay_up.get(app)}
        for app, failed in facts.failed.items()
    }


def recovered_releases(containers: Iterable[OwnedContainer], known: frozenset[AppKey]) -> tuple[Release, ...]:
    """Return the releases that containers show, for apps that history does not know.

    A container with a failed name (`-failed`) quarantines its release. A retained container shows a stable release that
    is older than the running one. A running release was stable if all containers that run are healthy: its own, and
    those that it did not change. A release whose predecessor still exists has not passed its gate.
    """
    candidates = [
        container
        for container in containers
        if container.owner.app not in known
        and not is_run_slot(container.owner.slot)  # the end of a scheduled run says nothing about the release
    ]
    running = [each for each in candidates if not (is_from_failed_release(each) or is_retained_copy(each))]
    failed: dict[tuple[AppKey, str], Release] = {}
    for container in candidates:
        if is_from_failed_release(container):
            app, release, commit = _release_of(container)
            failed[(app, release)] = _release(
                app, release, commit, failed=f"{container.name} is kept from it"
            )
    doubtful = _ungated_releases(running) | _unhealthy_releases(running)
    created = {
        _release_of(each): _created_s(each) for each in sorted(running, key=_created_s)
    }  # the newest container of each release counts
    former = {_release_of(container) for container in candidates if is_retained_copy(container)}.difference(
        created
    )
    # Not the release of most containers: containers that a release did not change still name an earlier release.
    newest_last = [*sorted(former), *sorted(created, key=lambda vote: (created[vote], vote))]
    stable = [
        _release(app, digest, commit)
        for app, digest, commit in newest_last
        if (app, digest) not in failed and (app, digest) not in doubtful
    ]
    return (*stable, *failed.values())


def _release_of(container: OwnedContainer) -> tuple[AppKey, str, str]:
    owner = container.owner
    return owner.app, owner.release, owner.commit


def _created_s(container: OwnedContainer) -> float:
    return container.created_at.timestamp() if container.created_at is not None else 0.0


def _unhealthy_releases(running: Iterable[OwnedContainer]) -> set[tuple[AppKey, str]]:
    """Return the releases of unhealthy containers, and all releases created later: they began with that container."""
    since: dict[AppKey, float] = {}
    created: list[tuple[AppKey, str, float]] = []
    for container in running:
        app, release, _ = _release_of(container)
        at = _created_s(container)
        created.append((app, release, at))
        if is_doubtful(container) and not _succeeded(container):
            since[app] = min(at, since.get(app, at))
    return {(app, release) for app, release, at in created if at >= since.get(app, float("inf"))}


def _ungated_releases(containers: Iterable[OwnedContainer]) -> set[tuple[AppKey, str]]:
    """Return the newer release of two in one slot: while the older container exists, the newer is ungated."""
    slots: dict[tuple[AppKey, str, int], list[tuple[float, AppKey, str]]] = defaultdict(list)
    for container in containers:
        owner, created_at = container.owner, container.created_at
        if created_at is not None:
            slot = slots[(owner.app, owner.service, owner.slot)]
            slot.append((created_at.timestamp(), owner.app, owner.release))
    rivals = (sorted(found) for found in slots.values() if len({release for _, _, release in found}) > 1)
    return {found[-1][1:] for found in rivals}


def _succeeded(container: OwnedContainer) -> bool:
    """Tell whether a one-shot container succeeded."""
    return container.state is State.EXITED and (container.details is None or container.details.exit_code == 0)


def _release(app: AppKey, digest: str, commit: str, *, failed: str = "") -> Release:
    state = ReleaseState.FAILED if failed else ReleaseState.STABLE
    return Release(app=app, digest=digest, commit=commit, state=state, reason=failed, recovered=not failed)
