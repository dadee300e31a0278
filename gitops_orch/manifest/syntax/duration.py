"""Durations as Compose writes them: `30s`, `1m30s`, `1h0m0.5s`."""

import re
from functools import lru_cache

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> float | None:
    """Return the duration in seconds; None where the text is not a duration."""
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
