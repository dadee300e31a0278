"""Computes the status of every app and host from a world and the plan that was made from it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from gitops_orch.model.app import AppKey, Service
from gitops_orch.model.container import has_ended, is_retained
from gitops_orch.model.host import Host
from gitops_orch.model.observed import Health, OwnedContainer, State, UnknownHost
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.plan import Plan, PlanHold
from gitops_orch.model.rules.eligibility import gets_slots, may_run
from gitops_orch.model.status import AppHealth, AppReleaseState, AppStatus, HostStatus, ServiceStatus, Sync
from gitops_orch.planner.data.renamed_apps import with_renames
from gitops_orch.planner.diff.changed_files import retained_files_reason
from gitops_orch.planner.diff.finished_jobs import have_jobs_finished
from gitops_orch.planner.fallback.predecessors import with_predecessors
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.container_exit import is_done
from gitops_orch.planner.inputs.index import Index, build_index
from gitops_orch.planner.inputs.running_image import running_image
from gitops_orch.planner.inputs.world import DesiredInputs, Role, TargetRelease, World
from gitops_orch.planner.pruning.orphaned_apps import removed_apps
from gitops_orch.planner.rollout.scheduled_runs import last_failure, service_runs
from gitops_orch.planner.status_reasons import (
    invalid_file_reason,
    open_actions,
    silent_hosts,
    trouble_of,
    why_not_removed,
    why_unhealthy,
)

_RELEASE_STATES = {
    Role.PINNED: AppReleaseState.HELD,
    Role.ROLLBACK: AppReleaseState.ROLLED_BACK,
    Role.BLOCKED: AppReleaseState.FAILED,
}


def app_statuses(world: World, plan: Plan, index: Index | None = None) -> tuple[AppStatus, ...]:
    """Return one row for every app in Git, and for removed apps that still have steps or holds; sorted by key.

    `index` is the world's index, if the caller has built it already.
    """
    index = index or build_index(world)
    world = with_predecessors(with_renames(world, index), index)
    left: dict[AppKey | None, list[Action]] = defaultdict(list)
    for action in plan.actions:
        left[action.app].append(action)
    holds: dict[AppKey, list[PlanHold]] = defaultdict(list)
    for hold in plan.holds:
        if hold.app is not None:
            holds[hold.app].append(hold)
    rows = [
        _status(chosen, world, plan, index, left[chosen.app.key], holds[chosen.app.key])
        for chosen in world.releases.targets
        if chosen.app.key not in world.desired.invalid_apps
    ]
    kept = {
        each.app.key: each for each in world.releases.targets if each.app.key in world.desired.invalid_apps
    }
    for key, reason in world.desired.invalid_apps.items():
        row = _invalid(key, invalid_file_reason(key, reason, index), index)
        rows.append(_with_running_version(row, kept[key], world, index) if key in kept else row)
    rows += [
        _removed_app(key, left[key], holds[key], world, index)
        for key in removed_apps(world, index)
        if left[key] or holds[key]
    ]
    return tuple(sorted(rows, key=lambda row: row.key))


def _status(
    chosen: TargetRelease, world: World, plan: Plan, index: Index, left: list[Action], holds: list[PlanHold]
) -> AppStatus:
    key, busy = chosen.app.key, bool(left)
    containers = _running_release(chosen, index)
    there = (*index.apps.get(key, ()), *index.runs.get(key, ()))
    hosts = sorted({found.host for found in there})
    away = sorted({host for host, _ in index.unreachable_slots.get(key, ()) if host in index.unknown})
    services = tuple(_service(service, chosen, world, index) for service in chosen.app.services)
    unknown, unread = key in plan.unknown_apps, plan.files_unknown.get(key, "")
    waiting = key in world.memory.backoffs
    held = (
        not waiting
        and any(hold.covers_app for hold in holds)
        and chosen.role in {Role.HEAD, Role.PINNED}
        and not chosen.stays_running
    )
    commit, release = _running_version(
        chosen, containers, busy=(busy or held or unknown or bool(unread) or waiting)
    )
    health = _health(
        services,
        unknown=unknown,
        degraded=chosen.stays_running
        or (chosen.role is Role.BLOCKED and bool(adopted_containers(chosen.app, index))),
        suspended=held and not any(hold.error or hold.heals for hold in holds),
        starting=(busy and key in world.releases.ungated) or any(map(_is_progressing(chosen), containers)),
    )
    kept = retained_files_reason(holds)
    reason = (
        _first_words(hold for hold in holds if hold.error or hold.heals or hold.covers_app)
        or chosen.reason
        or _failed_run(services)
        or unread
        or (trouble_of(chosen, world.memory) if busy else "")
        or silent_hosts(index.unknown[host] for host in away)
        or open_actions(left)
        or _first_words(hold for hold in holds if not hold.kept)  # a hold with `kept` prevents nothing
        or (
            why_unhealthy(_known_or_foreign(chosen, index), chosen.app)
            if health is not AppHealth.HEALTHY
            else ""
        )
    )
    return AppStatus(
        key=key,
        sync=_sync(
            chosen,
            unknown=unknown or bool(unread),
            held=held and chosen.role is Role.HEAD,
            busy=waiting or busy or any(hold.error and not hold.covers_app for hold in holds),
        ),
        health=health,
        fresh=not away,
        commit=commit,
        release=release,
        release_state=_release_state(chosen, held=held, busy=waiting or busy),
        hosts=tuple(sorted({*hosts, *away})),
        services=services,
        reason=f"{reason}; kept files: {kept}" if reason and kept else reason or kept,
    )


def _first_words(holds: Iterable[PlanHold]) -> str:
    return next((hold.full_reason for hold in holds), "")


def _known_or_foreign(chosen: TargetRelease, index: Index) -> list[OwnedContainer]:
    """Return the containers that determine an app's health: no retained or failed ones and no finished jobs."""
    jobs = {service.name for service in chosen.app.services if service.job}
    return [
        found
        for found in index.apps.get(chosen.app.key, ())
        if not (is_retained(found) or is_done(found))
        and not (found.owner.service in jobs and has_ended(found))
    ]


def _removed_app(
    key: AppKey, left: list[Action], holds: list[PlanHold], world: World, index: Index
) -> AppStatus:
    """Return the row of an app that left Git: it is kept, or it is being removed, perhaps after failed attempts."""
    if holds and not holds[0].error:
        return _left(key, holds, world, index)
    reason = (
        holds[0].reason
        if holds
        else why_not_removed(key, world.memory) or f"its app left Git; {open_actions(left)}"
    )
    return _being_removed(key, reason, index)


def _being_removed(key: AppKey, reason: str, index: Index) -> AppStatus:
    """Return the row of an app that left Git and is being removed."""
    row = _invalid(key, reason, index)
    return replace(
        row,
        sync=Sync.OUT_OF_SYNC,
        health=AppHealth.PROGRESSING,
        fresh=True,
        release_state=AppReleaseState.PROGRESSING,
    )


def _failed_run(services: Iterable[ServiceStatus]) -> str:
    failures = (service.failed_run for service in services if service.failed_run)
    return next((f"its last scheduled run failed: {failure}" for failure in failures), "")


def _sync(chosen: TargetRelease, *, unknown: bool, held: bool, busy: bool) -> Sync:
    """Return the sync state; the first match wins. Unknown has priority over all known states."""
    if unknown:
        return Sync.UNKNOWN
    if held:
        return Sync.HELD
    if busy or chosen.stays_running or chosen.role in {Role.ROLLBACK, Role.BLOCKED}:
        return Sync.OUT_OF_SYNC
    return Sync.HELD if chosen.role is Role.PINNED else Sync.IN_SYNC


def _release_state(chosen: TargetRelease, *, held: bool, busy: bool) -> AppReleaseState:
    if chosen.stays_running:
        return AppReleaseState.FAILED
    if chosen.role in _RELEASE_STATES:
        return _RELEASE_STATES[chosen.role]
    if held:
        return AppReleaseState.HELD
    return AppReleaseState.PROGRESSING if busy else AppReleaseState.STABLE


def _running_release(chosen: TargetRelease, index: Index) -> list[OwnedContainer]:
    return [
        found
        for found in index.apps.get(chosen.app.key, ())
        if found.state in {State.RUNNING, State.PAUSED, State.RESTARTING}
    ]


def _running_version(
    chosen: TargetRelease, containers: list[OwnedContainer], *, busy: bool
) -> tuple[str, str]:
    """Return the commit and the release that run.

    These are the target's once nothing is left to do; until then, those that the labels of most containers name.
    """
    if not busy and chosen.role is not Role.BLOCKED:
        return chosen.commit, chosen.app.digest
    return _named_most(containers)


def _named_most(containers: Iterable[OwnedContainer]) -> tuple[str, str]:
    """Return the commit and the release that most containers name; in a tie, those of the newest container."""
    oldest_first = sorted(containers, key=lambda c: c.created_at.timestamp() if c.created_at else 0.0)
    named = [(c.owner.commit, c.owner.release) for c in oldest_first]
    votes, places = Counter(named), {pair: place for place, pair in enumerate(named)}
    return max(votes, key=lambda pair: (votes[pair], places[pair])) if votes else ("", "")


def _service(service: Service, chosen: TargetRelease, world: World, index: Index) -> ServiceStatus:
    if service.schedule is not None:
        return _scheduled(service, chosen, world, index)
    mine = [
        found
        for found in index.apps.get(chosen.app.key, ())
        if found.owner.service == service.name and not is_retained(found)
    ]
    desired = _desired_count(service, chosen, world.desired)
    done = service.job and have_jobs_finished(chosen, world.releases)
    return ServiceStatus(
        name=service.name,
        desired_count=desired,
        running_count=sum(found.state is State.RUNNING for found in mine),
        healthy_count=desired if done else sum(_is_healthy(service, found) for found in mine),
        image=running_image(service, chosen, world, mine),
        hosts=tuple(sorted({found.host for found in mine})),
    )


def _scheduled(service: Service, chosen: TargetRelease, world: World, index: Index) -> ServiceStatus:
    """Return the row of a scheduled service. It has only the containers of its runs, and none of them must exist."""
    runs = service_runs(chosen.app, service, index)
    return ServiceStatus(
        name=service.name,
        desired_count=0,
        running_count=len(runs.live),
        healthy_count=len(runs.live),
        image=running_image(service, chosen, world, runs.live),
        hosts=tuple(sorted({found.host for found in runs.all})),
        failed_run=last_failure(chosen.app, service, index),
    )


def _desired_count(service: Service, chosen: TargetRelease, desired: DesiredInputs) -> int:
    if not service.mode.value.startswith("global"):
        return service.replicas
    # A paused host is not counted, although it keeps the slots that it has.
    return sum(gets_slots(host) and may_run(chosen.app, service, host) for host in desired.hosts)


def _is_healthy(service: Service, container: OwnedContainer) -> bool:
    if service.job:
        details = container.details
        return container.state is State.EXITED and (details is None or details.exit_code == 0)
    if is_done(container):
        return True
    return container.state is State.RUNNING and container.health in {Health.NONE, Health.HEALTHY}


def _health(
    services: Iterable[ServiceStatus], *, unknown: bool, degraded: bool, suspended: bool, starting: bool
) -> AppHealth:
    """Return the health; the first match wins.

    A first release that failed stays `degraded` until it has passed its gates.
    """
    if unknown:
        return AppHealth.UNKNOWN
    if degraded:
        return AppHealth.DEGRADED
    if suspended:
        return AppHealth.SUSPENDED
    rows = list(services)
    if all(row.healthy_count >= row.desired_count for row in rows):
        return AppHealth.DEGRADED if any(row.failed_run for row in rows) else AppHealth.HEALTHY
    if all(row.running_count == 0 and row.healthy_count == 0 for row in rows):
        return AppHealth.MISSING
    return AppHealth.PROGRESSING if starting else AppHealth.DEGRADED


def _is_progressing(chosen: TargetRelease) -> Callable[[OwnedContainer], bool]:
    """Return a function that reports whether a running container has not finished: it is starting, or is a job."""
    jobs = {service.name for service in chosen.app.services if service.job}

    def emit(container: OwnedContainer) -> bool:
        return container.health is Health.STARTING or container.owner.service in jobs

    return emit


def _invalid(key: AppKey, reason: str, index: Index) -> AppStatus:
    found = index.apps.get(key, ())
    commit, release = _named_most(each for each in found if not is_retained(each))
    return AppStatus(
        key=key,
        sync=Sync.UNKNOWN,
        health=AppHealth.UNKNOWN,
        fresh=False,
        commit=commit,
        release=release,
        release_state=AppReleaseState.HELD,
        hosts=tuple(sorted({each.host for each in found})),
        reason=reason,
    )


def _with_running_version(row: AppStatus, chosen: TargetRelease, world: World, index: Index) -> AppStatus:
    """Return the row of an invalid app, completed with the health of its last good release, which is kept running."""
    if any(host in index.unknown for host, _ in index.unreachable_slots.get(row.key, ())):
        return row
    services = tuple(_service(service, chosen, world, index) for service in chosen.app.services)
    starting = any(map(_is_progressing(chosen), _running_release(chosen, index)))
    health = _health(services, unknown=False, degraded=False, suspended=False, starting=starting)
    trouble = (
        "" if health is AppHealth.HEALTHY else why_unhealthy(_known_or_foreign(chosen, index), chosen.app)
    )
    return replace(
        row,
        health=health,
        commit=chosen.commit,
        release=chosen.app.digest,
        services=services,
        reason="; ".join(filter(None, (row.reason, trouble))),
    )


def _left(key: AppKey, holds: list[PlanHold], world: World, index: Index) -> AppStatus:
    """Return the row of an app that left Git and still runs: its file may be invalid, or it is kept."""
    row = replace(
        _invalid(key, holds[0].full_reason, index), foreign=key in world.desired.former.foreign_apps
    )
    if world.desired.invalid_paths and not row.foreign:
        return row
    return replace(row, sync=Sync.HELD, health=AppHealth.SUSPENDED, fresh=True)


def host_statuses(hosts: Iterable[Host], world: World) -> tuple[HostStatus, ...]:
    """Return a row for every host."""
    return tuple(_host(host, world) for host in sorted(hosts, key=lambda host: host.name))


def _host(host: Host, world: World) -> HostStatus:
    seen = world.observed.hosts[host.name]
    if isinstance(seen, UnknownHost):
        return HostStatus(
            name=host.name,
            state="unknown",
            observed_at=world.observed.last_answers.get(host.name),
            reason=seen.reason,
        )
    return HostStatus(
        name=host.name,
        state=host.availability.value,
        observed_at=seen.observed_at,
        engine_version=seen.engine_version,
    )
