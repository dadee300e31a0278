"""Keeps Python's garbage collector from walking old objects while many values are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# Objects that are created between two collections of the youngest ones.
YOUNG_OBJECTS = 100_000
_NEVER = 2**31 - 1  # the largest threshold


class _Thresholds:
    """The thresholds of the process. Several threads may be inside `few_collections` at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._normal = gc.get_threshold()

    def begin(self) -> None:
        with self._lock:
            if not self._users:
                self._normal = gc.get_threshold()
                gc.set_threshold(YOUNG_OBJECTS, _NEVER, _NEVER)
            self._users += 1

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                gc.set_threshold(*self._normal)


_THRESHOLDS = _Thresholds()


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect only young garbage meanwhile, and seldom.

    To compile a tree or to make a plan creates many values that live long and contain no reference cycles. The
    collector's own schedule walks them again and again, which takes a third of the time. The price is that no thread
    collects old garbage meanwhile.
    """
    _THRESHOLDS.begin()
    try:
        yield
    finally:
        _THRESHOLDS.end()
