"""How fast this machine is at this moment: limits on work are given in units of it, never in seconds.

Beside busy neighbours the same work takes twice the processor time (caches, shared cores), so a limit in seconds fails on
a machine that is loaded and finds nothing on one that is fast.
"""

import time
from statistics import median

SPINS = 5


def unit_s() -> float:
    """Return the processor seconds that a fixed piece of work takes now: about 0.05 on an idle core of 2024."""
    return median(_spin_s() for _ in range(SPINS))


def _spin_s() -> float:
    began = time.process_time()
    found: dict[int, str] = {}
    for number in range(300_000):
        found[number % 1000] = str(number)
    return time.process_time() - began
