"""Computes scheduled times: cron fields on APScheduler, with a defined meaning on days when the clock is changed.

Note [Wall clocks]
The fields are times of a wall clock in the schedule's time zone. APScheduler computes in the time of that clock, as if
it was never changed. Each of its answers is converted into a moment here:

- a time that the clock shows twice is the first of the two moments;
- a time that the clock skips is later by the amount that the clock was put on, so that every night has its run;
- if the hour is `*` or `*/n`, time passes as usual: a skipped hour has no runs, and an hour that is shown twice has
  both.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gitops_orch.model.job import CronFields, Schedule
from gitops_orch.planner.inputs.world import Due

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

# A run that is late by less than this is still started, however short its interval is.
LATE_MIN_S = 3600.0
SKIPPED_MAX = 1000  # missed times are counted up to this number
SHIFT_MAX = timedelta(hours=3)  # no clock change is larger than this
NEARBY = SHIFT_MAX + timedelta(hours=1)
FIRST_SPAN = timedelta(minutes=2)
LONGEST_SPAN = timedelta(days=366 * 9)  # 29 February, and 2100 is no leap year
MINUTE = timedelta(minutes=1)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Times:
    """The moments of a schedule, in UTC."""

    def __init__(self, schedule: Schedule) -> None:
        self._zone = ZoneInfo(schedule.timezone)
        self._every_hour = schedule.fields.every_hour
        self._triggers = _triggers(schedule.fields)
        self._known: tuple[datetime, datetime] | None = (
            None  # the last result of `latest`, and the moment after it
        )

    def after(self, moment: datetime) -> datetime | None:
        """Return the first scheduled moment after a moment; None if there is none."""
        wall = moment.astimezone(self._zone).replace(tzinfo=None)
        best: datetime | None = None
        ends: datetime | None = None
        for shown in self._shown(wall if self._is_calm(moment) else wall - SHIFT_MAX):
            if ends is not None and shown > ends:
                break
            later = [each for each in self._moments(shown) if each > moment]
            best = min((each for each in (best, *later) if each is not None), default=None)
            if best is not None and ends is None:
                # Near a clock change, a time that is shown later may be an earlier moment.
                ends = shown if self._is_calm(best) else shown + SHIFT_MAX
        return best

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the scheduled moments later than `after`, up to and including `until`."""
        moment = self.after(after)
        while moment is not None and moment <= until:
            yield moment
            moment = self.after(moment)

    def latest(self, until: datetime) -> datetime | None:
        """Return the last scheduled moment not later than `until`; None if there was none for years."""
        known = self._known
        if known is not None and known[0] <= until < known[1]:
            return known[0]
        span = FIRST_SPAN
        while span < LONGEST_SPAN:
            found = tuple(self.between(until - span, until))
            if found:
                self._known = (found[-1], self.after(until) or until)
                return found[-1]
            span *= 4
        return None

    def _shown(self, since: datetime) -> Iterator[datetime]:
        """Yield the wall clock's time at each scheduled time, as if the clock was never changed."""
        at: datetime | None = since.replace(tzinfo=UTC)
        while at is not None:
            nexts = [trigger.get_next_fire_time(None, at) for trigger in self._triggers]
            at = min((each for each in nexts if each is not None), default=None)
            if at is not None:
                yield at.replace(tzinfo=None)
                at += MINUTE

    def _moments(self, shown: datetime) -> tuple[datetime, ...]:
        """Return the moments at which the clock shows this time (Note [Wall clocks])."""
        first = shown.replace(tzinfo=self._zone).astimezone(UTC)
        second = shown.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        if first == second or not self._every_hour:
            return (first,)
        skipped = first > second
        return () if skipped else (first, second)

    def _is_calm(self, moment: datetime) -> bool:
        """Tell whether the clock is not changed around a moment."""
        around = (moment - NEARBY, moment, moment + NEARBY)
        return len({each.astimezone(self._zone).utcoffset() for each in around}) == 1


@lru_cache(maxsize=1024)
def times_of(schedule: Schedule) -> Times:
    """Return the moments of a schedule."""
    return Times(schedule)


def due(schedule: Schedule, since: datetime, now: datetime) -> Due | None:
    """Return the last scheduled time up to now, and whether a run is wanted for it; None if there was none yet.

    `since` is the time of the last run, or when the schedule was first seen. If several times have passed since, only
    the last one counts. A run that is late by more than an interval of the schedule, and by more than an hour, is not
    started any more.
    """
    times = times_of(schedule)
    latest = times.latest(now)
    if latest is None:
        return None
    wanted = latest > since
    missed = islice(times.between(since, latest - MINUTE), SKIPPED_MAX) if wanted else ()
    return Due(
        at=latest,
        shown=latest.astimezone(ZoneInfo(schedule.timezone)).strftime("%Y-%m-%d %H:%M %Z"),
        is_wanted=wanted,
        has_run=latest == since,
        is_too_late=(now - latest).total_seconds() > _patience_s(schedule, latest),
        skipped_count=sum(1 for _ in missed),
    )


@lru_cache(maxsize=1024)
def _patience_s(schedule: Schedule, at: datetime) -> float:
    """Return by how many seconds the run of a scheduled time may be late."""
    before = Times(schedule).latest(at - MINUTE)
    return LATE_MIN_S if before is None else max(LATE_MIN_S, (at - before).total_seconds())


def _triggers(fields: CronFields) -> "tuple[CronTrigger, ...]":
    """Return triggers whose times together are those of the fields."""
    from apscheduler.triggers.cron import CronTrigger  # few repositories have a schedule

    days, weekdays = _listed(fields.days), ",".join(WEEKDAYS[day] for day in fields.weekdays)
    wanted = ((days, "*"), ("*", weekdays)) if fields.either_day else ((days, weekdays),)
    return tuple(
        CronTrigger(
            minute=_listed(fields.minutes),
            hour=_listed(fields.hours),
            day=day,
            month=_listed(fields.months),
            day_of_week=weekday,
            timezone=UTC,
        )
        for day, weekday in wanted
    )


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))
