"""Units of time. Each format accepts those that its own source allows; what a unit is worth is the same in all."""

from collections.abc import Mapping

DURATION_NS: Mapping[str, int] = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign
    "μs": 10**3,  # the Greek letter, which Go also reads
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
DURATION_S: Mapping[str, float] = {unit: worth / 10**9 for unit, worth in DURATION_NS.items()}
