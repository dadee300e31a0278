"""How the planner's time grows with the fleet: a hundred containers a host, ten services an app."""

import gc
import time
from collections.abc import Sequence
from statistics import median

from planner.builders import app, container, seen, service, with_fields, world

from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan import make_plan
from gitops_orch.python_gc import few_collections

PER_HOST = 100
PER_APP = 10


def planner_times(sizes: Sequence[int], turns: int) -> list[tuple[str, str]]:
    """Plan a fleet with nothing to do, and one where everything is missing; seconds, medians."""
    lines: list[tuple[str, str]] = []
    before: dict[str, float] = {}
    for size in sizes:
        settled = _fleet(size)
        bare = with_fields(settled, observed={name: seen(name) for name in settled.observed.hosts})
        for what, each in (("nothing to do", settled), ("everything to make", bare)):
            taken = _median(each, turns)
            growth = f", {taken / before[what]:.1f} x the size before" if what in before else ""
            lines.append((f"{size} containers, {what}", f"{taken:.3f} s{growth}"))
            before[what] = taken
    return lines


def _median(each: World, turns: int) -> float:
    times = []
    for _ in range(turns):
        gc.collect()
        began = time.perf_counter()
        with few_collections():
            make_plan(each)
        times.append(time.perf_counter() - began)
    return median(times)


def _fleet(size: int) -> World:
    names = [f"h{number}" for number in range(max(1, size // PER_HOST))]
    apps = [
        app(f"a{number:05d}", *(service(f"s{each}") for each in range(PER_APP)), digest=f"d{number}")
        for number in range(size // PER_APP)
    ]
    observed = {}
    for number, name in enumerate(names):
        mine = apps[number :: len(names)]
        containers = [container(each, f"s{index}") for each in mine for index in range(PER_APP)]
        observed[name] = seen(name, *containers, apps=tuple(mine))
    return world(*apps, observed=observed)
