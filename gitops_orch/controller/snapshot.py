"""Takes a snapshot: gathers facts, builds the planner's world, and makes the plan. It changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.controller.desired.changes_without_container import notes_of
from gitops_orch.controller.desired.load import Loaded
from gitops_orch.controller.desired.lost_holds import with_lost_commands
from gitops_orch.controller.inputs.build_world import build_world
from gitops_orch.controller.inputs.gather import Facts, Sources, gather, observe
from gitops_orch.controller.inputs.plan_with_files import plan_with_files
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.observe.bind_files import Unread
from gitops_orch.controller.releases.known_releases import ReleaseHistory, find_release_history
from gitops_orch.controller.releases.orphans import from_this_repository
from gitops_orch.controller.schedule.due_runs import known_runs, make_timetable
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import Status
from gitops_orch.planner.app_selection import limited_to, problems_of, with_dependencies
from gitops_orch.planner.inputs.index import build_index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.status import app_statuses, host_statuses
from gitops_orch.python_gc import few_collections


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that one pass knows. `world` is None if nothing may be executed."""

    status: Status
    loaded: Loaded
    facts: Facts | None = None
    # What is known of releases and reverts.
    past: ReleaseHistory | None = None
    world: World | None = None
    timetable: str = ""  # to be saved in history.
    unread_files: tuple[Unread, ...] = ()

    @property
    def desired(self) -> Desired | None:
        """Return the desired state, with what history knows of files that are in doubt; None if nothing is loaded."""
        return self.facts.desired if self.facts is not None else None


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
    desired, clock = loaded.desired, sources.clock
    if desired is None:
        return _nothing_loaded(sources, loaded)
    began_s = clock.monotonic_s()
    observed = observe(sources, desired, quick=quick)
    observed_s = clock.monotonic_s()
    if not quick:
        memory.check_tags((each for each in desired.apps if not apps or each.key in apps), observed)
    facts = gather(sources, desired, observed)
    attempt = partial(_plan_without, sources, memory, loaded, facts)
    snapshot = memory.isolation.run(facts.apps, attempt, clock)
    snapshot = _completed(snapshot, facts, sources, apps)
    status = replace(
        snapshot.status,
        observe_ms=round((observed_s - began_s) * 1000),
        plan_ms=round((clock.monotonic_s() - observed_s) * 1000),
    )
    return replace(snapshot, status=status)


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


@few_collections()
def _plan_without(
    sources: Sources, memory: Memory, loaded: Loaded, facts: Facts, isolated: Mapping[AppKey, str]
) -> Snapshot:
    """Plan without the isolated apps, each of which has a reason."""
    desired, history, planned = facts.desired, sources.history, facts.without(isolated)
    past = find_release_history(
        planned.desired,
        planned.containers,
        planned.recorded,
        sources.reverted_reverts,
        memory.recovered_first_releases(),
        sources.repository.source.has,
    )
    world = build_world(planned, past, sources, memory)
    runs = known_runs(world, memory.started_runs())
    timetable = make_timetable(
        (each.app for each in world.releases.targets), runs, history.timetable(), world.now
    )
    world = replace(world, memory=replace(world.memory, due=timetable.due))
    index = build_index(world)
    world, plan, unread = plan_with_files(sources, memory, world, index)
    status = Status(
        commit=desired.commit,
        fetched_at=loaded.fetched_at,
        plan=plan,
        apps=app_statuses(world, plan, index),
        hosts=host_statuses(desired.hosts, world),
        problems=desired.problems,
        error=loaded.error,
        invalid_files=tuple(file for file in desired.invalid_files if file.key is None),
        wake_at=timetable.wake_at,
    )
    return Snapshot(
        status=status,
        loaded=loaded,
        facts=facts,
        past=past,
        world=world,
        timetable=timetable.state_text,
        unread_files=unread,
    )


def _completed(snapshot: Snapshot, facts: Facts, sources: Sources, apps: frozenset[AppKey]) -> Snapshot:
    """Return the snapshot with notes for people, and limited to `apps` and the apps that they depend on."""
    world, status, desired = snapshot.world, snapshot.status, facts.desired
    if world is None:
        return snapshot
    ours = from_this_repository(facts.containers, world.desired.former.foreign_apps)
    whole = with_lost_commands(status.plan, sources.history, ours)
    status = replace(status, plan=whole)
    if apps:
        scope = with_dependencies(apps, desired.apps)
        status = replace(
            status,
            plan=limited_to(whole, scope),
            apps=tuple(row for row in status.apps if row.key in scope),
            problems=problems_of(desired, scope),
            invalid_files=(),
        )
    keys = {row.key for row in status.apps}
    notes = notes_of(world, whole, facts.containers, sources.repository, keys)
    return replace(snapshot, status=replace(status, notes=notes))
