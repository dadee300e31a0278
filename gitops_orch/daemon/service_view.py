"""The interface between the service and its HTTP server: what the server may read, and how it is started."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias

from gitops_orch.daemon.progress.liveness import Liveness


class ServiceView(Protocol):
    """What the HTTP server reads from the running service; every call returns at once."""

    def liveness(self) -> Liveness:
        """Return whether the loop makes progress."""
        ...

    def exposition(self) -> bytes:
        """Return the metrics in the format of Prometheus."""
        ...


ServeHttp: TypeAlias = Callable[[ServiceView, str], AbstractContextManager[str | None]]
"""Serves a view at an address while the block runs; gives the address, or None where it could not be had."""


@contextmanager
def without_http(view: ServiceView, listen: str) -> Iterator[str | None]:  # noqa: ARG001  the seam has them
    """Serve nothing."""
    yield None
