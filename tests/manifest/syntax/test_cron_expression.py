"""Cron expressions, as `crontab(5)` has them."""

import pytest

from gitops_orch.manifest.syntax.cron_expression import BadCron, parse_cron


@pytest.mark.parametrize(
    ("expression", "field", "values"),
    [
        ("*/15 * * * *", "minutes", (0, 15, 30, 45)),
        ("5/20 * * * *", "minutes", (5, 25, 45)),
        ("0 9-17/4 * * *", "hours", (9, 13, 17)),
        ("0 0 1,15 * *", "days", (1, 15)),
        ("0 0 * JAN,jul *", "months", (1, 7)),
        ("0 0 * * 0", "weekdays", (0,)),
        ("0 0 * * 7", "weekdays", (0,)),
        ("0 0 * * mon-fri", "weekdays", (1, 2, 3, 4, 5)),
        ("0 0 * * fri-sun", "weekdays", (0, 5, 6)),
        ("@weekly", "weekdays", (0,)),
        ("@hourly", "minutes", (0,)),
    ],
)
def test_a_field_is_all_the_values_that_it_allows(expression, field, values):
    assert getattr(parse_cron(expression), field) == values


def test_two_restricted_days_are_a_choice_and_one_is_not():
    assert parse_cron("0 0 1 * mon").either_day
    assert not parse_cron("0 0 1 * *").either_day
    assert not parse_cron("0 0 */2 * mon").either_day


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "has 0"),
        ("* * * *", "five fields"),
        ("0 0 3 * * *", "has 6"),
        ("60 * * * *", "between 0 and 59"),
        ("* 24 * * *", "between 0 and 23"),
        ("0 0 0 * *", "between 1 and 31"),
        ("0 0 * * 8", "between 0 and 7"),
        ("5-1 * * * *", "rising order"),
        ("*/0 * * * *", "step of 0"),
        ("*-5 * * * *", "is no range"),
        ("0 0 * foo *", "names are jan"),
        ("0 0 L * *", "is none"),
        ("0 0 30 2 *", "never occurs"),
        ("0 0 31 4,6,9,11 *", "never occurs"),
        ("1,,2 * * * *", "is none"),
        ("@reboot", "five fields"),
    ],
)
def test_what_says_no_time_is_refused_with_the_reason(expression, why):
    with pytest.raises(BadCron, match=why):
        parse_cron(expression)
