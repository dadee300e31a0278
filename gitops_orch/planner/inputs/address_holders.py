"""Which running containers of a host hold each of its addresses, or each place where data is written?"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from gitops_orch.model.observed import LIVE_STATES, ObservedContainer
from gitops_orch.planner.inputs.index import HostIndex

Thing = TypeVar("Thing", bound=Hashable)


def holders_of(
    host: HostIndex, held: Callable[[ObservedContainer], Iterable[Thing]]
) -> Mapping[Thing, list[ObservedContainer]]:
    """Return, by each thing that one of them holds, the containers of a host that run, are paused or restart."""
    found: dict[Thing, list[ObservedContainer]] = defaultdict(list)
    for container in host.host.containers:
        if container.state in LIVE_STATES:
            for each in held(container):
                found[each].append(container)
    return found
