"""What runs and is not of this Git: apps that left it, as they were last, and apps of other repositories.

Note [Another controller's apps]
Two repositories may be deployed to one Engine by two controllers that carry the same instance name.  To each, the apps
of the other look as if they had left Git.  An app is ours only where history has a release of it, or where the mirror
holds a commit that one of its containers was made from.  What the labels alone tell is no proof, and neither is a file in
Git: both may have an app of one name, and one of them renames or removes its file then.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gitops_orch.controller.desired.app_files import AppFiles
from gitops_orch.controller.desired.load import Loader
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, ObservedContainer, ObservedHost
from gitops_orch.model.release import Release
from gitops_orch.planner.renames.unreadable_apps import identify, previous_files


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownApps:
    """Which apps history has seen in Git, and those last seen on hosts that do not answer, with the commit they ran."""

    apps: frozenset[AppKey]
    last_seen_on_silent_hosts: Mapping[AppKey, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedApps:
    """The apps that run and that no file of the commit declares."""

    # As their last commit had them, and apps of Git on silent hosts; None where that cannot be read.
    former: Mapping[AppKey, App | None]
    foreign_apps: frozenset[AppKey]  # that were never in this repository, as far as can be told

    @property
    def prunes(self) -> Mapping[AppKey, Prune]:
        """Return what each declared for the case that it leaves Git; one that cannot be read is asked about."""
        return {key: Prune.CONFIRM if app is None else app.prune for key, app in self.former.items()}


def identified(
    desired: Desired, files: AppFiles, containers: Iterable[ObservedContainer], loader: Loader
) -> Desired:
    """Return the desired state with what was known before: which apps broken files were, and which stay apps."""
    if not desired.doubtful:
        return desired
    former = previous_files(files.apps, containers)
    return identify(loader.with_former(desired, former.former(files.fragments)), former)


def find_removed_apps(
    desired: Desired,
    containers: Iterable[ObservedContainer],
    loader: Loader,
    has: Callable[[str], bool],
    known: KnownApps,
) -> RemovedApps:
    """Find what runs and is not in Git; `has` tells whether the mirror holds a commit."""
    there = {app.key for app in desired.apps} | set(desired.invalid_apps)
    commits: dict[AppKey, dict[str, None]] = defaultdict(dict)
    for container in containers:
        if container.owner is not None and container.owner.app not in there:
            commits[container.owner.app][container.owner.commit] = None
    former = {key: loader.app_at(key, [*created][-1]) for key, created in sorted(commits.items())}
    foreign = {
        key
        for key, app in former.items()
        if app is None and key not in known.apps and not any(_holds(commit, has) for commit in commits[key])
    }
    silent = {
        key: loader.app_at(key, commit)
        for key, commit in sorted(known.last_seen_on_silent_hosts.items())
        if key not in former
    }
    return RemovedApps(former={**silent, **former}, foreign_apps=frozenset(foreign))


def known_apps(
    history: History, observed: Mapping[str, Observation], stable: Mapping[AppKey, Sequence[Release]]
) -> KnownApps:
    """Return what history knows of apps; `stable` are their stable releases, the newest first."""
    away = {
        placed.app
        for host, rows in history.remembered().items()
        if not isinstance(observed.get(host), ObservedHost)
        for placed in rows
    }
    return KnownApps(
        apps=deployed_apps(history.releases(None)),
        last_seen_on_silent_hosts={app: stable[app][0].commit for app in away if stable.get(app)},
    )


def deployed_by_others(
    desired: Desired,
    containers: Iterable[ObservedContainer],
    releases: Iterable[Release],
    has: Callable[[str], bool],
) -> frozenset[AppKey]:
    """Return the apps of Git that history has never deployed and that run all the same, from commits of elsewhere.

    `releases` is all of history.  What runs just as Git wants it is taken up, whatever commit it was made from: then
    nothing but the commits was rewritten.
    """
    deployed = deployed_apps(releases)
    digests = {app.key: app.digest for app in desired.apps if app.key not in deployed}
    created: dict[AppKey, set[tuple[str, str]]] = defaultdict(set)  # commits and releases
    for owner in (each.owner for each in containers):
        if owner is not None and owner.app in digests:
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
    containers: Iterable[ObservedContainer], foreign: Collection[AppKey]
) -> list[ObservedContainer]:
    """Return the containers without those of apps that were never in this repository."""
    return [each for each in containers if each.owner is None or each.owner.app not in foreign]


def deployed_apps(releases: Iterable[Release]) -> frozenset[AppKey]:
    """Return the apps that history has seen deployed; a release that only labels tell of is no proof."""
    return frozenset(release.app for release in releases if not release.recovered)


def _holds(commit: str, has: Callable[[str], bool]) -> bool:
    with suppress(SourceError):  # a label may hold any text
        return has(commit)
    return False
