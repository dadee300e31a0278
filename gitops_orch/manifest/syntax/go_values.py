"""Numbers, durations, sizes and booleans as Compose reads and prints them."""

import re
import struct
from decimal import Decimal
from functools import lru_cache
from typing import Any

from gitops_orch.manifest.syntax.yaml_scalars import INTEGER_MAX, INTEGER_MIN
from gitops_orch.units import DURATION_NS

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_SIZE = re.compile(r"(\d+(\.\d+)*) ?([kKmMgGtTpP])?[iI]?[bB]?", re.ASCII)
_SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_DURATION_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
LENGTH_MAX = 100  # of a size or a duration
DIGITS_MAX = 20  # of a number that may fit into 64 bits
_PLAIN_EXPONENTS = range(-4, 6)  # Go prints a float with such an exponent in plain digits
_TRUE = frozenset(("true", "y", "yes", "on"))
_FALSE = frozenset(("false", "n", "no", "off"))


class InvalidValue(ValueError):
    """The text does not have the expected form; the message is the expected form."""


def boolean(text: str) -> bool:
    """Return the boolean that Compose reads from a text."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidValue(f"must be true or false, is {text!r}")


def integer(text: str) -> int:
    """Return a decimal number of at most 64 bits."""
    if not _INTEGER.fullmatch(text) or len(text) > DIGITS_MAX or not INTEGER_MIN <= int(text) <= INTEGER_MAX:
        raise InvalidValue(f"must be a whole number, is {text!r}")
    return int(text)


def decimal(text: str) -> float:
    """Return a decimal fraction."""
    value = float(text) if _FLOAT.fullmatch(text) else float("inf")
    if value in (float("inf"), float("-inf")):
        raise InvalidValue(f"must be a number, is {text!r}")
    return value


def size_bytes(text: str) -> int:
    """Return a size such as `512m` or `1.5 GiB` in bytes; every unit is binary."""
    if len(text) > LENGTH_MAX:
        raise InvalidValue(f"must be a size such as 512m or 2gb, is a text of {len(text)} characters")
    return _size_bytes(text)


@lru_cache(maxsize=1024)
def _size_bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    number = match[1] if match else ""
    if match is None or number.count(".") > 1:
        raise InvalidValue(f"must be a size such as 512m or 2gb, is {text!r}")
    size = float(number) * _SIZE_UNITS[(match[3] or "").lower()]
    if size > INTEGER_MAX:
        raise InvalidValue(f"must be a size below 2^63 bytes, is {text!r}")
    return int(size)


def duration_ns(text: str) -> int:
    """Return a duration such as `1m30s` in nanoseconds."""
    if len(text) > LENGTH_MAX:
        raise InvalidValue(f"must be a duration such as 10s or 1m30s, is a text of {len(text)} characters")
    return _duration_ns(text)


@lru_cache(maxsize=1024)
def _duration_ns(text: str) -> int:
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        part = _DURATION_PART.match(rest, at)
        if part is None:
            break
        total += _part_ns(part[1], DURATION_NS[part[2]])
        at = part.end()
    if not rest or at < len(rest) or total > INTEGER_MAX:
        raise InvalidValue(f"must be a duration such as 10s or 1m30s, is {text!r}")
    return sign * total


def _part_ns(number: str, unit_ns: int) -> int:
    whole, _, fraction = number.partition(".")
    fraction = fraction[:18]
    return int(whole or 0) * unit_ns + (int(fraction) * unit_ns // 10 ** len(fraction) if fraction else 0)


@lru_cache(maxsize=1024)
def duration_text(nanoseconds: int) -> str:
    """Return a duration as Go prints it: `1h0m0s`, `1.5s`, `200ms`."""
    sign, rest = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    if rest == 0:
        return "0s"
    for unit, unit_ns in (("ns", 10**3), ("µs", 10**6), ("ms", 10**9)):
        if rest < unit_ns:
            return f"{sign}{_fraction(rest, unit_ns // 1000)}{unit}"
    minutes, seconds = divmod(rest, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_fraction(seconds, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def float32(value: float) -> float:
    """Return the shortest number that a 32-bit float holds for the value, as JSON shows it."""
    try:
        held = struct.pack("<f", value)
    except OverflowError as error:
        raise InvalidValue(f"must be a number of ordinary size, is {value}") from error
    for digits in range(1, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == held:
            return short
    return value


def shown(value: Any) -> str:
    """Return a scalar as Compose converts it to text: `true`, `1e+21`, `0.5`."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return _float_text(value)
    return str(value)


def _float_text(value: float) -> str:
    if value == 0:
        return "-0" if str(value).startswith("-") else "0"
    negative, numerals, exponent = Decimal(repr(value)).normalize().as_tuple()
    sign, digits = "-" if negative else "", "".join(map(str, numerals))
    power = len(digits) - 1 + int(exponent)
    if power not in _PLAIN_EXPONENTS:
        head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        return f"{sign}{head}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    if len(digits) <= power + 1:
        return sign + digits.ljust(power + 1, "0")
    return f"{sign}{digits[: power + 1]}.{digits[power + 1 :]}"
