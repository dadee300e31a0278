"""Adds deadlines to HTTP connections: idle and slow clients are disconnected, so that new ones can always connect."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 64
# From the start of a connection, or the first byte of a request, to the end of the request's head.
REQUEST_DEADLINE_S = 10.0


class DeadlineProtocol(H11Protocol):
    """One connection of a client.

    uvicorn itself waits for ever for a connection's first request, and answers 503 to all clients when its limit of
    connections is reached. So a few idle clients could block every health check. If a new connection would exceed the
    limit, this class closes the oldest connection without a running request, or the oldest of all if each has one.
    """

    _deadline: asyncio.TimerHandle | None = None
    opened_s: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close another connection if the limit is reached, and start the deadline of the first request."""
        others = [each for each in self.connections if isinstance(each, DeadlineProtocol)]
        if len(others) >= CONNECTIONS_MAX:
            min(others, key=lambda each: (each.is_answering, each.opened_s)).transport.abort()
        super().connection_made(transport)
        self.opened_s = self.loop.time()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes of a request; its first byte starts the deadline for its complete head."""
        if self._deadline is None and not self.is_answering:
            self._await_request()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Stop the deadline; from now on, the limit for idle connections applies."""
        self._stop_waiting()
        super().on_response_complete()

    @property
    def is_answering(self) -> bool:
        """Return whether the response to a request is not complete yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_DEADLINE_S, self._expire)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if not self.is_answering:
            self.transport.abort()
