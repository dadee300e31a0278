"""Decides whether a stopped container may run beside the running ones and those that are restarted with it.

An interrupted rollout that was followed by another one leaves several stopped containers for one place: of one slot, or
of renamed services that write the same data. Only one of them may run.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable

from gitops_orch.model.app import App, Mode
from gitops_orch.model.observed import HeldAddress, HeldPort, OwnedContainer, owner_of
from gitops_orch.model.rules.ports import ports_of, same_port
from gitops_orch.planner.inputs.data_locations import written_by
from gitops_orch.planner.inputs.slot_container import SlotContainer

_Writer = tuple[str, str]  # service and release; both "" for a container of another tool


class RunningSet:
    """The running containers of one app, and those that were added; `app` is its file, None if it is invalid."""

    def __init__(self, app: App | None, running: Iterable[SlotContainer]) -> None:
        services = app.services if app is not None else ()
        self._declared = frozenset(service.name for service in services)
        self._movable = frozenset(s.name for s in services if s.mode not in {Mode.GLOBAL, Mode.GLOBAL_JOB})
        self._slots: set[Hashable] = set()
        self._writers: dict[tuple[str, str], set[_Writer]] = defaultdict(set)  # by host and source
        # by host, number, protocol
        self._ports: dict[tuple[str, int, str], list[HeldPort]] = defaultdict(list)
        self._addresses: set[tuple[str, HeldAddress]] = set()
        for found in running:
            self._add(found)

    def add_if_free(self, found: SlotContainer) -> bool:
        """Return whether a container may run beside all others. If so, it is added."""
        if not self._fits(found):
            return False
        self._add(found)
        return True

    def _fits(self, found: SlotContainer) -> bool:
        container, host, writer = found, found.host, _writer(found)
        return not (
            self._slot(found) in self._slots
            or any((host, address) in self._addresses for address in container.fixed_addresses)
            or any(
                same_port(port, held)
                for port in ports_of(container)
                for held in self._ports.get((host, *port[1:]), ())
            )
            or any(
                not self._share(writer, other)
                for source in written_by(container)
                for other in self._writers.get((host, source), ())
            )
        )

    def _add(self, found: SlotContainer) -> None:
        container, host = found, found.host
        self._slots.add(self._slot(found))
        self._addresses.update((host, address) for address in container.fixed_addresses)
        for port in ports_of(container):
            self._ports[(host, *port[1:])].append(port)
        for source in written_by(container):
            self._writers[host, source].add(_writer(found))

    def _slot(self, found: SlotContainer) -> Hashable:
        """Return the slot of a container; without `mode: global`, the slot may be on any host."""
        if not isinstance(found, OwnedContainer):
            return found.host, found.id
        owner = found.owner
        return owner.service, owner.slot, "" if owner.service in self._movable else found.host

    def _share(self, one: _Writer, other: _Writer) -> bool:
        """Return whether two writers may share data: replicas, services of one file, or of one other tool."""
        return one[0] == other[0] or one[1] == other[1] or {one[0], other[0]} <= self._declared


def _writer(found: SlotContainer) -> _Writer:
    owner = owner_of(found)
    return ("", "") if owner is None else (owner.service, owner.release)
