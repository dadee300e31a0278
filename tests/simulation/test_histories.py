"""Thousands of random histories of commits and faults: safety while they last, and convergence once they stop.

`SIMULATION_HISTORIES` sets how many, `SIMULATION_SEED` where the seeds begin; `python -m tests.simulation` runs many more.
"""

import os

import pytest
from simulation.many import live_through

HISTORIES = int(os.environ.get("SIMULATION_HISTORIES", "2000"))
FIRST_SEED = int(os.environ.get("SIMULATION_SEED", "1"))
CHUNK = 50
TRIED = 75


@pytest.mark.parametrize("start", range(FIRST_SEED, FIRST_SEED + HISTORIES, CHUNK))
def test_random_histories_keep_every_promise(start):
    seeds = range(start, min(start + CHUNK, FIRST_SEED + HISTORIES))
    outcome = live_through(seeds)
    lines = [
        f"{sentence}\nagain: python -m tests.simulation --histories 1 --seed {seed}"
        for seed, sentence in outcome.failures
    ]
    assert not lines, "\n".join(lines)


def test_histories_are_made_of_what_they_promise_to_try():
    tally = live_through(range(FIRST_SEED, FIRST_SEED + TRIED)).tally
    idle = [name for name in tally.__dataclass_fields__ if getattr(tally, name) == 0]
    assert not idle, f"{TRIED} histories had no {', '.join(idle)}"


def test_the_same_seed_is_the_same_history():
    assert live_through([7]).tally == live_through([7]).tally
