"""What the service shows over HTTP, and how it is given a way to show it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias

from gitops_orch.daemon.liveness import Liveness


class ServiceView(Protocol):
    """What may be asked of the running service; every call returns at once."""

    def liveness(self) -> Liveness:
        """Return how the loop does."""
        ...

    def exposition(self) -> bytes:
        """Return the metrics as Prometheus reads them."""
        ...


ServeHttp: TypeAlias = Callable[[ServiceView, str], AbstractContextManager[str | None]]
"""Serves a view at an address while the block runs; gives the address, or None where it could not be had."""


@contextmanager
def without_http(view: ServiceView, listen: str) -> Iterator[str | None]:  # noqa: ARG001  the seam has them
    """Serve nothing."""
    yield None
