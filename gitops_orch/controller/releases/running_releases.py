"""Finds the release that an app runs if no container is of its head release, and the app may have to keep it.

It is needed for apps that depend on others, and for apps of which something left Git.

Note [The release that an app runs]
A container names the release that created it. A later release keeps the container if nothing of it changed. So the app
runs the release that matches most of its containers. If several do, it is the release that was stable last, else the
release that created a container last. If a rollout was interrupted, no release matches all containers: then the app
runs a mixture.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.releases.release_history import ReleaseFacts
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.names import is_pre_start
from gitops_orch.model.observed import LIVE_STATES, OwnedContainer
from gitops_orch.planner.inputs.world import ImagePin, Role, TargetRelease
from gitops_orch.planner.releases.dependencies import has_run

# Returns, by service, the spec hashes that its containers may have.
Hashes = Callable[[App], Mapping[str, Collection[str]]]


def image_pins(history: History, app: AppKey, release: str) -> Mapping[str, ImagePin]:
    """Return the image that each service of a release ran last."""
    pins: dict[str, ImagePin] = {}
    for record in history.images(app, release=release):  # newest first
        pins.setdefault(record.service, ImagePin(id=record.image_id, digests=record.digests))
    return pins


def running_releases(
    chosen: Iterable[TargetRelease],
    containers: Iterable[OwnedContainer],
    repository: ConfigRepository,
    history: History,
    facts: ReleaseFacts,
    hashes: Hashes,
) -> tuple[TargetRelease, ...]:
    """Return, for apps without a container of their head release, the release that they run.

    It is never a quarantined release. If no container of an app exists, it is the last stable release. It is returned
    only for apps that depend on others or that a service has left; for all apps if an app has left Git. An app is left
    out if the files of that release do not exist any more, or now resolve to something else.
    """
    chosen = list(chosen)
    there: dict[AppKey, list[OwnedContainer]] = defaultdict(list)
    for each in containers:
        if has_run(each) and not is_pre_start(each.owner.service):
            there[each.owner.app].append(each)
    all_apps = bool(there.keys() - {each.app.key for each in chosen})
    found = []
    for head in (each.app for each in chosen if each.role is Role.HEAD):
        left = {each.owner.service for each in there[head.key]} - {service.name for service in head.services}
        if all_apps or head.depends_on or left:
            best = _ReleaseSearch(head, _serving(there[head.key]), repository, facts, hashes).best()
            if best is not None:
                pins = image_pins(history, head.key, best.app.digest)
                found.append(
                    TargetRelease(
                        app=best.app,
                        commit=best.commit,
                        role=Role.WAITING,
                        images=pins,
                        is_partial=best.mixed,
                    )
                )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FoundRelease:
    """A release, and how many of an app's containers match it: of those that run, and of all."""

    app: App
    commit: str
    matching_counts: tuple[int, int]
    mixed: bool  # True: a running container does not match


@dataclass(frozen=True, slots=True)
class _ReleaseSearch:
    """Finds the release that an app runs, among those that its containers name."""

    head: App
    serving: Sequence[OwnedContainer]  # the newest is last
    repository: ConfigRepository
    facts: ReleaseFacts
    hashes: Hashes

    def best(self) -> _FoundRelease | None:
        """Return the release that runs; None if it is the head release, or if none is known."""
        if any(each.owner.release == self.head.digest for each in self.serving):
            return None
        # `max` returns the first of several equal candidates.
        return max(self._candidates(), key=lambda each: each.matching_counts, default=None)

    def _candidates(self) -> Iterator[_FoundRelease]:
        """Yield the possible releases, the most probable first: stable ones, then the others, each newest first."""
        failed = self.facts.failed.get(self.head.key, {})
        named = {each.owner.release: each.owner.commit for each in reversed(self.serving)}
        stable = {each.digest: each.commit for each in self.facts.stable.get(self.head.key, ())}
        newest = self.facts.stable_other_than(self.head.key, self.head.digest)
        likely = [digest for digest in stable if digest in named or (newest and digest == newest.digest)]
        likely += [digest for digest in named if digest not in stable]
        for digest in likely:
            commit = named.get(digest) or stable[digest]
            app = self.repository.app_at(self.head.key, commit) if digest not in failed else None
            if app is not None and app.digest == digest:
                others = any(each.owner.release != digest for each in self.serving)
                yield self._measured(app, commit, self.hashes(app) if others else {})

    def _measured(self, app: App, commit: str, hashes: Mapping[str, Collection[str]]) -> _FoundRelease:
        live = [each for each in self.serving if each.state in LIVE_STATES]
        running = _count_matching(app, live, hashes)
        fitting = (running, _count_matching(app, self.serving, hashes))
        return _FoundRelease(app=app, commit=commit, matching_counts=fitting, mixed=running < len(live))


def _count_matching(
    app: App, containers: Iterable[OwnedContainer], hashes: Mapping[str, Collection[str]]
) -> int:
    owners = [each.owner for each in containers]
    return sum(
        each.release == app.digest or each.spec_hash in hashes.get(each.service, ()) for each in owners
    )


def _serving(containers: Iterable[OwnedContainer]) -> Sequence[OwnedContainer]:
    """Return the containers that run, and for each slot in which none runs, its newest container."""
    # A scheduled run has the release of its scheduled time.
    ours = sorted((each for each in containers if not is_run_slot(each.owner.slot)), key=_created_s)
    live = [each for each in ours if each.state in LIVE_STATES]
    filled = {(each.owner.service, each.owner.slot) for each in live}
    others = {(each.owner.service, each.owner.slot): each for each in ours}
    return sorted([*live, *(each for slot, each in others.items() if slot not in filled)], key=_created_s)


def _created_s(container: OwnedContainer) -> float:
    return container.created_at.timestamp() if container.created_at is not None else 0.0
