"""Finds hosts of the repository that lead to the same Engine: each would remove what the other one starts.

Note [How one Engine is recognised]
An Engine has an id. But a cloned machine has the same id, and Podman invents one for each answer. Container ids are
random, so two hosts that list the same container are one Engine, or clones. The `bridge` network distinguishes clones:
a daemon creates it with another id at each start.
"""

from collections import defaultdict
from collections.abc import Mapping
from itertools import chain, combinations

from gitops_orch.model.observed import Observation, ObservedHost, UnknownHost

BRIDGE = "bridge"


def hold_same_engines(observed: Mapping[str, Observation]) -> Mapping[str, Observation]:
    """Return the observation, in which hosts that are one Engine are unknown, each with the names of the others."""
    others = _same_engines([seen for seen in observed.values() if isinstance(seen, ObservedHost)])
    return {name: _held(name, others[name]) if name in others else seen for name, seen in observed.items()}


def _same_engines(hosts: list[ObservedHost]) -> dict[str, set[str]]:
    """Compare only hosts that share something: to compare all pairs of some hundred hosts takes too long."""
    sharing: dict[object, dict[str, ObservedHost]] = defaultdict(dict)
    for host in hosts:
        for sign in (*_container_ids(host), *([(host.engine_id, host.root_dir)] if host.engine_id else [])):
            sharing[sign][host.name] = host
    groups = {tuple(there): tuple(there.values()) for there in sharing.values() if len(there) > 1}
    others: dict[str, set[str]] = {}
    for one, other in chain.from_iterable(combinations(group, 2) for group in groups.values()):
        if is_same_engine(one, other):
            others.setdefault(one.name, set()).add(other.name)
            others.setdefault(other.name, set()).add(one.name)
    return others


def is_same_engine(one: ObservedHost, other: ObservedHost) -> bool:
    """Tell whether two hosts that were listed at the same time are one Engine."""
    same_id = bool(one.engine_id) and (one.engine_id, one.root_dir) == (other.engine_id, other.root_dir)
    if not same_id and _container_ids(one).isdisjoint(_container_ids(other)):
        return False
    bridges = _bridge(one), _bridge(other)
    return not all(bridges) or bridges[0] == bridges[1]


def _container_ids(host: ObservedHost) -> set[str]:
    return {container.id for container in host.containers}


def _bridge(host: ObservedHost) -> str:
    return next((network.id for network in host.networks if network.name == BRIDGE), "")


def _held(name: str, others: set[str]) -> UnknownHost:
    hosts = ", ".join(sorted(others))
    reason = (
        f"it is the same Engine as {hosts}, so nothing is done on either: what belongs on one would be removed for the "
        f"other. Keep one of their Host documents, or correct spec.url"
    )
    return UnknownHost(name=name, reason=reason, same_as=tuple(sorted(others)))
