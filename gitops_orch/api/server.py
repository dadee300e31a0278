"""Serves the routes in a separate thread; if the port is in use, the service runs without HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from gitops_orch.api.protocol import CONNECTIONS_MAX, DeadlineProtocol
from gitops_orch.api.routes import make_routes
from gitops_orch.daemon.service_view import ServiceView
from gitops_orch.logs import LOG

KEEP_ALIVE_S = 5
SHUTDOWN_S = 2


@contextmanager
def serve_http(view: ServiceView, listen: str) -> Iterator[str | None]:
    """Serve while the block runs; yield the address, or None if it is not available."""
    host, _, port = listen.rpartition(":")
    listener = _bind(host.strip("[]"), int(port))
    if listener is None:
        yield None
        return
    server = uvicorn.Server(
        uvicorn.Config(
            make_routes(view),
            log_config=None,
            access_log=False,
            lifespan="off",
            http=DeadlineProtocol,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="http")
    thread.start()
    try:
        yield "{}:{}".format(*listener.getsockname()[:2])
    finally:
        server.should_exit = True
        thread.join(SHUTDOWN_S + 1)
        listener.close()


def _bind(host: str, port: int) -> socket.socket | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        LOG.warning("http.unavailable", listen=f"{host}:{port}", error=str(error), hint="change http.listen")
        return None
    return listener
