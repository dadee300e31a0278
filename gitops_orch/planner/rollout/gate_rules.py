"""Decides what the gate of a slot's container requires, and from when the container's restarts count."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitops_orch.model.app import App
from gitops_orch.model.observed import Health, ObservedContainer, OwnedContainer, State
from gitops_orch.model.plan.values import Gate
from gitops_orch.planner.diff.drift import Remedy
from gitops_orch.planner.diff.finished_jobs import have_jobs_finished
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.container_exit import is_done
from gitops_orch.planner.inputs.world import ReleaseInputs, TargetRelease
from gitops_orch.planner.rollout.canary_and_lanes import update_policy


def gate_of(chosen: TargetRelease, slot: Slot, gates: Mapping[str, Sequence[str]]) -> Gate:
    """Return the gate of a slot's container; `gates` are the gate steps so far, by service.

    The delay of an update is waited at the end of each gate, because the next slot's steps are after it. A container
    that failed before and stayed up gets no time to become healthy: it is healthy now, or the next pass checks again.
    Its release has passed only if all its containers are gated in this way, which happens only when all look healthy.
    """
    update, rollout = update_policy(chosen, slot.service), chosen.app.rollout
    delay_s = update.delay_s if slot.outdated else 0.0
    own_s = slot.service.job_deadline_s if slot.service.job else None
    deadline_s = rollout.step_deadline_s if own_s is None else own_s
    is_started = slot.is_new or any(diff.remedy is Remedy.START for diff in slot.diffs)
    done = not is_started and _is_done(slot)
    if chosen.stays_running and not is_started:
        return Gate(
            monitor_s=update.monitor_s,
            deadline_s=update.monitor_s,
            completes=slot.service.job,
            is_finished_job=done,
            readiness=slot.service.readiness,
            restarts_max=0,
            is_retry=slot.ungated,
        )
    upstream = dependencies_of(chosen.app, slot.service.name)
    return Gate(
        monitor_s=update.monitor_s + delay_s,
        deadline_s=deadline_s + delay_s,
        completes=slot.service.job,
        readiness=slot.service.readiness,
        restarts_max=rollout.restarts_max,
        is_new=is_started,
        is_finished_job=done,
        counts_after=tuple(step for name in upstream for step in gates.get(name, ())),
    )


def _is_done(slot: Slot) -> bool:
    return slot.current is not None and is_done(slot.current)


def dependencies_of(app: App, service: str) -> tuple[str, ...]:
    """Return the services of the app that a service depends on, directly or indirectly; nearest first."""
    edges = {each.name: [edge.service for edge in each.depends_on] for each in app.services}
    found: dict[str, None] = {}
    ahead = deque(edges.get(service, ()))
    while ahead:
        name = ahead.popleft()
        if name not in found and name != service:
            found[name] = None
            ahead += edges.get(name, ())
    return tuple(found)


def stays_paused(slot: Slot) -> bool:
    """Return whether a person paused a container and `drift: warn` leaves it so: it cannot pass a gate now."""
    is_paused = slot.current is not None and slot.current.state is State.PAUSED
    return is_paused and not any(diff.remedy is Remedy.UNPAUSE for diff in slot.diffs)


def is_over(slot: Slot) -> bool:
    """Return whether a job has run and needs no gate any more: its Engine may no longer know its exit code."""
    container = slot.current
    return slot.service.job and container is not None and container.state is State.EXITED


def is_awaited(slot: Slot, chosen: TargetRelease, releases: ReleaseInputs) -> bool:
    """Return whether an existing container must become healthy, or complete, before its dependents are started.

    A job that is not run again is not awaited: its container may be the record of another release's run.
    """
    container = slot.current
    if container is None:
        return False
    if slot.service.job:
        if have_jobs_finished(chosen, releases):
            return False
        runs = container.state is State.RUNNING
        return (
            runs or (chosen.stays_running and container.state is not State.EXITED) or _has_failed(container)
        )
    ailing = container.health in {Health.STARTING, Health.UNHEALTHY}
    return container.state is State.RESTARTING or (container.state is State.RUNNING and ailing)


def _has_failed(container: ObservedContainer) -> bool:
    details = container.details
    return container.state is State.EXITED and details is not None and details.exit_code != 0


def gate_of_dependency(
    chosen: TargetRelease, slot: Slot, gates: Mapping[str, Sequence[str]], releases: ReleaseInputs
) -> Gate:
    """Return the gate of a container that its dependents wait for.

    A container that existed before this release did not get worse because of it: if it is unhealthy, that is trouble,
    and the release does not fail. A container of a release that was superseded before it passed its gate is still on
    trial.
    """
    current, key = slot.current, chosen.app.key
    on_trial = {
        chosen.app.digest,
        *releases.progressing.get(key, ()),
        *releases.failed.get(key, ()),
    }
    is_existing = isinstance(current, OwnedContainer) and current.owner.release not in on_trial
    return replace(gate_of(chosen, slot, gates), is_existing=is_existing)
