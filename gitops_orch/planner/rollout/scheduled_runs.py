"""Plans scheduled runs: one container for each scheduled time; no other step waits for it.

A run's slot number is its time, so its container shows which run it is: a controller that restarts, or has lost its
state, neither repeats nor loses a run. A failed run is reported, and does not fail a release.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from gitops_orch.model.app import App, Service
from gitops_orch.model.job import Concurrency, Schedule
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import LIVE_STATES, ObservedContainer, OwnedContainer, State
from gitops_orch.model.rules.exit_codes import BAD_COMMAND_CODES
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.slots import Slot, choose_image
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.world import Due, Role, SpecInputs, TargetRelease, World
from gitops_orch.planner.placement.assignment import AppPlacement, Assignment
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import remove_container, retire, stop_container
from gitops_orch.planner.rollout.excess import why_kept

RUNS_KEPT_MIN = 1  # the last run's container is the only record of that run


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a service, newest first."""

    all: tuple[OwnedContainer, ...]

    @property
    def live(self) -> tuple[OwnedContainer, ...]:
        """Return the runs that are in progress."""
        return tuple(found for found in self.all if found.state in LIVE_STATES)

    @property
    def waiting(self) -> tuple[OwnedContainer, ...]:
        """Return the runs that were created and not started yet: a controller crashed, or the host had trouble."""
        return tuple(found for found in self.all if is_waiting(found))

    @property
    def over(self) -> tuple[OwnedContainer, ...]:
        """Return the runs that have ended, or cannot be started at all."""
        others = {found.id for found in (*self.live, *self.waiting)}
        return tuple(found for found in self.all if found.id not in others)


def split_scheduled(placement: AppPlacement) -> tuple[AppPlacement, tuple[Assignment, ...]]:
    """Return a placement without scheduled services, and the assignments of the scheduled services."""
    scheduled = tuple(each for each in placement.assignments if each.service.schedule is not None)
    others = tuple(each for each in placement.assignments if each.service.schedule is None)
    return replace(placement, assignments=others), scheduled


def due_runs(
    chosen: TargetRelease, scheduled: Iterable[Assignment], world: World, index: Index
) -> tuple[Slot, ...]:
    """Return slots for the runs that are due: each is created, or only started if it was already created."""
    return tuple(
        slot
        for each in scheduled
        if chosen.role is not Role.BLOCKED and each.host in index.hosts
        for slot in _due_slots(chosen, each, world, index)
    )


def _due_slots(chosen: TargetRelease, where: Assignment, world: World, index: Index) -> tuple[Slot, ...]:
    service, schedule = where.service, where.service.schedule
    due = world.memory.due.get((chosen.app.key, service.name))
    if due is None or due.is_too_late or due.has_run or schedule is None:
        return ()
    runs = service_runs(chosen.app, service, index)
    started_runs = [found for found in runs.waiting if found.owner.slot == due.slot]
    if not due.is_wanted and not started_runs:
        return ()
    if schedule.concurrency is Concurrency.FORBID and runs.live:
        return ()
    slot = _slot_of(chosen, replace(where, slot=due.slot), due, world.specs, index.hosts[where.host])
    for found in started_runs:
        if found.host == where.host and not _has_other_spec(found, chosen, world):
            reason = f"{slot.reason}; it was made and never started"
            return (replace(slot, current=found, diffs=(ContainerDiff(Remedy.START, reason, drift=False),)),)
    return (slot,)


def _slot_of(chosen: TargetRelease, where: Assignment, due: Due, specs: SpecInputs, host: HostIndex) -> Slot:
    app, service = chosen.app, where.service
    image, image_id = choose_image(chosen, service, host)
    missed = f"; {due.skipped_count} earlier times were missed" if due.skipped_count else ""
    spec = specs.of(app, service.name)
    return Slot(
        assignment=where,
        service=service,
        host=where.host,
        name=container_name(app.key.project, service.name, due.slot, spec.hash, image_id),
        image=image,
        image_id=image_id,
        reason=f"scheduled for {due.shown}{missed}",
    )


def manage_runs(
    chosen: TargetRelease, world: World, index: Index, draft: PlanBuilder
) -> Mapping[str, tuple[str, ...]]:
    """Stop runs that exceeded their deadline or are replaced, and remove runs that are not kept.

    Return, by service, the stops that a new run waits for. These stops wait until the new run is created.
    """
    app = chosen.app
    stops: dict[str, tuple[str, ...]] = {}
    services = {service.name: service for service in app.services if service.schedule is not None}
    for service in services.values():
        if service.schedule is not None:
            stops[service.name] = _manage(chosen, service, service.schedule, world, index, draft)
    kept = why_kept(app, world) if chosen.role is Role.HEAD else ""
    for found in index.runs.get(app.key, ()):
        owner = found.owner
        if owner.service in services:
            continue
        left = all(service.name != owner.service for service in app.services)
        why = kept or world.findings.retained_services.get((app.key, owner.service), "")
        if left and why:
            draft.hold(f"{found.name} on {found.host}", why, app.key)
        else:
            reason = "its service left Git" if left else "its service runs on a schedule no more"
            retire(draft, found, reason, ())
    return stops


def _manage(
    chosen: TargetRelease,
    service: Service,
    schedule: Schedule,
    world: World,
    index: Index,
    draft: PlanBuilder,
) -> tuple[str, ...]:
    runs, due = service_runs(chosen.app, service, index), world.memory.due.get((chosen.app.key, service.name))
    if due is not None and due.is_wanted and due.is_too_late:
        subject = f"{chosen.app.key} {service.name}"
        draft.hold(subject, f"its run of {due.shown} was missed by too much to catch up", chosen.app.key)
    is_next = due is not None and due.is_wanted and not due.is_too_late
    stops: list[str] = []
    for found in runs.live:
        replaced = is_next and schedule.concurrency is Concurrency.REPLACE
        reason = _why_stopped(found, schedule, world)
        reason = reason or ("the next run takes its place" if replaced else "")
        stop = stop_container(draft, found, reason, ()) if reason else None
        stops += [stop] if stop is not None and replaced else []
    for found in runs.waiting:
        over = due is None or due.is_too_late or due.has_run or found.owner.slot != due.slot
        if over or _has_other_spec(found, chosen, world):
            remove_container(draft, found, "its time has passed, and it was never started", ())
    for found in runs.over[max(RUNS_KEPT_MIN, schedule.history) :]:
        remove_container(draft, found, f"{schedule.history} finished runs are kept", ())
    return tuple(stops)


def _why_stopped(container: ObservedContainer, schedule: Schedule, world: World) -> str:
    started_at = container.details.started_at if container.details is not None else None
    if schedule.deadline_s is None or started_at is None:
        return ""
    over = world.now - started_at >= timedelta(seconds=schedule.deadline_s)
    return f"it has run for longer than its deadline of {schedule.deadline_s:g} s" if over else ""


def last_failure(app: App, service: Service, index: Index) -> str:
    """Return why the last finished run failed; "" if it succeeded, or no run has finished."""
    schedule = service.schedule
    over = service_runs(app, service, index).over
    if schedule is None or not over:
        return ""
    container = over[0]
    details, name = container.details, container.name
    if details is None:
        return ""
    if container.state is State.CREATED:
        return f"{name} could not be started: {details.error or f'exit code {details.exit_code}'}"
    if details.exit_code != 0:
        return f"{name} exited with code {details.exit_code}"
    if schedule.deadline_s is not None and details.started_at and details.finished_at:
        took_s = (details.finished_at - details.started_at).total_seconds()
        return f"{name} was stopped at its deadline" if took_s >= schedule.deadline_s else ""
    return ""


def is_waiting(container: ObservedContainer) -> bool:
    """Return whether a run's container was created and can still be started."""
    code = container.details.exit_code if container.details is not None else 0
    return container.state is State.CREATED and code not in BAD_COMMAND_CODES


def service_runs(app: App, service: Service, index: Index) -> Runs:
    """Return all runs of a service on hosts that answer."""
    mine = [found for found in index.runs.get(app.key, ()) if found.owner.service == service.name]
    return Runs(tuple(sorted(mine, key=lambda found: (-found.owner.slot, found.host, found.name))))


def _has_other_spec(found: OwnedContainer, chosen: TargetRelease, world: World) -> bool:
    owner = found.owner
    return owner.spec_hash != world.specs.of(chosen.app, owner.service).hash
