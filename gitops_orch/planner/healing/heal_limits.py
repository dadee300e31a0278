"""When healing the same thing again and again has to wait, or to stop: rules over how long ago it was done before."""

from itertools import pairwise

from gitops_orch.model.heal import HealRecord

HEALS_MAX = 5
SPAN_S = 300.0  # so many heals within so long do not converge: something undoes them
COOL_DOWN_S = 3600.0  # then it is left alone for so long
FIRST_S = 10.0
LAST_S = 300.0
CALM_S = 600.0  # a container that stayed up for so long is not in a crash loop


def stopped_s(healing: HealRecord) -> float:
    """Return for how many seconds more it is left alone; 0 where it is not."""
    ages = healing.ages_s[-HEALS_MAX:]
    if len(ages) < HEALS_MAX or ages[0] - ages[-1] > SPAN_S:
        return 0.0
    return max(0.0, COOL_DOWN_S - ages[-1])


def crash_count(healing: HealRecord) -> int:
    """Return how often a container was started without having stayed up for long in between."""
    count = 0
    for older, younger in reversed([*pairwise((*healing.ages_s, 0.0))]):
        if older - younger > CALM_S:
            break
        count += 1
    return count


def wait_s(healing: HealRecord) -> float:
    """Return for how many seconds more a container that ended again is not started: each time longer, up to a limit."""
    count = crash_count(healing)
    return max(0.0, min(LAST_S, FIRST_S * 2 ** (count - 1)) - healing.ages_s[-1]) if count else 0.0
