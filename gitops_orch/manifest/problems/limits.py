"""Limits on one app, counted over all its files, so that no app takes more than its share of time and memory."""

from dataclasses import dataclass
from typing import Any

VALUES_MAX = 20_000  # over all files of an app and everything that its services extend
TEXT_MAX = 4_000_000  # characters in these values
MERGED_MAX = 200_000  # values that are read while the app's documents are merged
GROWN_MAX = 4_000_000  # characters that replace variables
TOKEN_COST = 4  # the characters that each variable counts at least
PORTS_MAX = 70_000  # that short forms expand to: a host has 65,536
TOO_GROWN = f"variables expand to more than {GROWN_MAX} characters; shorten them"
TOO_LARGE = f"makes the app larger than {VALUES_MAX} values with {TEXT_MAX} characters"


@dataclass(slots=True)
class SizeBudget:
    """The size of one app so far, and the work to compile it."""

    values: int = 0
    characters: int = 0
    merged: int = 0
    grown: int = 0
    ports: int = 0

    @property
    def is_full(self) -> bool:
        """Return whether the app exceeds a limit; the problem was reported when that happened."""
        return self.values > VALUES_MAX or self.characters > TEXT_MAX or self.merged > MERGED_MAX

    def has_space(self, values: int, characters: int) -> bool:
        """Count these values and characters; return whether the app may contain them."""
        self.values += values
        self.characters += characters
        return not self.is_full

    def may_merge(self, values: int) -> bool:
        """Count these values; return whether they may be read in one more merge."""
        self.merged += values
        return self.merged <= MERGED_MAX

    def may_grow(self, characters: int) -> bool:
        """Count these characters; return whether they may replace a variable."""
        self.grown += max(characters, TOKEN_COST)
        return self.grown <= GROWN_MAX

    def may_expand(self, ports: int) -> bool:
        """Count these ports; return whether short forms may expand to them."""
        self.ports += ports
        return self.ports <= PORTS_MAX


def size_of(value: Any) -> tuple[int, int]:
    """Return the number of values in a tree, and the number of characters in its texts and keys."""
    values = characters = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        values += 1
        if type(each) is str:
            characters += len(each)
        elif type(each) is dict:
            characters += sum(map(len, each))
            waiting += each.values()
        elif type(each) is list:
            waiting += each
    return values, characters
