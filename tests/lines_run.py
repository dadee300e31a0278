"""How much work is something?  The lines of code that are run are counted: a loaded machine changes nothing about them."""

import sys
from collections.abc import Callable


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines a call runs; each turn of a loop that is written in one line counts."""
    count = 0

    def trace(_frame, event, _argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
