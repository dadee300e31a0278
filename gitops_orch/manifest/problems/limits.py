"""What one app may become, counted over all its files: none takes more than its share of time and memory."""

from dataclasses import dataclass
from typing import Any

VALUES_MAX = 20_000  # over all files of an app and all that its services extend
TEXT_MAX = 4_000_000  # characters of them
MERGED_MAX = 200_000  # values that are looked at while its documents are merged, one over the other
GROWN_MAX = 4_000_000  # characters that stand for variables
TOKEN_COST = 4  # characters that each of them counts at least
PORTS_MAX = 70_000  # that short forms become: a host has 65,536
TOO_GROWN = f"variables expand to more than {GROWN_MAX} characters; shorten them"
TOO_LARGE = f"makes the app larger than {VALUES_MAX} values with {TEXT_MAX} characters"


@dataclass(slots=True)
class SizeBudget:
    """What one app holds so far, and what it took to make it."""

    values: int = 0
    characters: int = 0
    merged: int = 0
    grown: int = 0
    ports: int = 0

    @property
    def is_full(self) -> bool:
        """Return whether the app is larger, or took more to make, than any is allowed to; told where it came to that."""
        return self.values > VALUES_MAX or self.characters > TEXT_MAX or self.merged > MERGED_MAX

    def has_space(self, values: int, characters: int) -> bool:
        """Return whether an app may hold so much more, and count it."""
        self.values += values
        self.characters += characters
        return not self.is_full

    def may_merge(self, values: int) -> bool:
        """Return whether so many values may be looked at once more, and count them."""
        self.merged += values
        return self.merged <= MERGED_MAX

    def may_grow(self, characters: int) -> bool:
        """Return whether so many characters more may stand for a variable, and count them."""
        self.grown += max(characters, TOKEN_COST)
        return self.grown <= GROWN_MAX

    def may_expand(self, ports: int) -> bool:
        """Return whether short forms may become so many ports more, and count them."""
        self.ports += ports
        return self.ports <= PORTS_MAX


def size_of(value: Any) -> tuple[int, int]:
    """Return how many values a tree holds, and how many characters of text, its keys with them."""
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
