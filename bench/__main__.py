"""`scripts/bench`: all comparisons in one run; `--quick` for a look, parts by name for one of them."""

import argparse
import os
import tempfile
from pathlib import Path

from arena import Arena, open_arena
from deploy import first_deploys, idle_passes
from heal import heal_times
from loading import loader_times
from planning import planner_times
from rolling import rolling_times
from startup import startup_costs
from table import print_rows, print_values

PARTS = ("startup", "planner", "loader", "deploy", "idle", "heal", "rolling")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer services and turns: a look, not a figure")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; ratios are within this run, medians of its turns"
    )
    sizes = (100, 1000) if arguments.quick else (100, 1000, 10000)
    if "planner" in parts:
        print_values("planner", planner_times(sizes, 3 if arguments.quick else 5))
    if "loader" in parts:
        print_values(
            "loader (goals at 10,000: 10 s cold, 0.3 s for one file)",
            loader_times(sizes, 1 if arguments.quick else 3),
        )
    if set(parts) & {"startup", "deploy", "idle", "heal"}:
        with tempfile.TemporaryDirectory() as directory, open_arena(Path(directory)) as arena:
            _with_engine(arena, parts, quick=arguments.quick)
    if "rolling" in parts:
        print_rows(rolling_times(1, (4,)) if arguments.quick else rolling_times(5, (4, 1, 0)))


def _with_engine(arena: Arena, parts: list[str], *, quick: bool) -> None:
    rows = []
    if "startup" in parts:
        rows += startup_costs(arena, 3 if quick else 7)
    if "deploy" in parts:
        rows += first_deploys(arena, 10 if quick else 50, 1 if quick else 3)
    if "idle" in parts:
        rows += idle_passes(arena, 20 if quick else 100, 3 if quick else 7)
    if rows:
        print_rows(rows)
    if "heal" in parts:
        print_values("heal", heal_times(arena, 5 if quick else 40))


if __name__ == "__main__":
    main()
