"""Finds the running containers of a host that hold each address, or write to each data location."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from gitops_orch.model.observed import LIVE_STATES, ObservedContainer
from gitops_orch.planner.inputs.index import HostIndex

Thing = TypeVar("Thing", bound=Hashable)


def holders_of(
    host: HostIndex, held: Callable[[ObservedContainer], Iterable[Thing]]
) -> Mapping[Thing, list[ObservedContainer]]:
    """Return the live containers of a host (running, paused, restarting) by each thing that they hold."""
    found: dict[Thing, list[ObservedContainer]] = defaultdict(list)
    for container in host.containers:
        if container.state in LIVE_STATES:
            for each in held(container):
                found[each].append(container)
    return found
