"""Caches inspections: an entry is valid while the listing shows the same values and no event reports a change."""

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gitops_orch.model.observed import Details, Health, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result of an inspection, and the values that the listing showed at that time."""

    listed_as: tuple[object, ...]
    image: str
    state: State
    health: Health
    details: Details


class InspectionCache:
    """Caches inspections by container id, or caches nothing if not `enabled`. Safe to use from many threads."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._lock = threading.Lock()
        self._known: dict[str, Inspection] = {}
        self._changed: dict[int, set[str]] = {}  # by running observation: the ids dropped since it began
        self._observations = itertools.count()

    @contextmanager
    def observation(self) -> Iterator[tuple[Mapping[str, Inspection], dict[str, Inspection]]]:
        """Yield the cached inspections and a dict for new ones; then cache the dict, except ids dropped meanwhile."""
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
        """Drop the cached inspection of a container, by id."""
        with self._lock:
            self._known.pop(container, None)
            for changed in self._changed.values():
                changed.add(container)

    def forget_all(self) -> None:
        """Drop all cached inspections."""
        with self._lock:
            for changed in self._changed.values():
                changed.update(self._known)
            self._known = {}
