"""Checks that each host is still the Engine that it was. A replaced Engine, and a host that left Git, are not acted on.

Note [Another Engine under the same name]
A host's name is only a word in a document. Its Engine's own id shows whether it is still the same machine. An Engine
that was reinstalled, or a URL that now leads elsewhere, would look like a host on which everything is missing. Such a
host is unknown until a person confirms it.

The id alone is not enough: an upgraded Engine may answer with another id, and Podman invents one for each answer. If
one of our containers existed there before and exists there now, the Engine is the same.

Note [Copies of our containers]
While a copy exists beside its original, it is recognised as a copy (engine/observe/container_identity.py). This is
remembered as long as the copy exists: after its original is replaced, nothing else would show it.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gitops_orch.controller.observe.shared_engines import hold_same_engines
from gitops_orch.history.history import History
from gitops_orch.model.observed import (
    Observation,
    ObservedHost,
    OwnedContainer,
    Placed,
    UnknownHost,
    as_copy,
    by_ownership,
)

ID_SHOWN = 12
ID_KEPT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is remembered of hosts, besides what runs there."""

    engines: Mapping[str, str] = field(default_factory=dict)  # ids by host
    released: frozenset[str] = frozenset()  # hosts that left Git, and that a person released
    # Short ids of our containers, by host.
    container_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    copies: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # short ids of copies of these, by host


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What this commit permits: to release the hosts that it names, or all hosts if an operator accepted the commit."""

    commit: str
    named: frozenset[str] = frozenset()
    accepted: bool = False

    def covers(self, host: str) -> bool:
        """Tell whether a host may be accepted as it is now."""
        return self.accepted or host in self.named


def read_facts(history: History) -> HostFacts:
    """Return the facts that history knows; facts that cannot be parsed are unknown."""
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
    """Save facts in history, if they differ from the saved ones."""
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
    """Return the observation, in which a host is unknown if its Engine was replaced, unless that is permitted.

    Two hosts that are one Engine are unknown in any case. Known copies of our containers have no owner.
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
        f"of it is touched. If the host was replaced, confirm it: `gitops-orch accept {permission.commit[:ID_SHOWN]}`, or a "
        f"commit with the trailer `Let-Go: {seen.name}`; what ran there before, and its data, counts as lost then"
    )
    return UnknownHost(name=seen.name, reason=reason)


def _own_container_ids(host: ObservedHost) -> frozenset[str]:
    return frozenset(each.id[:ID_KEPT] for each in host.owned)


def _without_copies(seen: Observation, facts: HostFacts) -> Observation:
    copies = facts.copies.get(seen.name)
    if not copies or not isinstance(seen, ObservedHost):
        return seen
    owned, foreign = by_ownership(
        as_copy(each, each.owner.name or each.name)
        if isinstance(each, OwnedContainer) and each.id[:ID_KEPT] in copies
        else each
        for each in seen.containers
    )
    return replace(seen, owned=owned, foreign=foreign)


def updated_facts(
    facts: HostFacts,
    observed: Mapping[str, Observation],
    remembered: Mapping[str, tuple[Placed, ...]],
    permission: Permission,
) -> HostFacts:
    """Return the facts after an observation: the ids of Engines, and the hosts that left Git and may be forgotten.

    Every host of the commit has an observation. Cloned machines share an id, so an id identifies no host.
    """
    seen = [host for host in observed.values() if isinstance(host, ObservedHost)]
    removed = [name for name in remembered if name not in observed]
    released = {name for name in removed if name in facts.released or permission.covers(name)}
    copies = {host.name: _copies(host) for host in seen}
    return HostFacts(
        engines={**facts.engines, **{host.name: host.engine_id for host in seen if host.engine_id}},
        released=frozenset(released),
        container_ids={**facts.container_ids, **{host.name: _own_container_ids(host) for host in seen}},
        copies={name: ids for name, ids in {**facts.copies, **copies}.items() if ids},
    )


def _copies(host: ObservedHost) -> frozenset[str]:
    return frozenset(each.id[:ID_KEPT] for each in host.foreign if each.copy_of)
