"""What can go wrong with a request to a simulated host, and who decides that it does."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Fault(Enum):
    """The fate of one request."""

    LOST_REQUEST = "lost-request"  # nothing happened, and no answer came
    LOST_REPLY = "lost-reply"  # it happened, and no answer came
    REFUSED = "refused"  # nothing happened: connection refused
    LATE = "late"  # no answer came, and it happened long after: a frozen daemon that goes on
    SERVER_ERROR = "server-error"  # nothing happened: 500
    SLOW = "slow"  # it happened, after a while
    CRASH_BEFORE = "crash-before"  # the controller died before the request left
    CRASH_AFTER = "crash-after"  # the controller died before it saw the answer


class SimulatedCrash(BaseException):
    """The controller dies here: nothing in it may catch this, as nothing catches SIGKILL."""


class Faults(Protocol):
    """Decides about every request."""

    def decide(self, host: str, operation: str) -> Fault | None:
        """Return what befalls this request; None: it goes through."""
        ...


class NoFaults:
    """Nothing ever goes wrong."""

    def decide(self, host: str, operation: str) -> Fault | None:  # noqa: ARG002  # the protocol's names
        """Return None."""
        return None


@dataclass(slots=True, kw_only=True)
class SeededFaults:
    """Faults at random: each request has the given chances, the same seed gives the same faults."""

    random: random.Random
    chances: Mapping[Fault, float] = field(default_factory=dict)
    enabled: bool = True

    def decide(self, host: str, operation: str) -> Fault | None:  # noqa: ARG002  # every request is equal here
        """Draw the request's fate."""
        if not self.enabled:
            return None
        drawn = self.random.random()
        for fault, chance in self.chances.items():
            drawn -= chance
            if drawn < 0:
                return fault
        return None
