"""Gathers the facts of one snapshot: what hosts, history and Git say at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.app_files import AppFiles, read_app_files
from gitops_orch.controller.desired.commit_trailers import CommitDirectives
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.desired.last_seen import choose_salt
from gitops_orch.controller.observe.host_identity import HostFacts, read_facts, updated_facts, verify_identity
from gitops_orch.controller.observe.observe_hosts import Engines, observe_all
from gitops_orch.controller.releases.last_stable import LastGood
from gitops_orch.controller.releases.orphans import identified
from gitops_orch.controller.releases.recorded import Recorded, read_recorded
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.controller.revert.reverted_reverts import RevertedReverts
from gitops_orch.controller.schedule.completed_runs import with_completed
from gitops_orch.controller.workers import Workers
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, OwnedContainer, owned_containers
from gitops_orch.planner.inputs.world import TargetRelease


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What snapshots are taken from."""

    repository: ConfigRepository
    history: History
    engines: Engines
    workers: Workers
    clock: Clock
    spec_cache: SpecCache
    reverted_reverts: RevertedReverts
    containers_kept: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when a plan is made. Nothing of it changes while apps are isolated."""

    # As loaded, with what history knows of files that are in doubt.
    desired: Desired
    # Verified: no host that is another one than before, and no container that is a copy.
    observed: Mapping[str, Observation]
    directives: CommitDirectives
    recorded: Recorded
    host_facts: HostFacts
    app_files: AppFiles
    # Last stable releases of apps whose files cannot be read.
    last_good: tuple[TargetRelease, ...]
    salt: str

    @property
    def containers(self) -> list[OwnedContainer]:
        """Return all containers of our instance on hosts that answered."""
        return owned_containers(self.observed)

    @property
    def apps(self) -> tuple[App, ...]:
        """Return the apps for which steps may be planned."""
        return (*self.desired.apps, *(each.app for each in self.last_good))

    def without(self, isolated: Mapping[AppKey, str]) -> "Facts":
        """Return the facts without the isolated apps: they stay as they are, like apps that cannot be read."""
        if not isolated:
            return self
        desired = replace(
            self.desired,
            apps=tuple(app for app in self.desired.apps if app.key not in isolated),
            invalid_apps=(*self.desired.invalid_apps, *isolated),
            invalid_reasons={**self.desired.invalid_reasons, **isolated},
        )
        good = tuple(each for each in self.last_good if each.app.key not in isolated)
        return replace(self, desired=desired, last_good=good)


def observe(sources: Sources, desired: Desired, *, quick: bool) -> Mapping[str, Observation]:
    """Observe all hosts. `quick`: do not wait for those that did not answer the last time."""
    engines = sources.engines
    engines.forget_others(desired.hosts)
    limits = engines.limits(quick=quick)
    observed = observe_all(desired.hosts, engines, sources.workers, sources.clock, limits)
    engines.note_unreachable(observed)
    return observed


def gather(sources: Sources, desired: Desired, observed: Mapping[str, Observation]) -> Facts:
    """Return the facts of a snapshot, from a loaded state and the hosts' answers. It changes nothing."""
    history, repository = sources.history, sources.repository
    observed = with_completed(observed, history)
    directives = repository.directives(desired.commit)
    known, recorded = read_facts(history), read_recorded(history)
    observed = verify_identity(observed, known, directives.permission)
    host_facts = updated_facts(known, observed, recorded.placements, directives.permission)
    files, containers = read_app_files(history), owned_containers(observed)
    desired = identified(desired, files, containers, repository)
    return Facts(
        desired=desired,
        observed=observed,
        directives=directives,
        recorded=recorded,
        host_facts=host_facts,
        app_files=files,
        last_good=LastGood(repository, history, sources.spec_cache).releases(desired, files, containers),
        salt=choose_salt(history.salt(), containers),
    )
