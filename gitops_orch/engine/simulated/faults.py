"""Defines the faults that requests to a simulated host can get. No request gets one, except in tests."""

from enum import Enum
from typing import Protocol


class Fault(Enum):
    """A fault of one request."""

    LOST_REQUEST = "lost-request"  # the request was not executed, and no answer came
    LOST_REPLY = "lost-reply"  # the request was executed, and no answer came
    REFUSED = "refused"  # not executed: connection refused
    LATE = "late"  # no answer came, and it was executed much later: a frozen daemon continued
    SERVER_ERROR = "server-error"  # not executed: status 500
    SLOW = "slow"  # executed after a delay
    CRASH_BEFORE = "crash-before"  # the controller died before it sent the request
    CRASH_AFTER = "crash-after"  # the controller died before it received the answer


class SimulatedCrash(BaseException):
    """The controller dies here. No code of the controller may catch this, like SIGKILL."""


class Faults(Protocol):
    """Decides which requests get a fault."""

    def decide(self, host: str, operation: str) -> Fault | None:
        """Return the fault of this request, or None."""
        ...


class NoFaults:
    """No request gets a fault."""

    def decide(self, host: str, operation: str) -> Fault | None:  # noqa: ARG002  # the protocol's names
        """Return None."""
        return None
