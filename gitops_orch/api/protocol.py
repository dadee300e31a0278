"""HTTP connections with deadlines: an idle or slow client is disconnected, and a new client always finds room."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 64
REQUEST_DEADLINE_S = (
    10.0  # from the first moment of a connection, or the first byte of a request, to its whole head
)


class DeadlineProtocol(H11Protocol):
    """One connection of a client.

    uvicorn alone waits for the first request of a connection without end, and answers 503 to everybody once its limit of
    connections is reached.  So a few idle clients could keep every health check out.  Here the oldest connection without
    a request under way makes room for a new one, or the oldest of all where each has a request.
    """

    _deadline: asyncio.TimerHandle | None = None
    opened_s: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close another connection where there is no room, and wait for the first request."""
        others = [each for each in self.connections if isinstance(each, DeadlineProtocol)]
        if len(others) >= CONNECTIONS_MAX:
            min(others, key=lambda each: (each.is_answering, each.opened_s)).transport.abort()
        super().connection_made(transport)
        self.opened_s = self.loop.time()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for no request any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its head must be complete by the deadline that its first byte started."""
        if self._deadline is None and not self.is_answering:
            self._await_request()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Let the time limit for idle connections take over."""
        self._stop_waiting()
        super().on_response_complete()

    @property
    def is_answering(self) -> bool:
        """Tell whether a request was read whose response is not complete."""
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
