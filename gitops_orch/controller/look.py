"""One look at everything: Git, hosts, history; and the plan that comes of it.  Changes nothing anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.app_files import AppFiles, read_app_files
from gitops_orch.controller.backoff import Backoff
from gitops_orch.controller.completed import with_completed
from gitops_orch.controller.facts import ReleaseFacts, given_up
from gitops_orch.controller.former import former_services
from gitops_orch.controller.gone import find_gone, from_this_repository, identified, known_before
from gitops_orch.controller.host_files import HostFilesMemory, Unread, holds_of, unknown_of
from gitops_orch.controller.inventory import HostFacts, learn, read_facts, recognise
from gitops_orch.controller.isolate import Isolation
from gitops_orch.controller.last_good import LastGood
from gitops_orch.controller.load import Loaded, Loader
from gitops_orch.controller.lost_commands import with_lost_commands
from gitops_orch.controller.meanwhile import image_pins, releases_that_run
from gitops_orch.controller.no_container import notes_of
from gitops_orch.controller.observe import OBSERVE_DEADLINE_S, Engines, Patience, observe_all
from gitops_orch.controller.past import Past, find_past
from gitops_orch.controller.recall import choose_salt, remembered_placements
from gitops_orch.controller.reland import Relander, Relanding
from gitops_orch.controller.restraint import Restraint
from gitops_orch.controller.said import Said, what_was_said
from gitops_orch.controller.stamp import Stamper
from gitops_orch.controller.tags import Tags
from gitops_orch.controller.timetable import Ran, Timetable, make_timetable
from gitops_orch.controller.together import go_back_together
from gitops_orch.controller.workers import Workers
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import Observation, ObservedContainer, ObservedHost, Placed
from gitops_orch.model.plan import Plan
from gitops_orch.model.release import Release
from gitops_orch.model.status import AppStatus, Picture
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.release import choose_release
from gitops_orch.planner.scope import kept_to, problems_of, with_dependencies
from gitops_orch.planner.status import app_statuses, host_statuses
from gitops_orch.planner.world import Chosen, Role, World
from gitops_orch.source.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A picture, and the world that it was taken of; `world` None where nothing may be acted on."""

    picture: Picture
    loaded: Loaded
    desired: Desired | None = None  # as loaded, with what was known before of files that are in doubt
    world: World | None = None
    recovered: tuple[Release, ...] = ()
    relanded: tuple[Relanding, ...] = ()
    timetable: str = ""  # for history to remember
    host_facts: HostFacts = field(default_factory=HostFacts)
    app_files: AppFiles = field(default_factory=AppFiles)  # for history to remember
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look needs."""

    source: Source
    history: History
    loader: Loader
    engines: Engines
    workers: Workers
    clock: Clock
    stamper: Stamper
    backoff: Backoff
    relander: Relander
    restraint: Restraint
    isolation: Isolation
    tags: Tags
    host_files: HostFilesMemory
    greeted: set[tuple[str, str]]  # containers, by host and name, whose post_start was run in this process
    started_runs: dict[
        str, Placed
    ]  # of the last plan: the next look notes them, should their containers be gone
    proved: set[tuple[AppKey, str]]  # releases, by digest, whose every step went well in this process
    passed_again: set[
        tuple[AppKey, str]
    ]  # first releases, by digest, that failed, stayed up, and do well now
    observe_deadline_s: float = OBSERVE_DEADLINE_S
    containers_kept: int = 1


def take_look(
    sight: Sight, loaded: Loaded, *, impatient: bool = False, apps: frozenset[AppKey] = frozenset()
) -> Look:
    """Observe all hosts of a loaded state and plan; if impatient, without waiting for hosts that were silent before.

    Where `apps` are named, the plan is kept to them and to what they depend on.
    """
    desired = loaded.desired
    if desired is None:
        return _nothing_loaded(sight, loaded)
    began = sight.clock.monotonic_s()
    sight.engines.forget_others(desired.hosts)
    observed = observe_all(
        desired.hosts, sight.engines, sight.workers, sight.clock, _patience(sight, impatient)
    )
    sight.engines.note_silent(observed)
    seen = sight.clock.monotonic_s()
    if not impatient:
        sight.tags.look((each for each in desired.apps if not apps or each.key in apps), observed)
    observed = with_completed(observed, sight.history)
    said = what_was_said(sight.source, sight.history, desired.commit)
    known = read_facts(sight.history)
    observed = recognise(observed, known, said.permission)
    host_facts = learn(known, observed, sight.history.remembered(), said.permission)
    files = read_app_files(sight.history)
    desired = identified(desired, files, our_containers(observed), sight.loader)
    good = LastGood(sight.loader, sight.history, sight.stamper).releases(
        desired, files, our_containers(observed)
    )
    view = _View(observed=observed, said=said, let_go=host_facts.let_go, good=good)
    suspects = (*desired.apps, *(each.app for each in good))
    thought = sight.isolation.work_out(suspects, partial(_think, sight, desired, view), sight.clock)
    ours = from_this_repository(our_containers(observed), thought.world.strangers)
    plan = whole = with_lost_commands(thought.plan, sight.history, ours)
    statuses, problems = thought.apps, desired.problems
    if apps:
        scope = with_dependencies(apps, desired.apps)
        plan, problems = kept_to(plan, scope), problems_of(desired, scope)
        statuses = tuple(row for row in statuses if row.key in scope)
    planned = sight.clock.monotonic_s()
    picture = Picture(
        commit=desired.commit,
        fetched_at=loaded.fetched_at,
        plan=plan,
        apps=statuses,
        hosts=host_statuses(desired.hosts, thought.world),
        problems=problems,
        error=loaded.error,
        broken_files=tuple(file for file in desired.broken_files if file.key is None and not apps),
        notes=notes_of(
            thought.world, whole, our_containers(observed), sight.loader, {row.key for row in statuses}
        ),
        observe_ms=round((seen - began) * 1000),
        plan_ms=round((planned - seen) * 1000),
        wake_at=thought.timetable.wake_at,
    )
    return Look(
        picture=picture,
        loaded=loaded,
        desired=desired,
        world=thought.world,
        recovered=thought.past.recovered,
        relanded=thought.past.relanded,
        timetable=thought.timetable.text,
        host_facts=host_facts,
        app_files=files.after(desired),
        unread=thought.unread,
    )


def _nothing_loaded(sight: Sight, loaded: Loaded) -> Look:
    empty = Plan(commit=sight.loader.last_commit() or "")
    picture = Picture(
        commit=empty.commit,
        fetched_at=loaded.fetched_at,
        plan=empty,
        apps=(),
        hosts=(),
        error=loaded.error,
    )
    return Look(picture=picture, loaded=loaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thought:
    """What was made of all that was seen."""

    world: World
    past: Past
    timetable: Timetable
    plan: Plan
    apps: tuple[AppStatus, ...]
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What was seen and said, of which a world is made."""

    observed: Mapping[str, Observation]
    said: Said
    let_go: frozenset[str]
    good: tuple[Chosen, ...]  # what runs of apps that cannot be read


def _think(sight: Sight, desired: Desired, view: _View, apart: Mapping[AppKey, str]) -> _Thought:
    """Plan, with some apps set apart: these stay as they are, like those that cannot be read."""
    if apart:
        apps = tuple(app for app in desired.apps if app.key not in apart)
        desired = replace(desired, apps=apps, broken=(*desired.broken, *apart))
        view = replace(view, good=tuple(each for each in view.good if each.app.key not in apart))
    ours, has = our_containers(view.observed), sight.source.has
    past = find_past(desired, ours, sight.history, sight.relander, sight.passed_again, has)
    world = _world(sight, desired, view, past)
    world = replace(world, let_go=view.let_go, broken={**world.broken, **apart})
    timetable = _timetable(sight, world)
    world = replace(world, due=timetable.due)
    world, plan, unread = _plan(sight, world)
    statuses = app_statuses(world, plan)
    return _Thought(world=world, past=past, timetable=timetable, plan=plan, apps=statuses, unread=unread)


def _plan(sight: Sight, world: World) -> tuple[World, Plan, tuple[Unread, ...]]:
    """Plan, and once more where that shows that files on hosts must be looked at.

    Returns the world with these files, and which could not be read.
    """
    world = replace(world, host_files=sight.host_files.known())
    plan = make_plan(world)
    former = partial(_earlier_releases, sight, our_containers(world.observed))
    if plan.unread and sight.host_files.look(plan, world.observed, former):
        world = replace(world, host_files=sight.host_files.known())
        plan = make_plan(world)
    unread = sight.host_files.unread(plan)
    if any(each.waits for each in unread):
        world = replace(world, waits={**holds_of(unread), **world.waits})
        plan = make_plan(world)
    plan = replace(plan, files_unknown=unknown_of(unread))
    sight.host_files.forget(plan)
    return world, plan, unread


def _earlier_releases(sight: Sight, containers: list[ObservedContainer], key: AppKey) -> list[App]:
    """Return an app as its containers, and the releases that history knows, have it; without those that are gone."""
    commits = {release.commit for release in sight.history.releases(key)}
    commits |= {c.owner.commit for c in containers if c.owner is not None and c.owner.app == key}
    found = (sight.loader.app_at(key, commit) for commit in sorted(commits))
    return [app for app in found if app is not None]


def _timetable(sight: Sight, world: World) -> Timetable:
    away = (
        placed
        for host, rows in world.remembered.items()
        if not isinstance(world.observed.get(host), ObservedHost)
        for placed in rows
    )
    ran = Ran(
        containers=tuple(our_containers(world.observed)),
        away=tuple(away),
        started=sight.started_runs,
    )
    return make_timetable((each.app for each in world.chosen), ran, sight.history.timetable(), world.now)


def _patience(sight: Sight, impatient: bool) -> Patience:  # noqa: FBT001 - its caller names it
    silent = sight.engines.silent if impatient else {}
    return Patience(deadline_s=sight.observe_deadline_s, skipped=silent)


def our_containers(observed: Mapping[str, Observation]) -> list[ObservedContainer]:
    """Return all containers of our instance on hosts that answered."""
    return [
        container
        for host in observed.values()
        if isinstance(host, ObservedHost)
        for container in host.containers
        if container.owner is not None
    ]


def _world(sight: Sight, desired: Desired, view: _View, past: Past) -> World:
    observed, said = view.observed, view.said
    containers = our_containers(observed)
    history, facts = sight.history, past.facts
    salt = choose_salt(history.salt(), containers)
    choose = partial(_choose, sight, desired.commit, past)
    former = partial(_former_release, sight, facts)
    choices = go_back_together(desired.apps, choose, former, facts.was_stable)
    choices = sight.tags.noted(choices, observed)
    known = known_before(history, observed, facts.stable)
    gone = find_gone(desired, containers, sight.loader, sight.source.has, known)
    hashes = partial(sight.stamper.hashes, salt=salt)
    running = releases_that_run(choices, containers, sight.loader, history, facts, hashes)
    keyed = _keyed(sight, [*choices, *view.good, *running], salt)
    meanwhile = keyed[len(choices) + len(view.good) :]
    chosen = keyed[: len(keyed) - len(meanwhile)]
    api_versions = frozenset(host.api_version for host in observed.values() if isinstance(host, ObservedHost))
    settled = frozenset(a.key for a in desired.apps if facts.was_stable(a.key, a.digest))
    specs = sight.stamper.specs((each.app for each in keyed), salt)
    return World(
        commit=desired.commit,
        now=sight.clock.now(),
        hosts=desired.hosts,
        observed=observed,
        chosen=chosen,
        heads={app.key: app for app in desired.apps},
        specs=specs,
        made_from=former_services(chosen, containers, specs, sight.loader, salt),
        refusals=sight.stamper.refusals((each.app for each in keyed), api_versions),
        salt=salt,
        fleet=desired.fleet,
        broken={key: desired.broken_why.get(key, "its files have mistakes") for key in desired.broken},
        left_out=desired.left_out,
        broken_paths=desired.broken_paths,
        kept=desired.kept,
        holds=history.holds(),
        waits=sight.backoff.holds(
            {each.app.key: each.app.digest for each in chosen}, sight.clock.monotonic_s(), sight.clock.now()
        ),
        start_waits=sight.backoff.start_holds(sight.clock.monotonic_s(), sight.clock.now()),
        troubles=history.troubles(),
        seen=history.seen(),
        meanwhile={each.app.key: each for each in meanwhile},
        healed=sight.restraint.healings(),
        unproved=frozenset(
            a.key
            for a in desired.apps
            if a.key in facts.begun.keys() | facts.failed.keys()
            and a.key not in settled
            and (a.key, a.digest) not in sight.proved
        ),
        greeted=frozenset(sight.greeted),
        begun=facts.begun,
        settled=settled,
        containers_kept=sight.containers_kept,
        failed=given_up(facts, chosen),
        failures=facts.failed,
        remembered=remembered_placements(history, desired, containers),
        prune_default=desired.fleet.prune_default,
        prunes=gone.prunes,
        former={key: app for key, app in gone.former.items() if app is not None},
        strangers=gone.strangers | past.strangers,
        newcomers=frozenset(a.key for a in desired.apps if not facts.stable.get(a.key)),
        allowed_prunes=said.allowed_prunes,
        accepted=said.permission.accepted,
    )


def _former_release(sight: Sight, facts: ReleaseFacts, app: App) -> Chosen | None:
    """Return the last stable release of an app before the one that Git has; None where there is none to be had."""
    stable = facts.stable_other_than(app.key, app.digest)
    older = sight.loader.app_at(app.key, stable.commit) if stable is not None else None
    if stable is None or older is None:
        return None
    return Chosen(app=older, commit=stable.commit, images=image_pins(sight.history, app.key, stable.digest))


def _keyed(sight: Sight, chosen: list[Chosen], salt: str) -> tuple[Chosen, ...]:
    apps = sight.stamper.keyed((each.app for each in chosen), salt)
    return tuple(replace(each, app=apps[(each.app.key, each.app.digest)]) for each in chosen)


def _choose(sight: Sight, commit: str, past: Past, app: App) -> Chosen:
    failed = past.facts.failed.get(app.key, {})
    stable = past.facts.stable_other_than(app.key, app.digest)
    choice = choose_release(app, commit, pin=past.pins.get(app.key), failed=failed, stable=stable)
    if choice.role is Role.HEAD:
        pushed = past.revert_to(app.key, app.digest)
        said, reverted = (pushed.message, pushed.digest) if pushed is not None else ("", "")
        reason, up = choice.reason or said, choice.stays_up
        return Chosen(app=app, commit=commit, reason=reason, reverted=reverted, stays_up=up)
    if choice.role is Role.STUCK:
        return Chosen(app=app, commit=commit, role=choice.role, reason=choice.reason)
    older = sight.loader.app_at(app.key, choice.commit)
    if older is None:
        reason = f"{choice.reason}, but the files of {choice.commit[:12]} cannot be read"
        return Chosen(app=app, commit=commit, role=Role.STUCK, reason=reason)
    images = image_pins(sight.history, app.key, choice.digest)
    revert = past.revert_of(app.key, app.digest) if choice.role is Role.FALLBACK else ""
    reason = "; ".join(filter(None, (choice.reason, revert)))
    return Chosen(app=older, commit=choice.commit, role=choice.role, reason=reason, images=images)
