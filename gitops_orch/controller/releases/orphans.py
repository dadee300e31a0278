"""Finds running apps that Git does not declare: apps that left Git, and apps of other repositories.

Note [Another controller's apps]
Two controllers with the same instance name may deploy two repositories to one Engine. To each controller, the apps of
the other one look as if they had left Git. An app is ours only if history has a release of it, or if the mirror has a
commit from which one of its containers was created. Labels alone are no proof. A file in Git is no proof, either: both
repositories may have an app of the same name, and one of them may rename or remove its file.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gitops_orch.controller.desired.app_files import AppFiles
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.releases.recorded import Recorded
from gitops_orch.errors import SourceError
from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, ObservedHost, OwnedContainer
from gitops_orch.model.release import Release
from gitops_orch.planner.renames.unreadable_apps import identify, previous_files


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownApps:
    """The apps that history has seen in Git, and the commits of apps last seen on hosts that do not answer."""

    apps: frozenset[AppKey]
    last_seen_on_silent_hosts: Mapping[AppKey, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedApps:
    """The apps that run and that no file of the commit declares."""

    # In their last version, with apps that were last seen on silent hosts; None if that version cannot be read.
    former: Mapping[AppKey, App | None]
    foreign_apps: frozenset[AppKey]  # apps that were never in this repository, as far as is known

    @property
    def prunes(self) -> Mapping[AppKey, Prune]:
        """Return the `prune` setting that each app declared for its removal; CONFIRM if the app cannot be read."""
        return {key: Prune.CONFIRM if app is None else app.prune for key, app in self.former.items()}


def identified(
    desired: Desired, files: AppFiles, containers: Iterable[OwnedContainer], repository: ConfigRepository
) -> Desired:
    """Return the desired state with what was known before: which apps broken files were, and which files stay apps."""
    if not desired.doubtful:
        return desired
    former = previous_files(files.apps, containers)
    return identify(repository.with_former(desired, former.former(files.fragments)), former)


def find_removed_apps(
    desired: Desired,
    containers: Iterable[OwnedContainer],
    repository: ConfigRepository,
    has: Callable[[str], bool],
    known: KnownApps,
) -> RemovedApps:
    """Find the apps that run and are not in Git. `has` tells whether the mirror has a commit."""
    there = {app.key for app in desired.apps} | set(desired.invalid_apps)
    commits: dict[AppKey, dict[str, None]] = defaultdict(dict)
    for container in containers:
        if container.owner.app not in there:
            commits[container.owner.app][container.owner.commit] = None
    former = {key: repository.app_at(key, [*created][-1]) for key, created in sorted(commits.items())}
    foreign = {
        key
        for key, app in former.items()
        if app is None and key not in known.apps and not any(_holds(commit, has) for commit in commits[key])
    }
    silent = {
        key: repository.app_at(key, commit)
        for key, commit in sorted(known.last_seen_on_silent_hosts.items())
        if key not in former
    }
    return RemovedApps(former={**silent, **former}, foreign_apps=frozenset(foreign))


def known_apps(
    recorded: Recorded, observed: Mapping[str, Observation], stable: Mapping[AppKey, Sequence[Release]]
) -> KnownApps:
    """Return the apps that history knows. `stable` are their stable releases, the newest first."""
    away = {
        placed.app
        for host, rows in recorded.placements.items()
        if not isinstance(observed.get(host), ObservedHost)
        for placed in rows
    }
    return KnownApps(
        apps=deployed_apps(recorded.releases),
        last_seen_on_silent_hosts={app: stable[app][0].commit for app in away if stable.get(app)},
    )


def deployed_by_others(
    desired: Desired,
    containers: Iterable[OwnedContainer],
    releases: Iterable[Release],
    has: Callable[[str], bool],
) -> frozenset[AppKey]:
    """Return the apps of Git that run but that history never deployed, from commits of another repository.

    `releases` is all of history. An app that runs its desired state is accepted as ours, whatever commit it was created
    from: then only the commits were rewritten.
    """
    deployed = deployed_apps(releases)
    digests = {app.key: app.digest for app in desired.apps if app.key not in deployed}
    created: dict[AppKey, set[tuple[str, str]]] = defaultdict(set)  # commits and releases
    for owner in (each.owner for each in containers):
        if owner.app in digests:
            created[owner.app].add((owner.commit, owner.release))
    here = {
        commit: _holds(commit, has) for commit in {commit for rows in created.values() for commit, _ in rows}
    }
    return frozenset(
        key
        for key, rows in created.items()
        if not any(here[commit] or release == digests[key] for commit, release in rows)
    )


def from_this_repository(
    containers: Iterable[OwnedContainer], foreign: Collection[AppKey]
) -> list[OwnedContainer]:
    """Return the containers without those of apps that were never in this repository."""
    return [each for each in containers if each.owner.app not in foreign]


def deployed_apps(releases: Iterable[Release]) -> frozenset[AppKey]:
    """Return the apps that history has seen deployed. A release that is known from labels only is no proof."""
    return frozenset(release.app for release in releases if not release.recovered)


def _holds(commit: str, has: Callable[[str], bool]) -> bool:
    with suppress(SourceError):  # a label may contain any text
        return has(commit)
    return False
