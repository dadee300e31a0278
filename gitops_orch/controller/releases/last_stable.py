"""Finds the last stable releases of apps whose files cannot be read, so that a mistake in a file does not end healing.

A release is used only if every container matches it. In the middle of a rollout it is unknown which release is meant.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial

from gitops_orch.controller.desired.app_files import AppFiles
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.desired.last_seen import choose_salt
from gitops_orch.controller.releases.release_history import release_facts
from gitops_orch.controller.releases.running_releases import Hashes, image_pins
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.desired import Desired
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.names import is_pre_start
from gitops_orch.model.observed import OwnedContainer, Ownership
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.inputs.world import Role, TargetRelease


class LastGood:
    """Finds the releases that apps with unreadable files run."""

    def __init__(self, repository: ConfigRepository, history: History, spec_cache: SpecCache) -> None:
        self._repository = repository
        self._history = history
        self._spec_cache = spec_cache

    def releases(
        self, desired: Desired, files: AppFiles, containers: Iterable[OwnedContainer]
    ) -> tuple[TargetRelease, ...]:
        """Return the release of each unreadable app that, by `files`, was an app of the last commit.

        An app is left out if it has no stable release, runs a mixture of releases, or the files of that release do not
        exist any more.
        """
        unreadable = set(desired.invalid_apps) & set(files.apps.values())
        if not unreadable:
            return ()
        there: dict[AppKey, list[Ownership]] = defaultdict(list)
        containers = list(containers)
        for each in containers:
            if each.owner.app in unreadable and _counts(each):
                there[each.owner.app].append(each.owner)
        hashes = partial(self._spec_cache.hashes, salt=choose_salt(self._history.salt(), containers))
        found = (self._release(key, there[key], hashes) for key in sorted(unreadable))
        return tuple(each for each in found if each is not None)

    def _release(self, key: AppKey, owners: Collection[Ownership], hashes: Hashes) -> TargetRelease | None:
        stable = self._newest_stable(key)
        app = self._repository.app_at(key, stable.commit) if stable is not None else None
        if stable is None or app is None or app.digest != stable.digest:
            return None
        fitting = hashes(app) if any(each.release != app.digest for each in owners) else {}
        if any(
            each.release != app.digest and each.spec_hash not in fitting.get(each.service, ())
            for each in owners
        ):
            return None
        pins = image_pins(self._history, key, app.digest)
        return TargetRelease(app=app, commit=stable.commit, role=Role.WAITING, images=pins)

    def _newest_stable(self, key: AppKey) -> Release | None:
        """Return the newest release that did not fail, if it is stable: a later one may be in progress."""
        releases = self._history.releases(key)  # newest first
        failed = release_facts(releases).failed.get(key, {})
        newest = next((each for each in releases if each.digest not in failed), None)
        return newest if newest is not None and newest.state is ReleaseState.STABLE else None


def _counts(container: OwnedContainer) -> bool:
    """Tell whether a container shows the app's release. Scheduled runs, pre_start and retained containers do not."""
    owner = container.owner
    return not (is_retained(container) or is_run_slot(owner.slot) or is_pre_start(owner.service))
