"""Reads values of a resolved Compose body: text, numbers, sizes and durations, in the form that Compose prints."""

import re
from collections.abc import Mapping, Sequence

from gitops_orch.model.app import Json
from gitops_orch.units import DURATION_NS

Body = Mapping[str, Json]

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_SIZE_STEPS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def text(value: Json) -> str:
    """Return a scalar as Compose would write it; None is ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def integer(value: Json) -> int:
    """Return an integer that may be written as text; None is 0."""
    return int(float(text(value) or 0))


def decimal(value: Json) -> float:
    """Return a number that may be written as text; None is 0."""
    return float(text(value) or 0)


def size_bytes(value: Json) -> int:
    """Return a size in bytes: from a number of bytes, or text with a binary unit (`64m`); None is 0.

    ValueError for anything else; the loader already refuses such values.
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
    """Return a duration such as `1m30s` in nanoseconds, the Engine's unit; None is 0.

    ValueError for anything else; the loader already refuses such values.
    """
    written = text(value).strip()
    if written in {"", "0"}:
        return 0
    parts = _DURATION_PART.findall(written)
    if "".join(number + unit for number, unit in parts) != written:
        raise ValueError(f"{written!r} is not a duration")
    return sum(round(float(number) * DURATION_NS[unit]) for number, unit in parts)


def strings(value: Json) -> list[str]:
    """Return a list of text; a scalar is a list of one, None is empty."""
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [text(value)]
    return [text(item) for item in value]


def mapping(value: Json) -> Body:
    """Return a mapping; anything else is empty."""
    return value if isinstance(value, Mapping) else {}


def bodies(value: Json) -> list[Body]:
    """Return a list of mappings; other entries are omitted."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def text_mapping(value: Json) -> dict[str, str]:
    """Return a mapping with every value as text."""
    return {key: text(item) for key, item in mapping(value).items()}


def present(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are not empty; for the others the Engine's default applies."""
    return {key: value for key, value in fields.items() if value}
