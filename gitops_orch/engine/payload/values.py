"""Readers of a resolved Compose body: its text, numbers, sizes and durations, as Compose prints them."""

import re
from collections.abc import Mapping, Sequence

from gitops_orch.model.app import Json

Body = Mapping[str, Json]

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_SIZE_STEPS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def text(value: Json) -> str:
    """Return a scalar as Compose would write it; absent is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def integer(value: Json) -> int:
    """Return a whole number that may be written as text; absent is 0."""
    return int(float(text(value) or 0))


def decimal(value: Json) -> float:
    """Return a number that may be written as text; absent is 0."""
    return float(text(value) or 0)


def size_bytes(value: Json) -> int:
    """Return a size: a number of bytes, or text with a binary unit (`64m`); absent is 0.

    ValueError for anything else: the loader lets none pass.
    """
    written = text(value).strip()
    if not written:
        return 0
    if re.fullmatch(r"-?\d+", written):
        return int(written)
    match = _SIZE.fullmatch(written)
    if match is None:
        raise ValueError(f"{written!r} is not a size")
    return int(float(match[1]) * 1024 ** _SIZE_STEPS[match[2].lower()])


def duration_ns(value: Json) -> int:
    """Return a duration such as `1m30s` in nanoseconds, which is what an Engine counts; absent is 0.

    ValueError for anything else: the loader lets none pass.
    """
    written = text(value).strip()
    if written in {"", "0"}:
        return 0
    parts = _DURATION_PART.findall(written)
    if "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"{written!r} is not a duration")
    return sum(round(float(number) * _NANOSECONDS[unit]) for number, unit in parts)


def strings(value: Json) -> list[str]:
    """Return a list of text; one scalar is a list of one, absent is empty."""
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [text(value)]
    return [text(item) for item in value]


def mapping(value: Json) -> Body:
    """Return a mapping; anything else is empty."""
    return value if isinstance(value, Mapping) else {}


def bodies(value: Json) -> list[Body]:
    """Return a list of mappings; entries that are none are left out."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def text_mapping(value: Json) -> dict[str, str]:
    """Return a mapping with every value as text."""
    return {key: text(item) for key, item in mapping(value).items()}


def present(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that say something: what is empty is left to the Engine's own default."""
    return {key: value for key, value in fields.items() if value}
