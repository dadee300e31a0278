"""Readiness probes of a real Engine's containers, with servers that do not behave."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server
from typing import ClassVar

import pytest

from gitops_orch.engine.docker.probe import probe_container
from gitops_orch.model.app import Readiness


class InspectedWire:
    """A wire to an Engine that inspects containers as given, and does nothing else."""

    def __init__(self, **rows: dict) -> None:
        self.rows = rows

    def read(self, _what: str, ask: Callable[["InspectedWire"], dict]) -> dict:
        return ask(self)

    def inspect_container(self, name: str) -> dict:
        return self.rows[name]


ON_HOST = {"HostConfig": {"NetworkMode": "host"}}


def probe(port, path: str | None = "/", **fields):
    asked = Readiness(port=port, path=path, timeout_s=fields.pop("timeout_s", 1.0), **fields)
    return probe_container(InspectedWire(web=ON_HOST), "unix:///sock", "web", asked)


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(int(self.path.strip("/")))
        self.send_header("Location", "/500")
        self.send_header("Content-Length", "1000000000")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    Handler.asked.clear()
    yield server.server_port
    server.shutdown()
    server.server_close()


@contextmanager
def speaker(speak) -> Iterator[int]:
    """A server that speaks to whoever connects, until they go."""
    ended = threading.Event()
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while not ended.wait(0.05):
                        connection.sendall(speak)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        ended.set()
        thread.join(5)


@pytest.mark.parametrize(
    ("status", "ready"), [(200, True), (204, True), (302, True), (404, False), (503, False)]
)
def test_the_status_decides_and_no_body_is_waited_for(port, status, ready):
    answer = probe(port, f"/{status}")
    assert answer.ready is ready
    assert ready or f"/{status}: HTTP status {status}" in answer.detail


def test_no_redirect_is_followed(port):
    assert probe(port, "/302").ready
    assert Handler.asked == ["/302"]


def test_a_port_that_nobody_listens_on_is_refused():
    with create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    for path in ("/", None):
        answer = probe(number, path)
        assert not answer.ready
        assert "refused" in answer.detail


def test_a_server_that_never_answers_is_given_up_in_time():
    with create_server(("127.0.0.1", 0)) as silent:
        assert not probe(silent.getsockname()[1], timeout_s=0.2).ready


def test_a_server_that_trickles_is_given_up_in_time():
    with speaker(b"x") as number:
        answer = probe(number, timeout_s=0.3)
    assert not answer.ready


def test_a_connection_is_enough_for_tcp():
    with create_server(("127.0.0.1", 0)) as silent:
        assert probe(silent.getsockname()[1], None).ready


BRIDGED = {
    "HostConfig": {"NetworkMode": "front"},
    "NetworkSettings": {
        "Networks": {"front": {"IPAddress": "127.0.0.1"}},
        "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}]},
    },
}


def test_a_container_of_this_machine_is_asked_at_its_own_address_and_one_that_joined_it_too(port):
    wire = InspectedWire(web=BRIDGED, side={"HostConfig": {"NetworkMode": "container:web"}})
    for name in ("web", "side"):
        assert probe_container(wire, "unix:///sock", name, Readiness(port=port, path="/200")).ready


def test_a_container_elsewhere_is_asked_at_its_host_by_the_published_port(port):
    published = {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(port)}]}
    row = {"HostConfig": {"NetworkMode": "front"}, "NetworkSettings": {"Ports": published}}
    asked = Readiness(port=8080, path="/200")
    assert probe_container(InspectedWire(web=row), "tcp://127.0.0.1:2375", "web", asked).ready


def test_a_port_that_is_published_on_the_loopback_alone_cannot_be_asked():
    answer = probe_container(InspectedWire(web=BRIDGED), "tcp://127.0.0.1:2375", "web", Readiness(port=80))
    assert (answer.ready, answer.detail) == (False, "port 80 is not published beyond its host")
