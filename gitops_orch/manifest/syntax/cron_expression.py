"""Parses cron expressions, the five fields of `crontab(5)`, strictly: a mistake is found at once."""

import re
from functools import lru_cache

from gitops_orch.model.job import CronFields

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_PART = re.compile(r"(?P<first>\*|[a-z]+|\d{1,2})(-(?P<last>[a-z]+|\d{1,2}))?(/(?P<step>\d{1,2}))?")
_SUNDAY = 7  # the same as 0, so that fri-sun is possible
# The longest that each month can be: a day that none of the months has never occurs.
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class BadCron(ValueError):
    """The expression has no times; the message is the reason."""


@lru_cache(maxsize=1024)
def parse_cron(expression: str) -> CronFields:
    """Return the fields of an expression; raise BadCron where it is invalid, or never occurs."""
    words = _NICKNAMES.get(expression.strip().lower(), expression).lower().split()
    if len(words) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise BadCron(f"must have five fields ({names}), such as 0 3 * * *, has {len(words)}")
    minutes, hours, days, months, weekdays = (
        _field(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    # A field that begins with a star does not restrict the days, when cron chooses between the two kinds of days.
    either = not (words[2].startswith("*") or words[4].startswith("*"))
    if not either and min(days) > max(_LENGTHS[month - 1] for month in months):
        raise BadCron(f"never occurs: none of these months has a day {min(days)}")
    return CronFields(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % _SUNDAY for day in weekdays})),
        either_day=either,
        every_hour=words[1].startswith("*"),
    )


def _field(word: str, name: str, least: int, most: int, names: dict[str, int]) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise BadCron(f"the {name} {part!r} is none; write a number, a range 1-5, */10 or *")
        first, last = _bounds(match, name, least, most, names)
        step = 1 if match["step"] is None else int(match["step"])
        if step == 0:
            raise BadCron(f"the {name} {part!r} has a step of 0; write a step of 1 or more")
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _bounds(match: re.Match[str], name: str, least: int, most: int, names: dict[str, int]) -> tuple[int, int]:
    if match["first"] == "*":
        if match["last"] is not None:
            raise BadCron(f"the {name} {match[0]!r} is no range; write * or a range such as 1-5")
        return least, most
    first = _number(match["first"], match[0], name, names)
    # A single value with a step continues to the end, as in every cron: 5/15 is 5-59/15.
    open_end = match["last"] is None and match["step"] is not None
    last = most if open_end else _number(match["last"] or match["first"], match[0], name, names)
    if names and most == _SUNDAY and last == 0 and first > last:
        last = _SUNDAY
    if not least <= first <= last <= most:
        raise BadCron(f"the {name} {match[0]!r} does not lie between {least} and {most} in rising order")
    return first, last


def _number(word: str, part: str, name: str, names: dict[str, int]) -> int:
    if word.isdigit():
        return int(word)
    if word not in names:
        known = f"; names are {', '.join(names)}" if names else ""
        raise BadCron(f"the {name} {part!r} is none{known}")
    return names[word]
