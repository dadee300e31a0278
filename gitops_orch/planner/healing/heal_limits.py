"""Computes when repeated healing must wait or stop, from the ages of earlier heals."""

from itertools import pairwise

from gitops_orch.model.heal import HealRecord

HEALS_MAX = 5
SPAN_S = 300.0  # HEALS_MAX heals within this time do not converge: something undoes them
COOL_DOWN_S = 3600.0  # how long healing is then suspended
FIRST_S = 10.0
LAST_S = 300.0
CALM_S = 600.0  # a container that stayed up for this time is not in a crash loop


def stopped_s(healing: HealRecord) -> float:
    """Return for how many more seconds healing is suspended; 0 if it is not."""
    ages = healing.ages_s[-HEALS_MAX:]
    if len(ages) < HEALS_MAX or ages[0] - ages[-1] > SPAN_S:
        return 0.0
    return max(0.0, COOL_DOWN_S - ages[-1])


def crash_count(healing: HealRecord) -> int:
    """Return how often a container was started without staying up for CALM_S in between."""
    count = 0
    for older, younger in reversed([*pairwise((*healing.ages_s, 0.0))]):
        if older - younger > CALM_S:
            break
        count += 1
    return count


def wait_s(healing: HealRecord) -> float:
    """Return for how many more seconds a container that ended again is not started; the delay doubles up to LAST_S."""
    count = crash_count(healing)
    return max(0.0, min(LAST_S, FIRST_S * 2 ** (count - 1)) - healing.ages_s[-1]) if count else 0.0
