"""`pull_policy`: decides when the registry is asked for a service's image although the host has it."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from gitops_orch.units import DURATION_S

_EVERY = re.compile(r"every_((?:[0-9]{1,9}[wdhms])+)")
_PART = re.compile(r"([0-9]+)([wdhms])")


class PullMode(Enum):
    """The kind of a policy; TIMED is ALWAYS, at most once in its period."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"
    BUILD = "build"
    TIMED = "timed"


@dataclass(frozen=True, slots=True)
class PullPolicy:
    """A policy; `period_s` is above zero for TIMED, and 0 for all others."""

    kind: PullMode
    period_s: float = 0.0

    @property
    def asks_again(self) -> bool:
        """Return whether the registry is asked although the host has the image."""
        return self.kind in (PullMode.ALWAYS, PullMode.TIMED)


_WORDS = {
    "": PullPolicy(PullMode.MISSING),
    "missing": PullPolicy(PullMode.MISSING),
    "if_not_present": PullPolicy(PullMode.MISSING),
    "always": PullPolicy(PullMode.ALWAYS),
    "never": PullPolicy(PullMode.NEVER),
    "build": PullPolicy(PullMode.BUILD),
    "daily": PullPolicy(PullMode.TIMED, DURATION_S["d"]),
    "weekly": PullPolicy(PullMode.TIMED, DURATION_S["w"]),
}


@lru_cache(maxsize=1024)
def parse_pull_policy(text: str) -> PullPolicy | None:
    """Return the policy of a word or of `every_1h30m`; "" is the default; None where the text is not a policy."""
    if text in _WORDS:
        return _WORDS[text]
    match = _EVERY.fullmatch(text)
    if match is None:
        return None
    period_s = sum(int(number) * DURATION_S[unit] for number, unit in _PART.findall(match[1]))
    return PullPolicy(PullMode.TIMED, period_s) if period_s > 0 else None
