"""Sends a change whose result may be there already, as every request of `engine/base.py` allows."""

from collections.abc import Callable

from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.errors import EngineError, HostUnreachable


def ensure(
    wire: Wire, what: str, change: Callable[[RawClient], object], *, already: Callable[[], bool]
) -> None:
    """Send a change; if the Engine refuses it, succeed when `already` returns true, else raise the error."""
    with wire.bounded(what):
        try:
            wire.call(what, change)
        except HostUnreachable:
            raise
        except EngineError:
            if not already():
                raise
