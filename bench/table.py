"""Rows of a comparison, and how they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Ours beside theirs: medians of the same number of turns, taken in turn.  `goal` is the largest ratio wanted."""

    what: str
    ours_s: float
    theirs_s: float
    rival: str
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Return ours divided by theirs."""
        return self.ours_s / self.theirs_s


def row(
    what: str, ours: Sequence[float], theirs: Sequence[float], rival: str, goal: float | None = None
) -> Row:
    """Return a row of medians."""
    return Row(what=what, ours_s=median(ours), theirs_s=median(theirs), rival=rival, goal=goal)


def print_rows(rows: Sequence[Row]) -> None:
    """Print a table; times are seconds."""
    print(f"\n{'':<58} {'ours':>9} {'rival':>9} {'ratio':>7} {'goal':>6}  rival")
    for each in rows:
        goal = f"{each.goal:g}" if each.goal is not None else ""
        print(
            f"{each.what:<58} {each.ours_s:>8.3f}s {each.theirs_s:>8.3f}s {each.ratio:>7.2f} {goal:>6}  {each.rival}"
        )


def print_values(title: str, values: Sequence[tuple[str, str]]) -> None:
    """Print lines of name and value."""
    print(f"\n{title}")
    for name, value in values:
        print(f"  {name:<56} {value}")
