"""Runs many histories one after the other, and collects their failures and counts."""

import logging
import traceback
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from simulation.history import SALT, run_history
from simulation.repository import without_yaml
from simulation.simulated_clock import SimulatedClock
from simulation.tally import Tally
from simulation.witness import Violation

from gitops_orch.history.history import History

FILES_EVERY = 3
DATABASE_EVERY = 25


@dataclass
class Outcome:
    """The result of a batch of histories."""

    histories: int = 0
    tally: Tally = field(default_factory=Tally)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.histories += other.histories
        self.tally.add(other.tally)
        self.failures += other.failures


def live_through(seeds: Iterable[int]) -> Outcome:
    """Run the histories of these seeds; a failure does not end the others."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    outcome = Outcome()
    for seed in seeds:
        outcome.histories += 1
        try:
            outcome.tally.add(live_through_one(seed))
        except Violation as violation:
            outcome.failures.append((seed, str(violation)))
        except Exception:  # noqa: BLE001  # any crash of the product is a failure of its seed
            outcome.failures.append((seed, traceback.format_exc()))
    return outcome


def live_through_one(seed: int) -> Tally:
    """Run one history; its seed also decides whether it uses real files, and a real database."""
    files, database = seed % FILES_EVERY == 0, seed % DATABASE_EVERY == 0
    with ExitStack() as stack:
        if not files:
            stack.enter_context(without_yaml())
        if not database:
            return run_history(seed, files=files)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="simulation-")))
        opened: list[History] = []

        def open_history() -> History:
            opened.append(History.open(folder / str(len(opened)), None, SimulatedClock()))
            opened[-1].set_salt(SALT)
            stack.callback(opened[-1].close)
            return opened[-1]

        return run_history(seed, files=files, make_history=open_history)
