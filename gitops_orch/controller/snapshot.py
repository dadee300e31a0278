"""Takes a snapshot: reads Git, hosts and history, and makes the plan from them. It changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.app_files import AppFiles, read_app_files
from gitops_orch.controller.desired.changes_without_container import notes_of
from gitops_orch.controller.desired.commit_trailers import CommitDirectives
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.desired.last_seen import choose_salt, last_known_placements
from gitops_orch.controller.desired.load import Loaded
from gitops_orch.controller.desired.lost_holds import with_lost_commands
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.observe.bind_files import Unread, holds_of, unknown_of
from gitops_orch.controller.observe.host_identity import HostFacts, read_facts, updated_facts, verify_identity
from gitops_orch.controller.observe.observe_hosts import (
    Engines,
    observe_all,
)
from gitops_orch.controller.releases.joint_rollbacks import roll_back_together
from gitops_orch.controller.releases.known_releases import ReleaseHistory, find_release_history
from gitops_orch.controller.releases.last_stable import LastGood
from gitops_orch.controller.releases.orphans import (
    find_removed_apps,
    from_this_repository,
    identified,
    known_apps,
)
from gitops_orch.controller.releases.outdated_releases import previous_services
from gitops_orch.controller.releases.release_history import ReleaseFacts, abandoned_releases
from gitops_orch.controller.releases.running_releases import image_pins, running_releases
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.controller.revert.reverted_reverts import RevertedRevert, RevertedReverts
from gitops_orch.controller.schedule.completed_runs import with_completed
from gitops_orch.controller.schedule.due_runs import KnownRuns, Timetable, make_timetable
from gitops_orch.controller.workers import Workers
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, ObservedHost, OwnedContainer, owned_containers
from gitops_orch.model.plan import Plan
from gitops_orch.model.release import Release
from gitops_orch.model.status import AppStatus, Status
from gitops_orch.planner.app_selection import limited_to, problems_of, with_dependencies
from gitops_orch.planner.inputs.index import Index, build_index
from gitops_orch.planner.inputs.world import Role, TargetRelease, World
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.releases.quarantine import choose_release
from gitops_orch.planner.status import app_statuses, host_statuses
from gitops_orch.python_gc import few_collections


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that one pass knows. `world` is None if nothing may be executed."""

    status: Status
    loaded: Loaded
    # As loaded, with what history knows of files that are in doubt.
    desired: Desired | None = None
    world: World | None = None
    recovered_releases: tuple[Release, ...] = ()
    reverted_reverts: tuple[RevertedRevert, ...] = ()
    timetable: str = ""  # to be saved in history.
    host_facts: HostFacts = field(default_factory=HostFacts)
    app_files: AppFiles = field(default_factory=AppFiles)  # to be saved in history.
    unread_files: tuple[Unread, ...] = ()


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


def take_snapshot(
    sources: Sources,
    memory: Memory,
    loaded: Loaded,
    *,
    quick: bool = False,
    apps: frozenset[AppKey] = frozenset(),
) -> Snapshot:
    """Observe all hosts of a loaded state, and plan. `quick`: do not wait for hosts that did not answer the last time.

    If `apps` is not empty, the plan is limited to these apps and the apps that they depend on.
    """
    desired = loaded.desired
    if desired is None:
        return _nothing_loaded(sources, loaded)
    began = sources.clock.monotonic_s()
    sources.engines.forget_others(desired.hosts)
    observed = observe_all(
        desired.hosts, sources.engines, sources.workers, sources.clock, sources.engines.limits(quick=quick)
    )
    sources.engines.note_unreachable(observed)
    seen = sources.clock.monotonic_s()
    if not quick:
        memory.check_tags((each for each in desired.apps if not apps or each.key in apps), observed)
    observed = with_completed(observed, sources.history)
    directives = sources.repository.directives(desired.commit)
    known = read_facts(sources.history)
    observed = verify_identity(observed, known, directives.permission)
    host_facts = updated_facts(known, observed, sources.history.remembered(), directives.permission)
    files = read_app_files(sources.history)
    desired = identified(desired, files, owned_containers(observed), sources.repository)
    good = LastGood(sources.repository, sources.history, sources.spec_cache).releases(
        desired, files, owned_containers(observed)
    )
    view = _Observed(
        observed=observed, directives=directives, released_hosts=host_facts.released, last_good=good
    )
    suspects = (*desired.apps, *(each.app for each in good))
    decided = memory.isolation.run(
        suspects, partial(_plan_without, sources, memory, desired, view), sources.clock
    )
    ours = from_this_repository(owned_containers(observed), decided.world.foreign_apps)
    plan = whole = with_lost_commands(decided.plan, sources.history, ours)
    statuses, problems = decided.apps, desired.problems
    if apps:
        scope = with_dependencies(apps, desired.apps)
        plan, problems = limited_to(plan, scope), problems_of(desired, scope)
        statuses = tuple(row for row in statuses if row.key in scope)
    planned = sources.clock.monotonic_s()
    status = Status(
        commit=desired.commit,
        fetched_at=loaded.fetched_at,
        plan=plan,
        apps=statuses,
        hosts=host_statuses(desired.hosts, decided.world),
        problems=problems,
        error=loaded.error,
        invalid_files=tuple(file for file in desired.invalid_files if file.key is None and not apps),
        notes=notes_of(
            decided.world,
            whole,
            owned_containers(observed),
            sources.repository,
            {row.key for row in statuses},
        ),
        observe_ms=round((seen - began) * 1000),
        plan_ms=round((planned - seen) * 1000),
        wake_at=decided.timetable.wake_at,
    )
    return Snapshot(
        status=status,
        loaded=loaded,
        desired=desired,
        world=decided.world,
        recovered_releases=decided.past.recovered,
        reverted_reverts=decided.past.reverted_reverts,
        timetable=decided.timetable.state_text,
        host_facts=host_facts,
        app_files=files.after(desired),
        unread_files=decided.unread,
    )


def _nothing_loaded(sources: Sources, loaded: Loaded) -> Snapshot:
    empty = Plan(commit=sources.repository.last_commit() or "")
    status = Status(
        commit=empty.commit,
        fetched_at=loaded.fetched_at,
        plan=empty,
        apps=(),
        hosts=(),
        error=loaded.error,
    )
    return Snapshot(status=status, loaded=loaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What was decided from one observation."""

    world: World
    past: ReleaseHistory
    timetable: Timetable
    plan: Plan
    apps: tuple[AppStatus, ...]
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    """The observed state and the directives, from which a world is built."""

    observed: Mapping[str, Observation]
    directives: CommitDirectives
    released_hosts: frozenset[str]
    # Last stable releases of apps whose files cannot be read.
    last_good: tuple[TargetRelease, ...]


@few_collections()
def _plan_without(
    sources: Sources, memory: Memory, desired: Desired, view: _Observed, apart: Mapping[AppKey, str]
) -> _Decided:
    """Plan without the isolated apps (`apart`): they stay as they are, like apps that cannot be read."""
    if apart:
        apps = tuple(app for app in desired.apps if app.key not in apart)
        desired = replace(desired, apps=apps, invalid_apps=(*desired.invalid_apps, *apart))
        view = replace(view, last_good=tuple(each for each in view.last_good if each.app.key not in apart))
    ours, has = owned_containers(view.observed), sources.repository.source.has
    past = find_release_history(
        desired, ours, sources.history, sources.reverted_reverts, memory.recovered_first_releases(), has
    )
    world = _world(sources, memory, desired, view, past)
    world = replace(world, released_hosts=view.released_hosts, invalid_apps={**world.invalid_apps, **apart})
    timetable = _timetable(sources, memory, world)
    world = replace(world, due=timetable.due)
    index = build_index(world)
    world, plan, unread = _plan(sources, memory, world, index)
    statuses = app_statuses(world, plan, index)
    return _Decided(world=world, past=past, timetable=timetable, plan=plan, apps=statuses, unread=unread)


def _plan(
    sources: Sources, memory: Memory, world: World, index: Index
) -> tuple[World, Plan, tuple[Unread, ...]]:
    """Plan; if the plan needs files of hosts that were not read yet, read them and plan again.

    Returns the world with these files, the plan, and the files that could not be read.
    """
    world = replace(world, host_files=memory.host_files.known())
    plan = make_plan(world, index)
    former = partial(_earlier_releases, sources, owned_containers(world.observed))
    if plan.unread and memory.host_files.read_needed(plan, world.observed, former):
        world = replace(world, host_files=memory.host_files.known())
        plan = make_plan(world, index)
    unread = memory.host_files.unread(plan)
    if any(each.waits for each in unread):
        world = replace(world, backoffs={**holds_of(unread), **world.backoffs})
        plan = make_plan(world, index)
    plan = replace(plan, files_unknown=unknown_of(unread))
    memory.host_files.forget(plan)
    return world, plan, unread


def _earlier_releases(sources: Sources, containers: list[OwnedContainer], key: AppKey) -> list[App]:
    """Return the releases of an app that its containers and history name.

    Commits that are no longer in Git are left out.
    """
    commits = {release.commit for release in sources.history.releases(key)}
    commits |= {c.owner.commit for c in containers if c.owner.app == key}
    found = (sources.repository.app_at(key, commit) for commit in sorted(commits))
    return [app for app in found if app is not None]


def _timetable(sources: Sources, memory: Memory, world: World) -> Timetable:
    away = (
        placed
        for host, rows in world.last_placements.items()
        if not isinstance(world.observed.get(host), ObservedHost)
        for placed in rows
    )
    ours = tuple(owned_containers(world.observed))
    ran = KnownRuns(containers=ours, unreachable=tuple(away), started=memory.started_runs())
    return make_timetable((each.app for each in world.targets), ran, sources.history.timetable(), world.now)


def _world(
    sources: Sources, memory: Memory, desired: Desired, view: _Observed, past: ReleaseHistory
) -> World:
    observed, directives, succeeded = view.observed, view.directives, memory.succeeded_releases()
    containers = owned_containers(observed)
    history, facts = sources.history, past.facts
    salt = choose_salt(history.salt(), containers)
    choose = partial(_choose, sources, desired.commit, past)
    former = partial(_former_release, sources, facts)
    choices = roll_back_together(desired.apps, choose, former, facts.was_stable)
    choices = memory.with_tags(choices, observed)
    known = known_apps(history, observed, facts.stable)
    removed = find_removed_apps(desired, containers, sources.repository, sources.repository.source.has, known)
    hashes = partial(sources.spec_cache.hashes, salt=salt)
    running = running_releases(choices, containers, sources.repository, history, facts, hashes)
    keyed = _keyed(sources, [*choices, *view.last_good, *running], salt)
    running_now = keyed[len(choices) + len(view.last_good) :]
    chosen = keyed[: len(keyed) - len(running_now)]
    api_versions = frozenset(host.api_version for host in observed.values() if isinstance(host, ObservedHost))
    settled = frozenset(a.key for a in desired.apps if facts.was_stable(a.key, a.digest))
    specs = sources.spec_cache.specs((each.app for each in keyed), salt)
    return World(
        commit=desired.commit,
        now=sources.clock.now(),
        hosts=desired.hosts,
        observed=observed,
        targets=chosen,
        heads={app.key: app for app in desired.apps},
        specs=specs,
        declared_services=previous_services(chosen, containers, specs, sources.repository, salt),
        refusals=sources.spec_cache.refusals((each.app for each in keyed), api_versions),
        salt=salt,
        fleet=desired.fleet,
        invalid_apps={
            key: desired.invalid_reasons.get(key, "its files have mistakes") for key in desired.invalid_apps
        },
        left_out=desired.left_out,
        invalid_paths=desired.invalid_paths,
        retained_apps=desired.kept,
        holds=history.holds(),
        backoffs=memory.backoffs(chosen),
        start_backoffs=memory.start_backoffs(),
        troubles=history.troubles(),
        last_answers=history.seen(),
        running={each.app.key: each for each in running_now},
        heals=memory.heals(),
        ungated=frozenset(
            a.key
            for a in desired.apps
            if a.key in facts.progressing_by_app.keys() | facts.failed.keys()
            and a.key not in settled
            and (a.key, a.digest) not in succeeded
        ),
        post_start_done=memory.post_start_done(),
        progressing=facts.progressing_by_app,
        stable_heads=settled,
        containers_kept=sources.containers_kept,
        failed=abandoned_releases(facts, chosen),
        failed_or_running=facts.failed,
        last_placements=last_known_placements(history, desired, containers),
        prune_default=desired.fleet.prune_default,
        prunes=removed.prunes,
        former={key: app for key, app in removed.former.items() if app is not None},
        foreign_apps=removed.foreign_apps | past.foreign_apps,
        never_stable=frozenset(a.key for a in desired.apps if not facts.stable.get(a.key)),
        allowed_prunes=directives.allowed_prunes,
        accepted=directives.permission.accepted,
    )


def _former_release(sources: Sources, facts: ReleaseFacts, app: App) -> TargetRelease | None:
    """Return the last stable release of an app other than its head release; None if none can be read."""
    stable = facts.stable_other_than(app.key, app.digest)
    older = sources.repository.app_at(app.key, stable.commit) if stable is not None else None
    if stable is None or older is None:
        return None
    return TargetRelease(
        app=older, commit=stable.commit, images=image_pins(sources.history, app.key, stable.digest)
    )


def _keyed(sources: Sources, chosen: list[TargetRelease], salt: str) -> tuple[TargetRelease, ...]:
    apps = sources.spec_cache.keyed((each.app for each in chosen), salt)
    return tuple(replace(each, app=apps[(each.app.key, each.app.digest)]) for each in chosen)


def _choose(sources: Sources, commit: str, past: ReleaseHistory, app: App) -> TargetRelease:
    failed = past.facts.failed.get(app.key, {})
    stable = past.facts.stable_other_than(app.key, app.digest)
    choice = choose_release(app, commit, pin=past.pins.get(app.key), failed=failed, stable=stable)
    if choice.role is Role.HEAD:
        pushed = past.revert_to(app.key, app.digest)
        directives, reverted = (pushed.message, pushed.digest) if pushed is not None else ("", "")
        reason, up = choice.reason or directives, choice.stays_running
        return TargetRelease(app=app, commit=commit, reason=reason, reverted=reverted, stays_running=up)
    if choice.role is Role.BLOCKED:
        return TargetRelease(app=app, commit=commit, role=choice.role, reason=choice.reason)
    older = sources.repository.app_at(app.key, choice.commit)
    if older is None:
        reason = f"{choice.reason}, but the files of {choice.commit[:12]} cannot be read"
        return TargetRelease(app=app, commit=commit, role=Role.BLOCKED, reason=reason)
    images = image_pins(sources.history, app.key, choice.digest)
    revert = past.revert_of(app.key, app.digest) if choice.role is Role.ROLLBACK else ""
    reason = "; ".join(filter(None, (choice.reason, revert)))
    return TargetRelease(app=older, commit=choice.commit, role=choice.role, reason=reason, images=images)
