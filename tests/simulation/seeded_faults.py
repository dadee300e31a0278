"""Random faults of requests to simulated hosts, from a seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.engine.simulated.faults import Fault


@dataclass(slots=True, kw_only=True)
class SeededFaults:
    """Random faults: each request has the given chances, and the same seed gives the same faults."""

    random: random.Random
    chances: Mapping[Fault, float] = field(default_factory=dict)
    enabled: bool = True

    def decide(self, host: str, operation: str) -> Fault | None:  # every request is equal here
        """Return a random fault by the given chances, or None."""
        if not self.enabled:
            return None
        drawn = self.random.random()
        for fault, chance in self.chances.items():
            drawn -= chance
            if drawn < 0:
                return fault
        return None
