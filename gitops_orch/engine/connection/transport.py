"""Opens connections to an Engine that end at a deadline, whatever the other side does.

Note [Deadlines]
A timeout of the library `requests` bounds each read, not the whole call: an Engine that sends a byte now and then can
block its caller for ever. Therefore every socket here checks, before each read and write, how much time is left until
its thread's deadline.
"""

import functools
import http.client
import io
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

DEADLINE_PASSED = "the deadline has passed"
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class Line:
    """State that all connections to one host share: each thread's deadline, and all open sockets."""

    def __init__(self) -> None:
        self._thread = threading.local()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def deadline(self, seconds: float | None) -> Iterator[None]:
        """Bound everything that this thread sends and receives in the block; None is no limit, for event streams only.

        Of nested deadlines, the earlier one applies.
        """
        before = getattr(self._thread, "ends_at", None)
        ends_at = None if seconds is None else time.monotonic() + seconds
        self._thread.ends_at = min((end for end in (before, ends_at) if end is not None), default=None)
        try:
            yield
        finally:
            self._thread.ends_at = before

    def remaining_s(self) -> float | None:
        """Return the seconds until this thread's deadline, or None without one; TimeoutError once it has passed."""
        ends_at = getattr(self._thread, "ends_at", None)
        if ends_at is None:
            return None
        remaining = float(ends_at - time.monotonic())
        if remaining <= 0:
            raise TimeoutError(DEADLINE_PASSED)
        return remaining

    def watch(self, sock: socket.socket) -> None:
        """Register a socket, so that `hang_up` can cut it; ConnectionAbortedError after the line was closed."""
        with self._lock:
            if self._closed:
                sock.close()
                raise ConnectionAbortedError("the connection was closed by us")
            self._sockets.add(sock)

    def hang_up(self, *, close: bool) -> None:
        """Cut all connections: a reading thread gets an end of file at once. With `close`, no new one can be opened."""
        with self._lock:
            self._closed = self._closed or close
            sockets = list(self._sockets)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the socket is already closed


class BoundedSocket(socket.socket):
    """A socket on which every wait ends at its thread's deadline."""

    line: Line | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive within the remaining time of the deadline."""
        if self.line is not None:
            self.settimeout(self.line.remaining_s())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send within the remaining time of the deadline."""
        if self.line is not None:
            self.settimeout(self.line.remaining_s())
        super().sendall(*args, **kwargs)


class BoundedTlsSocket(ssl.SSLSocket):
    """A TLS socket on which every wait ends at its thread's deadline."""

    line: Line | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive within the remaining time of the deadline."""
        if self.line is not None:
            self.settimeout(self.line.remaining_s())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send within the remaining time of the deadline."""
        if self.line is not None:
            self.settimeout(self.line.remaining_s())
        super().sendall(*args, **kwargs)


class WholeLines(io.BufferedReader):
    """A reader for the head of an answer; a line that is cut off by the end of the connection is an error."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line with its line end; RemoteDisconnected if the connection ended first."""
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise http.client.RemoteDisconnected("the connection ended in the head of an answer")
        return line


class WholeAnswer(http.client.HTTPResponse):
    """An answer whose head must be complete: http.client would take an incomplete head for an answer without a body."""

    fp: io.BufferedReader

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = WholeLines(self.fp.detach())


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    response_class = WholeAnswer

    def __init__(self, *args: Any, line: Line, path: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line, self._path = line, path

    def _new_conn(self) -> socket.socket:
        sock = BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.line = self._line
        sock.settimeout(self._line.remaining_s())
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        self._line.watch(sock)
        return sock


class TcpConnection(HTTPConnection):
    """HTTP over TCP."""

    response_class = WholeAnswer

    def __init__(self, *args: Any, line: Line, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return _bounded(super()._new_conn(), self._line)


class TlsConnection(HTTPSConnection):
    """HTTP over TLS."""

    response_class = WholeAnswer

    def __init__(self, *args: Any, line: Line, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return _bounded(super()._new_conn(), self._line)

    def connect(self) -> None:
        """Connect, with the TLS handshake."""
        super().connect()
        if isinstance(self.sock, BoundedTlsSocket):
            self.sock.line = self._line
            self._line.watch(self.sock)


def _bounded(plain: socket.socket, line: Line) -> socket.socket:
    """Wrap a connected socket, with keep-alive: it detects a dead peer, because an event stream has no timeout."""
    timeout = plain.gettimeout()
    sock = BoundedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    sock.line = line
    sock.settimeout(timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    line.watch(sock)
    return sock


class BoundedAdapter(HTTPAdapter):
    """Sends every request of a session through one pool of our connections."""

    def __init__(self, pool: urllib3.HTTPConnectionPool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> urllib3.HTTPConnectionPool:
        """Return the pool, whatever the URL."""
        return self._pool

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: the pool's TLS context checks certificates; requests would also trust the public authorities."""

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """Return the path: an Engine is reached directly, never through a proxy."""
        del proxies
        return request.path_url

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()


def unix_pool(line: Line, path: str, size: int) -> urllib3.HTTPConnectionPool:
    """Return a pool of connections to a Unix socket."""
    return _pool(urllib3.HTTPConnectionPool("localhost", maxsize=size), UnixConnection, line=line, path=path)


def tcp_pool(line: Line, address: tuple[str, int], size: int) -> urllib3.HTTPConnectionPool:
    """Return a pool of plaintext connections."""
    return _pool(urllib3.HTTPConnectionPool(*address, maxsize=size), TcpConnection, line=line)


def tls_pool(
    line: Line, address: tuple[str, int], size: int, context: ssl.SSLContext
) -> urllib3.HTTPConnectionPool:
    """Return a pool of TLS connections that use the context."""
    context.sslsocket_class = BoundedTlsSocket
    pool = urllib3.HTTPSConnectionPool(*address, maxsize=size, ssl_context=context)
    return _pool(pool, TlsConnection, line=line)


def _pool(
    pool: urllib3.HTTPConnectionPool, connection: Callable[..., Any], **kwargs: Any
) -> urllib3.HTTPConnectionPool:
    pool.ConnectionCls = functools.partial(connection, **kwargs)  # type: ignore[assignment]  # it is only ever called
    return pool
