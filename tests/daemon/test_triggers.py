"""What wakes the loop: timers that survive a clock that jumps, and the events that matter."""

from datetime import UTC, datetime, timedelta

import pytest
from lab.commands import wait_for

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.publish.systemd import watchdog_interval_s
from gitops_orch.daemon.triggers import Timers, matters
from gitops_orch.engine.base import EngineEvent
from gitops_orch.settings import PollSettings, ResyncSettings, Settings

OURS = {"gitops-orch.instance": "default"}


class Clock(SystemClock):
    """A clock that is moved by hand."""

    at_s = 0.0

    def monotonic_s(self) -> float:
        return self.at_s


@pytest.fixture
def woken():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timers(clock, woken):
    made = Timers(Settings(), clock, woken.append)
    made.start()
    yield made
    made.stop()


def test_the_first_poll_is_at_once(timers, woken):
    assert woken == ["poll"]


def test_c05_a_timer_that_has_not_fired_for_two_intervals_is_helped(timers, woken, clock):
    clock.at_s = 59
    timers.wake_if_overdue()
    assert woken == ["poll"]
    clock.at_s = 61
    timers.wake_if_overdue()
    timers.wake_if_overdue()
    assert woken == ["poll", "poll"]


@pytest.mark.parametrize("year", [1970, 1985, 2025])
def test_a_clock_that_jumps_forward_by_years_makes_one_poll(timers, woken, year):
    timers._scheduler.modify_job("poll", next_run_time=datetime(year, 1, 1, tzinfo=UTC))
    wait_for("the poll", lambda: len(woken) > 1)
    due_in = timers._scheduler.get_job("poll").next_run_time - datetime.now(UTC)
    assert timedelta(0) < due_in < timedelta(seconds=60)
    assert woken == ["poll", "poll"]


def test_a_clock_that_was_set_back_costs_one_late_poll_and_not_one_after_the_other(timers, woken, clock):
    timers._scheduler.modify_job("resync", next_run_time=datetime.now(UTC) + timedelta(days=1))
    timers._scheduler.modify_job("poll", next_run_time=datetime.now(UTC) + timedelta(days=1))
    clock.at_s = 61
    timers.wake_if_overdue()
    due_in = {
        name: timers._scheduler.get_job(name).next_run_time - datetime.now(UTC) for name in ("poll", "resync")
    }
    assert due_in["poll"] < timedelta(seconds=31)
    assert due_in["resync"] < timedelta(seconds=301)
    assert woken == ["poll", "poll"]


def test_other_intervals_count_from_now(timers, clock, woken):
    timers.change(Settings(poll=PollSettings(interval=600.0), resync=ResyncSettings(interval=3600.0)))
    for name, seconds in (("poll", 600), ("resync", 3600)):
        due_in = timers._scheduler.get_job(name).next_run_time - datetime.now(UTC)
        assert timedelta(seconds=seconds - 60) < due_in < timedelta(seconds=seconds * 1.2)
    clock.at_s = 1100
    timers.wake_if_overdue()
    assert woken == ["poll"]


def test_the_loop_wakes_at_the_moment_that_was_given_last(timers, woken):
    timers.arm(datetime.now(UTC) + timedelta(seconds=0.2))
    timers.arm(datetime.now(UTC) + timedelta(seconds=0.3))
    wait_for("the wake", lambda: "schedule" in woken)
    assert woken == ["poll", "schedule"]


def test_a_moment_can_be_taken_back(timers, woken):
    timers.arm(datetime.now(UTC) + timedelta(hours=1))
    timers.arm(None)
    timers.arm(None)
    timers.arm(datetime.now(UTC) + timedelta(seconds=0.1))
    wait_for("the wake", lambda: "schedule" in woken)
    assert woken == ["poll", "schedule"]


@pytest.mark.parametrize(
    ("kind", "action", "attributes", "expected"),
    [
        ("container", "die", OURS, True),
        ("container", "health_status: unhealthy", OURS, True),
        ("container", "destroy", {}, False),
        ("container", "die", {"gitops-orch.instance": "another"}, False),
        ("container", "exec_start: /check", OURS, False),
        ("network", "disconnect", {}, True),
        ("network", "create", {}, False),
        ("volume", "destroy", {}, True),
        ("image", "pull", {}, False),
        ("stream", "connected", {}, True),
    ],
)
def test_only_events_that_can_mean_drift_wake_the_loop(kind, action, attributes, expected):
    event = EngineEvent(
        host="h", kind=kind, action=action, id="x", at=datetime.now(UTC), attributes=attributes
    )
    assert matters(event, "default") is expected


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        (None, None, None),
        ("0", None, None),
        ("junk", None, None),
        ("60000000", None, 20),
        ("60000000", "1", None),
    ],
)
def test_the_watchdog_is_fed_three_times_an_interval_and_only_where_it_waits_for_us(usec, pid, expected):
    assert watchdog_interval_s(usec, pid) == expected
