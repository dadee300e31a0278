"""Builds the planner's world from the facts of a snapshot and the memory of this process."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from gitops_orch.controller.desired.last_seen import last_known_placements
from gitops_orch.controller.inputs.gather import Facts, Sources
from gitops_orch.controller.inputs.targets import choose_targets
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.releases.known_releases import ReleaseHistory
from gitops_orch.controller.releases.orphans import RemovedApps, find_removed_apps, known_apps
from gitops_orch.controller.releases.outdated_releases import previous_services
from gitops_orch.controller.releases.release_history import ReleaseFacts, abandoned_releases
from gitops_orch.controller.releases.running_releases import running_releases
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedHost
from gitops_orch.planner.inputs.world import (
    DesiredInputs,
    Findings,
    FormerApps,
    MemoryInputs,
    ObservedInputs,
    OperatorInputs,
    ReleaseInputs,
    SpecInputs,
    TargetRelease,
    World,
)


def build_world(facts: Facts, past: ReleaseHistory, sources: Sources, memory: Memory) -> World:
    """Return the world, without the scheduled runs that are due and the files of hosts. It changes nothing.

    From `sources` it reads the files of older releases, and which images they ran.
    """
    desired, containers, releases = facts.desired, facts.containers, past.facts
    repository, spec_cache, recorded = sources.repository, sources.spec_cache, facts.recorded
    choices = choose_targets(facts, past, sources, memory)
    known = known_apps(recorded, facts.observed, releases.stable)
    removed = find_removed_apps(desired, containers, repository, repository.source.has, known)
    hashes = partial(spec_cache.hashes, salt=facts.salt)
    running = running_releases(choices, containers, repository, sources.history, releases, hashes)
    keyed = _keyed(sources, [*choices, *facts.last_good, *running], facts.salt)
    running_now = keyed[len(choices) + len(facts.last_good) :]
    chosen = keyed[: len(keyed) - len(running_now)]
    hosts = (host for host in facts.observed.values() if isinstance(host, ObservedHost))
    api_versions = frozenset(host.api_version for host in hosts)
    specs = spec_cache.specs((each.app for each in keyed), facts.salt)
    succeeded = memory.succeeded_releases()
    return World(
        now=sources.clock.now(),
        desired=_desired_inputs(facts, past, removed),
        observed=ObservedInputs(
            hosts=facts.observed,
            last_answers=recorded.last_answers,
            last_placements=last_known_placements(
                recorded.placements, desired, containers, is_continuous=recorded.is_continuous
            ),
            released_hosts=facts.host_facts.released,
        ),
        releases=_release_inputs(facts, releases, chosen, running_now, succeeded),
        specs=SpecInputs(
            by_service=specs,
            declared_services=previous_services(chosen, containers, specs, repository, facts.salt),
            refusals=spec_cache.refusals((each.app for each in keyed), api_versions),
            salt=facts.salt,
        ),
        findings=Findings(retained_apps=desired.kept),
        operator=OperatorInputs(
            holds=recorded.holds,
            containers_kept=sources.containers_kept,
            allowed_prunes=facts.directives.allowed_prunes,
            accepted=facts.directives.permission.accepted,
        ),
        memory=MemoryInputs(
            backoffs=memory.backoffs(chosen),
            start_backoffs=memory.start_backoffs(),
            troubles=recorded.troubles,
            heals=memory.heals(),
            post_start_done=memory.post_start_done(),
        ),
    )


def _desired_inputs(facts: Facts, past: ReleaseHistory, removed: RemovedApps) -> DesiredInputs:
    desired = facts.desired
    return DesiredInputs(
        commit=desired.commit,
        hosts=desired.hosts,
        heads={app.key: app for app in desired.apps},
        fleet=desired.fleet,
        invalid_apps={
            key: desired.invalid_reasons.get(key, "its files have mistakes") for key in desired.invalid_apps
        },
        left_out=desired.left_out,
        invalid_paths=desired.invalid_paths,
        former=FormerApps(
            prune_default=desired.fleet.prune_default,
            prunes=removed.prunes,
            apps={key: app for key, app in removed.former.items() if app is not None},
            foreign_apps=removed.foreign_apps | past.foreign_apps,
        ),
    )


def _release_inputs(
    facts: Facts,
    releases: ReleaseFacts,
    chosen: tuple[TargetRelease, ...],
    running_now: tuple[TargetRelease, ...],
    succeeded: Collection[tuple[AppKey, str]],
) -> ReleaseInputs:
    apps = facts.desired.apps
    settled = frozenset(a.key for a in apps if releases.was_stable(a.key, a.digest))
    return ReleaseInputs(
        targets=chosen,
        running={each.app.key: each for each in running_now},
        ungated=frozenset(
            a.key
            for a in apps
            if a.key in releases.progressing_by_app.keys() | releases.failed.keys()
            and a.key not in settled
            and (a.key, a.digest) not in succeeded
        ),
        progressing=releases.progressing_by_app,
        stable_heads=settled,
        failed=abandoned_releases(releases, chosen),
        failed_or_running=releases.failed,
        never_stable=frozenset(a.key for a in apps if not releases.stable.get(a.key)),
    )


def _keyed(sources: Sources, chosen: list[TargetRelease], salt: str) -> tuple[TargetRelease, ...]:
    apps = sources.spec_cache.keyed((each.app for each in chosen), salt)
    return tuple(replace(each, app=apps[(each.app.key, each.app.digest)]) for each in chosen)
