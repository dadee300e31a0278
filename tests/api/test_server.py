"""The service's port: green while the loop lives, red once it has stalled, and not worth dying for."""

import json
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress

import pytest

from gitops_orch.api import protocol
from gitops_orch.api.server import serve_http
from gitops_orch.daemon.progress.liveness import QUIET_MAX_S, Liveness, check_liveness
from gitops_orch.daemon.publish.metrics import Metrics


class View:
    """A service with nothing behind it but two ages."""

    quiet_s = 0.0
    idle_s = 0.0

    def liveness(self) -> Liveness:
        return check_liveness(doing="pull", quiet_s=self.quiet_s, idle_s=self.idle_s, interval_s=30)

    def exposition(self) -> bytes:
        return Metrics().exposition(is_alive=self.liveness().alive)


@pytest.fixture
def view():
    return View()


@pytest.fixture
def address(view):
    with serve_http(view, "127.0.0.1:0") as address:
        yield address


def get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_is_green_while_the_loop_makes_progress(address):
    code, body = get(address, "/healthz")
    assert code == 200
    assert json.loads(body)["status"] == "ok"


def test_health_is_red_and_says_why_once_a_run_has_stalled(address, view):
    view.quiet_s = QUIET_MAX_S + 1
    code, body = get(address, "/healthz")
    assert code == 503
    assert json.loads(body)["reason"] == "no progress for 301 s, more than 300 s, in: pull"


def test_health_is_red_once_nothing_has_run_for_long(address, view):
    view.idle_s = 30 * 3 + QUIET_MAX_S + 1
    code, body = get(address, "/healthz")
    assert code == 503
    assert json.loads(body)["reason"] == "no run for 391 s, more than 390 s"


def test_a_long_run_that_makes_progress_is_no_stall(address, view):
    view.idle_s, view.quiet_s = 5000, 1
    assert get(address, "/healthz")[0] == 200


def test_metrics_say_whether_the_loop_lives(address, view):
    assert "gitops_orch_loop_alive 1.0" in get(address, "/metrics")[1]
    view.quiet_s = QUIET_MAX_S + 1
    assert "gitops_orch_loop_alive 0.0" in get(address, "/metrics")[1]


def test_the_root_says_where_to_look(address):
    assert "/healthz" in get(address, "/")[1]


def test_an_unknown_path_is_not_found(address):
    assert get(address, "/nope")[0] == 404


def test_a_port_that_is_taken_costs_the_port_and_not_the_service(view):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with serve_http(view, listen) as address:
            assert address is None


def test_the_port_is_free_again_afterwards(view):
    with serve_http(view, "127.0.0.1:0") as address:
        get(address, "/healthz")
    with serve_http(view, address) as again:
        assert again == address


def connect(address: str, sent: bytes = b"") -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: x", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"],
    ids=["silent", "half-a-head", "half-a-body"],
)
def test_clients_that_hold_connections_open_keep_no_health_check_out(address, sent):
    with ExitStack() as stack:
        for _ in range(2 * protocol.CONNECTIONS_MAX):
            stack.enter_context(connect(address, sent))
        assert [get(address, path)[0] for path in ("/healthz", "/metrics")] == [200, 200]


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"])
def test_a_client_that_never_completes_its_request_is_disconnected(view, monkeypatch, sent):
    monkeypatch.setattr(protocol, "REQUEST_DEADLINE_S", 0.2)
    with serve_http(view, "127.0.0.1:0") as address, connect(address, sent) as connection:
        assert ends(connection)


def ends(connection: socket.socket) -> bool:
    """Tell whether the server closes the connection before the time limit of the socket."""
    with suppress(ConnectionResetError):
        while connection.recv(4096):
            pass
    return True
