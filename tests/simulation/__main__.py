"""Run many random histories: `python -m tests.simulation --histories 2000 --seed 1 --workers 2`."""

import argparse
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CHUNK = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=2000, help="how many to run (default 2000)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the first seed; each history has its own (default 1)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--keep-going", action="store_true", help="go on after a failure, and count them")
    options = parser.parse_args()
    from simulation.many import Outcome, live_through  # needs the path that is set above

    began = time.monotonic()
    total = Outcome()
    seeds = range(options.seed, options.seed + options.histories)
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    for outcome in _results(live_through, chunks, options.workers):
        total.add(outcome)
        for seed, sentence in outcome.failures:
            again = f"python -m tests.simulation --histories 1 --seed {seed}"
            _say(f"\rseed {seed}: {sentence}\n  again: {again}\n")
        _say(f"\r{total.histories} of {len(seeds)} histories, {len(total.failures)} failed")
        if total.failures and not options.keep_going:
            break
    _say(f"\n{total.tally}\n{time.monotonic() - began:.1f} s\n")
    return 1 if total.failures else 0


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _results(work, chunks: list[range], workers: int) -> Iterable:
    if workers <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, chunks)


if __name__ == "__main__":
    raise SystemExit(main())
