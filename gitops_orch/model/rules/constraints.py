"""Evaluates placement constraints, in Swarm's syntax, for a host.

Syntax and keys are those of swarmkit (manager/constraint): `key == value` or `key != value`. Values are compared
without regard to case, and an unknown key matches no host. A plain Docker host manages itself, so its role is
`manager`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from gitops_orch.model.host import Host

# The value is read without a pattern: it could be very many spaces, on which a pattern would be slow.
_OPERAND = re.compile(r"\s*([A-Za-z0-9][\w.\-/]*)\s*(==|!=)")
_LABEL_PREFIXES = ("node.labels.", "engine.labels.")


@lru_cache(maxsize=1024)
def parse_constraint(text: str) -> tuple[str, bool, str] | None:
    """Return the key, whether it must be equal, and the value; None where the text is not a constraint."""
    match = _OPERAND.match(text)
    value = text[match.end() :].strip() if match else ""
    if match is None or not value or "\n" in value:
        return None
    return match[1], match[2] == "==", value


def satisfies(host: Host, constraint: str) -> bool:
    """Return whether a host meets a constraint."""
    parsed = parse_constraint(constraint)
    if parsed is None:
        return False
    key, must_equal, value = parsed
    actual = host_attribute(host, key)
    if actual is None:
        return False
    return (actual.casefold() == value.casefold()) is must_equal


def meets_all(host: Host, constraints: Iterable[str]) -> bool:
    """Return whether a host meets every constraint."""
    return all(satisfies(host, constraint) for constraint in constraints)


def host_attribute(host: Host, key: str) -> str | None:
    """Return a host's value of a key: "" for a label that it does not have, None for an unknown key."""
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
