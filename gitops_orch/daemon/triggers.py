"""Wakes the loop: with timers for polls, resyncs and scheduled runs, and on events of every host.

They only wake it: the loop does the work.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from gitops_orch.clock import Clock
from gitops_orch.controller.loop import POLL, RESYNC, SCHEDULE
from gitops_orch.engine.base import Engine, EngineEvent
from gitops_orch.engine.event_stream import EventWatch, forget, watch
from gitops_orch.engine.labels import CARRIER, INSTANCE
from gitops_orch.logs import LOG
from gitops_orch.settings import Settings

OVERDUE_INTERVALS = 2.0
_OURS = frozenset(
    {"die", "destroy", "oom", "pause", "unpause", "rename", "start", "stop", "update", "health_status"}
)
_SHARED = {"network": frozenset({"connect", "disconnect", "destroy"}), "volume": frozenset({"destroy"})}


class IntervalFromNow(IntervalTrigger):  # type: ignore[misc]
    """An interval that does not list the times it missed: after a jump of the clock, the next time counts from now.

    APScheduler computes every missed time before it merges them into one. A board without a clock starts in 1970, so
    that would be 58 million times of a 30 s interval: gigabytes, and a core that is busy for minutes.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next time; it is later than `now` if a time was missed."""
        moment: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        if previous_fire_time is not None and moment is not None and moment <= now:
            moment = super().get_next_fire_time(now, now)
        return moment


class Timers:
    """Polls and resyncs on APScheduler.

    Note [Wall clocks jump]
    APScheduler plans by the wall clock. If the clock is set forward, it fires once (`IntervalFromNow`). If the clock is
    set back by an hour, it would not fire for an hour: `wake_if_overdue` reads a clock that never jumps, polls if the
    timer did not, and sets the next time of every timer from now.
    """

    def __init__(self, settings: Settings, clock: Clock, wake: Callable[[str], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._polled_s = clock.monotonic_s()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._intervals_s: dict[str, float] = {}
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Use the intervals of these settings from now on."""
        wanted = {POLL: settings.poll.interval, RESYNC: settings.resync.interval}
        if wanted != self._intervals_s:
            self._intervals_s = wanted
            self._add(self._poll, POLL, settings.poll.interval * settings.poll.jitter)
            self._add(lambda: self._wake(RESYNC), RESYNC, 0.0)

    def start(self) -> None:
        """Poll at once, and from then on at intervals."""
        self._poll()
        self._scheduler.start()

    def wake_if_overdue(self) -> None:
        """Poll if the timer is long overdue."""
        late_s = self._clock.monotonic_s() - self._polled_s
        if late_s > OVERDUE_INTERVALS * self._intervals_s[POLL]:
            LOG.warning("poll.overdue", late_s=round(late_s, 1))
            self._poll()
            now = datetime.now(UTC)
            for identity, interval_s in self._intervals_s.items():
                self._scheduler.modify_job(identity, next_run_time=now + timedelta(seconds=interval_s))

    def arm(self, moment: datetime | None) -> None:
        """Wake the loop at this moment, instead of the moment that was given before.

        After a jump of the clock, the poll compensates.
        """
        if moment is None:
            with contextlib.suppress(JobLookupError):
                self._scheduler.remove_job(SCHEDULE)
            return
        self._scheduler.add_job(
            lambda: self._wake(SCHEDULE),
            "date",
            run_date=moment,
            id=SCHEDULE,
            replace_existing=True,
            misfire_grace_time=None,
        )

    def stop(self) -> None:
        """Stop all timers."""
        self._scheduler.shutdown(wait=False)

    def _poll(self) -> None:
        self._polled_s = self._clock.monotonic_s()
        self._wake(POLL)

    def _add(self, job: Callable[[], None], identity: str, jitter_s: float) -> None:
        self._scheduler.add_job(
            job,
            IntervalFromNow(seconds=self._intervals_s[identity], jitter=jitter_s or None, timezone=UTC),
            id=identity,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )


@dataclass(frozen=True, slots=True)
class _Followed:
    engine: Engine
    stop: threading.Event
    watch: EventWatch


class EventWatchers:
    """Watches the events of each connected host."""

    def __init__(self, on_event: Callable[[EngineEvent], None]) -> None:
        self._on_event = on_event
        self._following: dict[str, _Followed] = {}

    def follow(self, engines: Mapping[str, Engine]) -> None:
        """Watch exactly these hosts, over these connections."""
        for name, following in list(self._following.items()):
            if engines.get(name) is not following.engine:
                self._following.pop(name).stop.set()
        for name, engine in engines.items():
            if name not in self._following:
                stop = threading.Event()
                self._following[name] = _Followed(engine, stop, watch(engine, self._on_event, stop))

    def stop(self) -> None:
        """Stop watching. The threads end when their connections are closed."""
        self.follow({})


def matters(event: EngineEvent, instance: str) -> bool:
    """Tell whether an event can mean that something of this instance is not in its desired state."""
    if event.kind == "container":
        is_ours = event.attributes.get(INSTANCE) == instance and CARRIER not in event.attributes
        return is_ours and event.action.split(":")[0] in _OURS
    return event.kind == "stream" or event.action in _SHARED.get(event.kind, ())


def forget_inspections(engines: Iterable[Engine], clock: Clock) -> None:
    """Make every engine inspect everything again: events make reactions fast, and only a full listing is complete."""
    for engine in engines:
        missed = EngineEvent(host=engine.name, kind="stream", action="resync", id="", at=clock.now())
        forget(engine, missed)
