"""Which hosts are the ones that they were: an Engine that was replaced, and a host that left Git, are not acted past.

Note [Another Engine under the same name]
What a host is called is only a word in a document.  Its Engine's own id tells whether it is still the machine that was
seen before: one that was reinstalled, or a URL that leads elsewhere now, would look like a host on which everything is
missing.  It counts as unknown until a person says what it is.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from gitops_orch.history.history import History
from gitops_orch.model.observed import Observation, ObservedHost, Placed, UnknownHost

ID_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is remembered of hosts besides what runs there."""

    engines: Mapping[str, str] = field(default_factory=dict)  # ids by host
    let_go: frozenset[str] = frozenset()  # hosts that left Git, and that nobody misses


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
        return HostFacts(engines=engines, let_go=frozenset(map(str, kept.get("let_go", ()))))
    return HostFacts()


def keep_facts(history: History, facts: HostFacts) -> None:
    """Remember facts, where they are not what is remembered already."""
    if facts != read_facts(history):
        history.set_host_facts(
            json.dumps({"engines": dict(sorted(facts.engines.items())), "let_go": sorted(facts.let_go)})
        )


def recognise(
    observed: Mapping[str, Observation], facts: HostFacts, permission: Permission
) -> Mapping[str, Observation]:
    """Return the observation with hosts unknown whose Engine is another than before, unless that is permitted."""
    return {
        name: _recognised(seen, facts.engines.get(name, ""), permission) for name, seen in observed.items()
    }


def _recognised(seen: Observation, before: str, permission: Permission) -> Observation:
    if not isinstance(seen, ObservedHost) or not (before and seen.engine_id) or seen.engine_id == before:
        return seen
    if permission.covers(seen.name):
        return seen
    reason = (
        f"another Engine answers than before (id {seen.engine_id[:ID_SHOWN]} instead of {before[:ID_SHOWN]}), so nothing "
        f"of it is touched. If the host was replaced, say so: `gitops-orch accept {permission.commit[:ID_SHOWN]}`, or a "
        f"commit with the trailer `Let-Go: {seen.name}`; what ran there before, and its data, counts as gone then"
    )
    return UnknownHost(name=seen.name, reason=reason)


def learn(
    facts: HostFacts,
    observed: Mapping[str, Observation],
    remembered: Mapping[str, tuple[Placed, ...]],
    permission: Permission,
) -> HostFacts:
    """Return the facts after a look: the ids of Engines, and hosts that left Git and may be forgotten.

    Every host of the commit has an observation.  Machines that were cloned share an id, so it names no host.
    """
    seen = {host.name: host.engine_id for host in observed.values() if isinstance(host, ObservedHost)}
    gone = [name for name in remembered if name and name not in observed]
    let_go = {name for name in gone if name in facts.let_go or permission.covers(name)}
    engines = {**facts.engines, **{name: identity for name, identity in seen.items() if identity}}
    return HostFacts(engines=engines, let_go=frozenset(let_go))
