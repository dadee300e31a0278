"""When scheduled services are due, also on days when the clock is changed."""

from datetime import UTC, datetime, timedelta

import pytest

from gitops_orch.controller.schedule.cron_times import due, times_of
from gitops_orch.manifest.syntax.cron_expression import parse_cron
from gitops_orch.model.job import Schedule

BERLIN = "Europe/Berlin"


def schedule(expression: str, timezone: str = "UTC") -> Schedule:
    return Schedule(expression=expression, fields=parse_cron(expression), timezone=timezone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def moments(expression: str, timezone: str, after: str, until: str) -> list[str]:
    times = times_of(schedule(expression, timezone)).between(utc(after), utc(until))
    return [each.strftime("%d %H:%M") for each in times]


def test_times_follow_the_time_zone():
    assert moments("0 3 * * *", BERLIN, "2026-01-01", "2026-01-03") == ["01 02:00", "02 02:00"]
    assert moments("0 3 * * *", BERLIN, "2026-07-01", "2026-07-02") == ["01 01:00"]


def test_sunday_is_sunday():
    assert moments("0 0 * * 0", "UTC", "2026-11-20", "2026-11-30") == ["22 00:00", "29 00:00"]


def test_two_restricted_days_are_a_choice():
    assert moments("0 0 13 * fri", "UTC", "2026-11-10", "2026-11-21") == ["13 00:00", "20 00:00"]
    assert moments("0 0 12 * fri", "UTC", "2026-11-10", "2026-11-14") == ["12 00:00", "13 00:00"]


def test_a_time_that_the_clock_skips_comes_as_much_later():
    # On 29 March 2026 the clock in Berlin goes from 02:00 to 03:00, which is 01:00 UTC.
    assert moments("30 2 * * *", BERLIN, "2026-03-28", "2026-03-31") == ["28 01:30", "29 01:30", "30 00:30"]


def test_a_time_that_the_clock_shows_twice_comes_once():
    # On 25 October 2026 the clock in Berlin goes from 03:00 to 02:00, which is 01:00 UTC.
    assert moments("30 2 * * *", BERLIN, "2026-10-24", "2026-10-27") == ["24 00:30", "25 00:30", "26 01:30"]


def test_what_runs_every_hour_goes_by_the_time_that_passes():
    spring = moments("0 * * * *", BERLIN, "2026-03-28T23:30", "2026-03-29T03:30")
    assert spring == ["29 00:00", "29 01:00", "29 02:00", "29 03:00"]
    autumn = moments("30 * * * *", BERLIN, "2026-10-24T23:40", "2026-10-25T02:40")
    assert autumn == ["25 00:30", "25 01:30", "25 02:30"]


@pytest.mark.parametrize("expression", ["*/5 * * * *", "30 2 * * *", "0 2,3 * * *"])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_times_only_move_on_on_days_when_the_clock_is_changed(expression, day):
    times = list(times_of(schedule(expression, BERLIN)).between(utc(day), utc(day) + timedelta(days=1)))
    assert times == sorted(set(times))
    assert times


def test_a_skipped_time_does_not_come_before_or_twice_with_the_one_that_it_meets():
    # 02:30 is skipped, and comes when the clock shows 03:30.
    assert moments("0,30 2,3 * * *", BERLIN, "2026-03-29", "2026-03-29T12:00") == ["29 01:00", "29 01:30"]


def test_the_latest_time_is_found_however_long_ago():
    times = times_of(schedule("0 0 29 2 *"))
    assert times.latest(utc("2027-11-24")) == utc("2024-02-29")
    assert times.after(utc("2026-11-24")) == utc("2028-02-29")


def test_nothing_is_wanted_before_the_first_time():
    found = due(schedule("0 3 * * *"), since=utc("2026-11-24T10:00"), now=utc("2026-11-24T12:00"))
    assert found is not None
    assert not found.is_wanted


def test_a_time_is_wanted_from_its_minute_on():
    nightly = schedule("0 3 * * *")
    since = utc("2026-11-24T02:00")
    assert not due(nightly, since=since, now=utc("2026-11-24T02:59:59")).is_wanted
    found = due(nightly, since=since, now=utc("2026-11-24T03:00"))
    assert (found.at, found.is_wanted, found.is_too_late, found.skipped_count) == (
        utc("2026-11-24T03:00"),
        True,
        False,
        0,
    )


def test_of_many_missed_times_the_last_counts_and_the_others_are_told():
    found = due(schedule("*/5 * * * *"), since=utc("2026-11-24T00:00"), now=utc("2026-11-24T08:02"))
    assert (found.at, found.is_wanted, found.is_too_late) == (utc("2026-11-24T08:00"), True, False)
    assert found.skipped_count == 95


def test_a_time_that_was_missed_by_more_than_its_interval_is_late():
    daytime = schedule("0 9,17 * * *")  # eight hours apart by day, sixteen by night
    since = utc("2026-11-23T12:00")
    assert not due(daytime, since=since, now=utc("2026-11-24T00:59")).is_too_late
    assert due(daytime, since=since, now=utc("2026-11-24T01:01")).is_too_late


def test_a_time_that_was_missed_by_less_than_an_hour_is_never_late():
    bursts = schedule("0-5 3 * * *")
    since = utc("2026-11-24T03:00")
    assert not due(bursts, since=since, now=utc("2026-11-24T04:04")).is_too_late
    assert due(bursts, since=since, now=utc("2026-11-24T04:06")).is_too_late


def test_a_clock_that_is_set_back_wants_nothing_again():
    found = due(schedule("0 * * * *"), since=utc("2026-11-24T12:00"), now=utc("2026-11-24T11:30"))
    assert not found.is_wanted
