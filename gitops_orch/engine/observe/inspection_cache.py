"""Inspections that still hold: remembered while the listing looks the same and no event contradicts them."""

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gitops_orch.model.observed import Details, Health, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an inspection told, and how the listing looked then."""

    listed_as: tuple[object, ...]
    image: str
    state: State
    health: Health
    details: Details


class InspectionCache:
    """Remembers inspections by container id; with `enabled` False it remembers nothing.  Safe to use from threads."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._lock = threading.Lock()
        self._known: dict[str, Inspection] = {}
        self._changed: dict[int, set[str]] = {}  # by observation under way: what was forgotten meanwhile
        self._observations = itertools.count()

    @contextmanager
    def observation(self) -> Iterator[tuple[Mapping[str, Inspection], dict[str, Inspection]]]:
        """Lend what is known, and take what was found; what is forgotten meanwhile is not remembered after all."""
        found: dict[str, Inspection] = {}
        with self._lock:
            number = next(self._observations)
            changed = self._changed[number] = set()
            known = dict(self._known)
        try:
            yield known, found
        finally:
            with self._lock:
                del self._changed[number]
                if self._enabled:
                    self._known = {id_: seen for id_, seen in found.items() if id_ not in changed}

    def forget(self, container: str) -> None:
        """Drop what is remembered of a container, by id."""
        with self._lock:
            self._known.pop(container, None)
            for changed in self._changed.values():
                changed.add(container)

    def forget_all(self) -> None:
        """Drop all that is remembered."""
        with self._lock:
            for changed in self._changed.values():
                changed.update(self._known)
            self._known = {}
