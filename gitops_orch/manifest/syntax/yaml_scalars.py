"""Reads plain YAML scalars: as Compose does, and strictly for our own documents.

Note [Two readings]
Compose resolves scalars as go-yaml v3 does, partly by YAML 1.1 and partly by 1.2: `0644` is 420, `1_000` is 1000, `yes`
is text and `22:22` too. Host and Fleet documents are YAML 1.2 core and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TypeAlias

INTEGER_MAX = 2**63 - 1
INTEGER_MIN = -(2**63)
UNSIGNED_MAX = 2**64 - 1
DIGITS_MAX = 70  # of a number that may fit into 64 bits, in any base
SHORT_MAX = 64


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date or time without quotes; Compose converts it to text, in one of two forms."""

    text: str  # as Go prints a time where any value becomes text
    json: str  # RFC 3339

    def __str__(self) -> str:
        return self.text


Scalar: TypeAlias = bool | int | float | str | Timestamp | None


class ScalarRefused(ValueError):
    """The scalar has no value that JSON can hold; the message has the reason and what to write instead."""


PLAIN_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_FINITE = frozenset(
    sign + word for sign in ("", "+", "-") for word in (".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF")
)
_MAY_BE_NUMBER = re.compile(r"[-+.0-9]")
_GO_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CORE_INTEGER = re.compile(r"[-+]?[0-9]+|0o(?P<oct>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d\d:\d\d)?)?"
)


def compose_scalar(text: str) -> Scalar:
    """Return the value that Compose reads from a plain scalar; raise ScalarRefused where no number can hold it."""
    return _short_compose_scalar(text) if len(text) <= SHORT_MAX else _compose_scalar(text)


def strict_scalar(text: str) -> Scalar:
    """Return the value of a plain scalar by the YAML 1.2 core schema; ScalarRefused where no number can hold it."""
    return _short_strict_scalar(text) if len(text) <= SHORT_MAX else _strict_scalar(text)


def _compose_scalar(text: str) -> Scalar:
    if text in PLAIN_WORDS:
        return PLAIN_WORDS[text]
    if not _MAY_BE_NUMBER.match(text):
        return text
    if text in _NOT_FINITE:
        raise ScalarRefused(f"{text} is no number that JSON or Docker can hold; quote it, or write a number")
    stamp = _timestamp(text)
    if stamp is not None:
        return stamp
    # A value with a leading point is a float or text; underscores are dropped from all other values.
    plain = text if text[0] == "." else text.replace("_", "")
    number = _GO_INTEGER.fullmatch(plain)
    if number and text[0] != ".":
        return _in_range(
            text, _integer(number) if len(plain) <= DIGITS_MAX else UNSIGNED_MAX + 1, UNSIGNED_MAX
        )
    return _float(text, plain) if _FLOAT.fullmatch(plain) else text


def _strict_scalar(text: str) -> Scalar:
    if text in PLAIN_WORDS:
        return PLAIN_WORDS[text]
    if not _MAY_BE_NUMBER.match(text):
        return text
    if text in _NOT_FINITE:
        raise ScalarRefused(f"{text} is no number that JSON or Docker can hold; quote it, or write a number")
    number = _CORE_INTEGER.fullmatch(text)
    if number:
        digits, base = next(
            ((number[kind], base) for kind, base in (("hex", 16), ("oct", 8)) if number[kind]), (text, 10)
        )
        return _in_range(text, int(digits, base) if len(digits) <= DIGITS_MAX else INTEGER_MAX + 1)
    return _float(text, text) if _FLOAT.fullmatch(text) else text


# Only short texts are cached: a file may have a megabyte of digits, and a cache keeps its keys.
_short_compose_scalar = lru_cache(maxsize=4096)(_compose_scalar)
_short_strict_scalar = lru_cache(maxsize=4096)(_strict_scalar)


def _integer(number: re.Match[str]) -> int:
    for kind, base in (("hex", 16), ("bin", 2), ("oct", 8), ("dec", 10)):
        if number[kind] is not None:
            return int(number["sign"] + number[kind], base)
    raise AssertionError("the pattern has no other branch")


def _in_range(text: str, value: int, most: int = INTEGER_MAX) -> int:
    if not INTEGER_MIN <= value <= most:
        raise ScalarRefused(f"{text[:SHORT_MAX]} does not fit into 64 bits; quote it if it is text")
    return value


def _float(text: str, plain: str) -> float:
    value = float(plain)
    if value in (float("inf"), float("-inf")):
        raise ScalarRefused(f"{text} is too large for a number; quote it if it is text")
    if value.is_integer() and abs(value) > INTEGER_MAX and not set(plain) & set(".eE"):
        raise ScalarRefused(f"{text} does not fit into 64 bits; quote it if it is text")
    return value


def _timestamp(text: str) -> Timestamp | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, separator, hour, minute, second, fraction, offset = match.groups()
    if (separator in ("T", "t")) != (offset is not None):
        return None  # Go accepts a T with an offset, and a space without one
    zone = _zone(offset)
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=zone
        )
    except ValueError:
        return None
    digits = (fraction or "").rstrip("0")[:9].rstrip("0")
    tail = f".{digits}" if digits else ""
    clock = f"{moment:%H:%M:%S}{tail}"
    date = f"{moment.year:04d}-{moment:%m-%d}"
    away = moment.utcoffset() != timedelta(0)
    shown = f"{moment:%z} {moment:%z}" if away else "+0000 UTC"
    return Timestamp(f"{date} {clock} {shown}", f"{date}T{clock}{offset if away else 'Z'}")


def _zone(offset: str | None) -> timezone:
    if offset in (None, "Z"):
        return UTC
    sign = -1 if offset.startswith("-") else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
