"""Finds the scheduled runs that are due, from the clock, the last runs, and when each schedule was first seen.

Note [Since when]
A run is due for a time later than the last run, and later than the moment at which its schedule was first seen: a new
or changed schedule does not run at once. History has both, and the last run is also known from its container. Either
may be lost. If both are lost, the present moment is used.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gitops_orch.controller.schedule.cron_times import due, times_of
from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.job import Schedule, is_run_slot, run_time
from gitops_orch.model.observed import ObservedHost, OwnedContainer, Placed, State, owned_containers
from gitops_orch.planner.inputs.world import Due, World
from gitops_orch.planner.rollout.scheduled_runs import is_waiting

NOTHING_SCHEDULED = "[]"

ServiceKey = tuple[AppKey, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The runs that are due now, when to check again, and the text to save in history."""

    due: Mapping[ServiceKey, Due]
    wake_at: datetime | None  # None: nothing is scheduled
    state_text: str  # in the format of `make_timetable`


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """What is known of runs, including runs whose container cannot be observed."""

    containers: tuple[OwnedContainer, ...]
    unreachable: tuple[Placed, ...] = ()  # seen before, on hosts that do not answer
    # Started a moment ago, by container name: the container may have been removed before it was observed.
    started: Mapping[str, Placed] = field(default_factory=dict)


def known_runs(world: World, started: Mapping[str, Placed]) -> KnownRuns:
    """Return the runs that a world shows. `started`: see KnownRuns."""
    away = (
        placed
        for host, rows in world.observed.last_placements.items()
        if not isinstance(world.observed.hosts.get(host), ObservedHost)
        for placed in rows
    )
    containers = tuple(owned_containers(world.observed.hosts))
    return KnownRuns(containers=containers, unreachable=tuple(away), started=started)


def make_timetable(apps: Iterable[App], ran: KnownRuns, known: str | None, now: datetime) -> Timetable:
    """Return the timetable of all scheduled services. `known` is the text of the last one; None if it was lost."""
    scheduled = [
        (app, service, service.schedule)
        for app in apps
        for service in app.services
        if service.schedule is not None
    ]
    first_seen = _recalled(known)
    last = _last_runs(ran)
    rows: dict[ServiceKey, tuple[str, datetime]] = {}
    found: dict[ServiceKey, Due] = {}
    for app, service, schedule in scheduled:
        key = (app.key, service.name)
        seen = _first_seen(key, schedule, first_seen, last.get(key), now)
        since = max(seen, last.get(key, seen))
        rows[key] = (_words(schedule), since)
        each = due(schedule, since, now)
        if each is not None:
            found[key] = each
    return Timetable(due=found, wake_at=_wake_at(scheduled, ran, now), state_text=_text(rows))


def _first_seen(
    key: ServiceKey,
    schedule: Schedule,
    first_seen: Mapping[ServiceKey, tuple[str, datetime]],
    last: datetime | None,
    now: datetime,
) -> datetime:
    known = first_seen.get(key)
    if known is None:
        return now if last is None else last  # Note [Since when]
    words, at = known
    return at if words == _words(schedule) else now


def _words(schedule: Schedule) -> str:
    return f"{schedule.timezone} {schedule.expression}"


def _last_runs(ran: KnownRuns) -> Mapping[ServiceKey, datetime]:
    waiting = {each.name for each in ran.containers if is_waiting(each)}
    there = (
        Placed(app=each.owner.app, service=each.owner.service, slot=each.owner.slot)
        for each in ran.containers
        if not is_waiting(each)
    )
    removed = (placed for name, placed in ran.started.items() if name not in waiting)
    last: dict[ServiceKey, datetime] = {}
    for placed in (*there, *ran.unreachable, *removed):
        if is_run_slot(placed.slot):
            key, at = (placed.app, placed.service), run_time(placed.slot)
            last[key] = max(at, last.get(key, at))
    return last


def _wake_at(
    scheduled: list[tuple[App, Service, Schedule]], ran: KnownRuns, now: datetime
) -> datetime | None:
    """Return the next moment at which a run is due, or a run reaches its deadline."""
    moments = [
        moment for _, _, schedule in scheduled if (moment := times_of(schedule).after(now)) is not None
    ]
    deadlines = {(app.key, service.name): schedule.deadline_s for app, service, schedule in scheduled}
    for container in ran.containers:
        owner, details = container.owner, container.details
        deadline_s = deadlines.get((owner.app, owner.service))
        if deadline_s is None or details is None or details.started_at is None:
            continue
        ends_at = details.started_at + timedelta(seconds=deadline_s)
        if container.state is State.RUNNING and ends_at > now:
            moments.append(ends_at)
    return min(moments, default=None)


def _recalled(text: str | None) -> Mapping[ServiceKey, tuple[str, datetime]]:
    try:
        return {
            (AppKey(namespace=namespace, name=name), service): (words, datetime.fromisoformat(at))
            for namespace, name, service, words, at in json.loads(text or NOTHING_SCHEDULED)
        }
    except (ValueError, TypeError):
        return {}  # this text was not written by `_text`


def _text(rows: Mapping[ServiceKey, tuple[str, datetime]]) -> str:
    return json.dumps(
        [
            [key.namespace, key.name, service, words, at.astimezone(UTC).isoformat()]
            for (key, service), (words, at) in sorted(rows.items())
        ]
    )
