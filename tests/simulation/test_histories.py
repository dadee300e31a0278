"""Hundreds of random histories of commits and faults: safety during the faults, and convergence after them.

`SIMULATION_HISTORIES` sets their number and `SIMULATION_SEED` the first seed: each run tries the same seeds.  Thousands
more run with `python -m tests.simulation`.
"""

import functools
import os

import pytest
from simulation.many import Outcome, live_through

HISTORIES = int(os.environ.get("SIMULATION_HISTORIES", "300"))
FIRST_SEED = int(os.environ.get("SIMULATION_SEED", "1"))
CHUNK = 25  # histories per test: small, so that no worker has a long test at the end
TRIED = 75
SEEDS = range(FIRST_SEED, FIRST_SEED + HISTORIES)
CHUNKS = tuple(SEEDS[start : start + CHUNK] for start in range(0, HISTORIES, CHUNK))
tallied = pytest.mark.xdist_group("the first histories")  # run once, by one worker


@functools.cache
def outcome_of(seeds: range) -> Outcome:
    return live_through(seeds)


@pytest.mark.parametrize(
    "seeds",
    [pytest.param(chunk, marks=tallied if chunk[-1] < FIRST_SEED + TRIED else ()) for chunk in CHUNKS],
    ids=lambda chunk: str(chunk[0]),
)
def test_random_histories_keep_every_promise(seeds):
    lines = [
        f"{sentence}\nagain: python -m tests.simulation --histories 1 --seed {seed}"
        for seed, sentence in outcome_of(seeds).failures
    ]
    assert not lines, "\n".join(lines)


@tallied
def test_histories_are_made_of_what_they_promise_to_try():
    total = Outcome()
    for start in range(FIRST_SEED, FIRST_SEED + TRIED, CHUNK):
        total.add(outcome_of(range(start, start + CHUNK)))
    tally = total.tally
    idle = [name for name in tally.__dataclass_fields__ if getattr(tally, name) == 0]
    assert not idle, f"{TRIED} histories had no {', '.join(idle)}"


def test_the_same_seed_is_the_same_history():
    assert live_through([7]).tally == live_through([7]).tally
