"""Placement constraints: Swarm's strings, judged against a host.

Syntax and keys are those of swarmkit (manager/constraint): `key == value` or `key != value`, values compared without
regard to case, and an unknown key matches no host.  A plain Docker host manages itself, so its role is `manager`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from gitops_orch.model.host import Host

_OPERAND = re.compile(
    r"\s*([A-Za-z0-9][\w.\-/]*)\s*(==|!=)"
)  # the rest is no pattern's: it could be spaces, very many
_LABEL_PREFIXES = ("node.labels.", "engine.labels.")


@lru_cache(maxsize=1024)
def parse_constraint(text: str) -> tuple[str, bool, str] | None:
    """Return key, whether it must equal, and value; None where the text is no constraint."""
    match = _OPERAND.match(text)
    value = text[match.end() :].strip() if match else ""
    if match is None or not value or "\n" in value:
        return None
    return match[1], match[2] == "==", value


def satisfies(host: Host, constraint: str) -> bool:
    """Tell whether a host meets a constraint."""
    parsed = parse_constraint(constraint)
    if parsed is None:
        return False
    key, must_equal, value = parsed
    actual = host_attribute(host, key)
    if actual is None:
        return False
    return (actual.casefold() == value.casefold()) is must_equal


def meets_all(host: Host, constraints: Iterable[str]) -> bool:
    """Tell whether a host meets every constraint."""
    return all(satisfies(host, constraint) for constraint in constraints)


def host_attribute(host: Host, key: str) -> str | None:
    """Return what a host says of a key: "" for a label that it lacks, None for a key that nobody knows."""
    for prefix in _LABEL_PREFIXES:
        if key.startswith(prefix):
            return host.labels.get(key.removeprefix(prefix), "")
    known = {
        "node.id": host.name,
        "node.hostname": host.name,
        "node.role": "manager",
        "node.platform.os": "linux",
    }
    return known.get(key)
