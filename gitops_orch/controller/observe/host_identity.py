"""Which hosts are the ones that they were: an Engine that was replaced, and a host that left Git, are not acted past.

Note [Another Engine under the same name]
What a host is called is only a word in a document.  Its Engine's own id tells whether it is still the machine that was
seen before: one that was reinstalled, or a URL that leads elsewhere now, would look like a host on which everything is
missing.  It counts as unknown until a person says what it is.

The id is not all of it: an Engine that was upgraded may answer with another one, and Podman makes one up for each answer.
A container of ours that was there before, and is there now, shows that it is the same.

Note [Copies of our containers]
While a copy stands beside its original, it is seen to be one (engine/observe/container_identity.py).  That is remembered as long as it
exists: when its original is replaced, nothing else would tell.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gitops_orch.controller.observe.shared_engines import hold_same_engines
from gitops_orch.history.history import History
from gitops_orch.model.observed import Observation, ObservedHost, Placed, UnknownHost

ID_SHOWN = 12
ID_KEPT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is remembered of hosts besides what runs there."""

    engines: Mapping[str, str] = field(default_factory=dict)  # ids by host
    released: frozenset[str] = frozenset()  # hosts that left Git, and that nobody misses
    container_ids: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # short ids of our containers by host
    copies: Mapping[str, frozenset[str]] = field(default_factory=dict)  # short ids of copies of these by host


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What this commit allows: hosts that it names to be let go, or, accepted by an operator, all."""

    commit: str
    named: frozenset[str] = frozenset()
    accepted: bool = False

    def covers(self, host: str) -> bool:
        """Tell whether a host may be taken for what it is now."""
        return self.accepted or host in self.named


def read_facts(history: History) -> HostFacts:
    """Return what history knows; what cannot be made out is as good as unknown."""
    with suppress(ValueError, TypeError, AttributeError):
        kept = json.loads(history.host_facts() or "{}")
        engines = {str(name): str(identity) for name, identity in kept.get("engines", {}).items()}
        return HostFacts(
            engines=engines,
            released=frozenset(map(str, kept.get("let_go", ()))),
            container_ids=_id_sets(kept.get("ours", {})),
            copies=_id_sets(kept.get("copies", {})),
        )
    return HostFacts()


def keep_facts(history: History, facts: HostFacts) -> None:
    """Remember facts, where they are not what is remembered already."""
    if facts != read_facts(history):
        kept = {
            "engines": dict(sorted(facts.engines.items())),
            "let_go": sorted(facts.released),
            "ours": {host: sorted(ids) for host, ids in sorted(facts.container_ids.items())},
            "copies": {host: sorted(ids) for host, ids in sorted(facts.copies.items())},
        }
        history.set_host_facts(json.dumps(kept))


def _id_sets(rows: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    return {str(host): frozenset(map(str, ids)) for host, ids in rows.items()}


def verify_identity(
    observed: Mapping[str, Observation], facts: HostFacts, permission: Permission
) -> Mapping[str, Observation]:
    """Return the observation with hosts unknown whose Engine is another than before, unless that is permitted.

    Two hosts that are one Engine are unknown, whoever permits it; known copies of our containers have no owner.
    """
    return {
        name: _without_copies(_verified(seen, facts, permission), facts)
        for name, seen in hold_same_engines(observed).items()
    }


def _verified(seen: Observation, facts: HostFacts, permission: Permission) -> Observation:
    before = facts.engines.get(seen.name, "")
    if not isinstance(seen, ObservedHost) or not (before and seen.engine_id) or seen.engine_id == before:
        return seen
    if permission.covers(seen.name) or facts.container_ids.get(seen.name, frozenset()).intersection(
        _own_container_ids(seen)
    ):
        return seen
    reason = (
        f"another Engine answers than before (id {seen.engine_id[:ID_SHOWN]} instead of {before[:ID_SHOWN]}), so nothing "
        f"of it is touched. If the host was replaced, say so: `gitops-orch accept {permission.commit[:ID_SHOWN]}`, or a "
        f"commit with the trailer `Let-Go: {seen.name}`; what ran there before, and its data, counts as gone then"
    )
    return UnknownHost(name=seen.name, reason=reason)


def _own_container_ids(host: ObservedHost) -> frozenset[str]:
    return frozenset(each.id[:ID_KEPT] for each in host.containers if each.owner is not None)


def _without_copies(seen: Observation, facts: HostFacts) -> Observation:
    copies = facts.copies.get(seen.name)
    if not copies or not isinstance(seen, ObservedHost):
        return seen
    containers = tuple(
        replace(each, owner=None, copy_of=each.owner.name or each.name)
        if each.owner is not None and each.id[:ID_KEPT] in copies
        else each
        for each in seen.containers
    )
    return replace(seen, containers=containers)


def updated_facts(
    facts: HostFacts,
    observed: Mapping[str, Observation],
    remembered: Mapping[str, tuple[Placed, ...]],
    permission: Permission,
) -> HostFacts:
    """Return the facts after a look: the ids of Engines, and hosts that left Git and may be forgotten.

    Every host of the commit has an observation.  Machines that were cloned share an id, so it names no host.
    """
    seen = [host for host in observed.values() if isinstance(host, ObservedHost)]
    removed = [name for name in remembered if name and name not in observed]
    released = {name for name in removed if name in facts.released or permission.covers(name)}
    copies = {host.name: _copies(host) for host in seen}
    return HostFacts(
        engines={**facts.engines, **{host.name: host.engine_id for host in seen if host.engine_id}},
        released=frozenset(released),
        container_ids={**facts.container_ids, **{host.name: _own_container_ids(host) for host in seen}},
        copies={name: ids for name, ids in {**facts.copies, **copies}.items() if ids},
    )


def _copies(host: ObservedHost) -> frozenset[str]:
    return frozenset(each.id[:ID_KEPT] for each in host.containers if each.copy_of)
