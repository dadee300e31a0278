"""What a short command costs: processor time of the whole command, beside the one of Compose that answers the same.

The goals of a short command are multiples of the time of `python -c pass`, so that they hold on any machine.
"""

import os
import resource
import sys
from collections.abc import Mapping, Sequence

from arena import Arena
from table import Row, row

SERVICES = 10
SERVICES_OF_SYNC = 100
FLOOR = "python -c pass"
# Ours, and what a user of Compose would type instead.
PAIRS: Mapping[str, tuple[str, ...]] = {
    "--version": ("version",),
    "--help": ("--help",),
    "validate": ("config", "--quiet"),
    "status": ("ps",),
    "plan": ("up", "-d"),
    "sync": ("up", "-d"),
}
# 0.15 s and 0.35 s where the floor is 0.02 s.
FLOORS_MAX: Mapping[str, float] = {"--version": 7.5, "--help": 7.5, "validate": 17.5, "status": 17.5}
SYNC_RATIO_MAX = 3.0


def startup_costs(arena: Arena, turns: int) -> list[Row]:
    """Run each command over services that run already, so that none has anything to do; medians of processor time."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    floor = _costs_s(arena, [sys.executable, "-c", "pass"], turns)
    ours, theirs = _side_by_side(arena, SERVICES, PAIRS, turns)
    rows = [
        row(f"gitops-orch {verb}, in floors", ours[verb], floor, FLOOR, goal)
        for verb, goal in FLOORS_MAX.items()
    ]
    rows += [
        row(f"gitops-orch {verb}, processor time", ours[verb], theirs[verb], _rival(verb)) for verb in PAIRS
    ]
    ours, theirs = _side_by_side(arena, SERVICES_OF_SYNC, {"sync": PAIRS["sync"]}, turns)
    what = f"gitops-orch sync of {SERVICES_OF_SYNC} containers, processor time"
    return [*rows, row(what, ours["sync"], theirs["sync"], _rival("sync"), SYNC_RATIO_MAX)]


def _side_by_side(
    arena: Arena, services: int, pairs: Mapping[str, tuple[str, ...]], turns: int
) -> tuple[Mapping[str, list[float]], Mapping[str, list[float]]]:
    """Return our costs and theirs, each by our verb; each side deploys all services first."""
    path = arena.write(services)
    arena.clear()
    arena.call(arena.theirs(path, "up", "-d"))
    theirs = {verb: _costs_s(arena, arena.theirs(path, *command), turns) for verb, command in pairs.items()}
    arena.clear()
    arena.call(arena.ours("sync"))
    ours = {verb: _costs_s(arena, _ours(arena, verb), turns) for verb in pairs}
    arena.clear()
    return ours, theirs


def _rival(verb: str) -> str:
    return f"docker compose {' '.join(PAIRS[verb])}"


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
