"""What a short command costs: processor time of the whole command, beside the one of Compose that answers the same."""

import os
import resource
import sys
from collections.abc import Mapping, Sequence

from arena import Arena
from table import Row, row

SERVICES = 10
# Ours, and what a user of Compose would type instead.
PAIRS: Mapping[str, tuple[str, ...]] = {
    "--version": ("version",),
    "--help": ("--help",),
    "validate": ("config", "--quiet"),
    "status": ("ps",),
    "plan": ("up", "-d"),
    "sync": ("up", "-d"),
}


def startup_costs(arena: Arena, turns: int) -> list[Row]:
    """Run each command over services that run already, so that none has anything to do; medians of processor time."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    path = arena.write(SERVICES)
    theirs = {command: arena.theirs(path, *command) for command in PAIRS.values()}
    ours = {verb: _ours(arena, verb) for verb in PAIRS} | {"floor": [sys.executable, "-c", "pass"]}
    arena.clear()
    arena.call(arena.theirs(path, "up", "-d"))
    their_costs = {command: _costs_s(arena, line, turns) for command, line in theirs.items()}
    arena.clear()
    arena.call(arena.ours("sync"))
    our_costs = {verb: _costs_s(arena, line, turns) for verb, line in ours.items()}
    arena.clear()
    named = [("floor", "python -c pass", ("version",))]
    named += [(verb, f"gitops-orch {verb}", command) for verb, command in PAIRS.items()]
    return [
        row(
            f"{what}, processor time",
            our_costs[key],
            their_costs[command],
            f"docker compose {' '.join(command)}",
        )
        for key, what, command in named
    ]


def _ours(arena: Arena, verb: str) -> list[str]:
    if verb.startswith("--"):
        return [sys.executable, "-m", "gitops_orch", verb]
    if verb == "validate":
        return [sys.executable, "-m", "gitops_orch", verb, str(arena.directory / "work")]
    return arena.ours(verb)


def _costs_s(arena: Arena, command: Sequence[str], turns: int) -> list[float]:
    """Return the processor time of each turn; one more goes before them, and is not counted."""
    return [_cost_s(arena, command) for _ in range(turns + 1)][1:]


def _cost_s(arena: Arena, command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arena.call(list(command))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
