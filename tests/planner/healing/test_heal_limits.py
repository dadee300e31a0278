"""How long healing waits, and when it stops."""

from gitops_orch.model.heal import HealRecord
from gitops_orch.planner.healing.heal_limits import crash_count, stopped_s, wait_s


def healed(*ages):
    return HealRecord(spec_hash="s", release="r", ages_s=ages)


def test_five_times_within_five_minutes_stop_it_for_an_hour_from_the_last():
    assert stopped_s(healed(300, 200, 100, 50, 0)) == 3600
    assert stopped_s(healed(3899, 3800, 3700, 3650, 3599)) == 1


def test_four_times_or_five_over_a_longer_time_do_not():
    assert stopped_s(healed(100, 50, 20, 0)) == 0
    assert stopped_s(healed(301, 200, 100, 50, 0)) == 0


def test_only_the_last_five_count():
    assert stopped_s(healed(4000, 3990, 200, 100, 50, 20, 10)) == 3590


def test_each_start_in_a_row_waits_longer_up_to_a_limit():
    ages: tuple[float, ...] = ()
    waits = []
    for _ in range(8):
        waits.append(wait_s(healed(*ages, 0.0)))
        ages = tuple(age + waits[-1] for age in (*ages, 0.0))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_container_that_stayed_up_for_long_is_started_at_once_again():
    assert crash_count(healed(900, 800, 700, 601)) == 0
    assert wait_s(healed(900, 800, 700, 601)) == 0
    assert crash_count(healed(900, 200, 10)) == 2
