"""Durations of our own keys, written as Compose writes its own, or in days: `30s`, `1m30s`, `1h0m0.5s`, `1d`."""

import re
from functools import lru_cache

from gitops_orch.units import DURATION_S

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> float | None:
    """Return the duration in seconds; None where the text is not a duration."""
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * DURATION_S[unit] for number, unit in _PART.findall(text))
