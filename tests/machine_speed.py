"""How fast this machine is at this moment: limits on work are given in units of it, never in seconds.

Beside busy neighbours the same work takes twice the processor time (caches, shared cores), so a limit in seconds fails on
a machine that is loaded and finds nothing on one that is fast.
"""

import time
from collections.abc import Callable
from statistics import median

SPINS = 5
TRIES = 3
MEASURED_S_MIN = 0.001  # what takes less is not told from nothing


def unit_s() -> float:
    """Return the processor seconds that a fixed piece of work takes now: about 0.05 on an idle core of 2024."""
    return median(_spin_s() for _ in range(SPINS))


def units_of(work: Callable[[], object]) -> float:
    """Return how many of these units a piece of work takes: 40 are about two seconds on that core."""
    before_s = unit_s()
    took_s = _processor_s(work)
    return took_s / max(before_s, unit_s())


def growth(work: Callable[[int], object], small: int, large: int) -> float:
    """Return how many times the processor time of a small count a large one takes, the best of some tries of each."""
    work(small // 5)  # what is only done once is done
    small_s, large_s = (
        min(_processor_s(lambda count=count: work(count)) for _ in range(TRIES)) for count in (small, large)
    )
    return large_s / max(small_s, MEASURED_S_MIN)


def _processor_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _spin_s() -> float:
    began = time.process_time()
    found: dict[int, str] = {}
    for number in range(300_000):
        found[number % 1000] = str(number)
    return time.process_time() - began
