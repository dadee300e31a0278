"""D10 and D14: answers without an end, that unpack to gigabytes, or with times of no calendar, cost little and end nothing."""

import functools
import gzip
import json
import socket
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
from faults.unruly import Unruly, answer
from faults.unruly_fixtures import engine, server

from gitops_orch.engine.base import EngineEvent
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.event_stream import watch
from gitops_orch.errors import EngineError

__all__ = ["engine", "server"]

WAIT_S = 60
MEMORY_MAX = 300_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@functools.cache
def bomb() -> bytes:
    """300 MB of spaces, packed; made when a test wants it and not when every worker collects."""
    return gzip.compress(b" " * 300_000_000, 1)


@functools.cache
def deflated() -> bytes:
    return zlib.compress(b" " * 100_000_000)


def packed_twice() -> bytes:
    return gzip.compress(bomb())


def endless(head: bytes, piece: bytes = b" " * 65_536):
    def reply(server: Unruly, client: socket.socket, _request: bytes) -> None:
        client.sendall(head + b"\r\n")
        while not server.ended.is_set():
            client.sendall(piece)

    return reply


def packed(make: Callable[[], bytes], how: str, extra: bytes = b""):
    def reply(_server: Unruly, client: socket.socket, _request: bytes) -> None:
        content = make()
        length = f"Content-Encoding: {how}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        client.sendall(HEAD + extra + length + content)

    return reply


@pytest.fixture
def frugal() -> Iterator[None]:
    bomb(), deflated()  # made before memory is counted
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_MAX


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (packed(bomb, "gzip"), "larger than 64 MB"),
        (packed(deflated, "deflate"), "larger than 64 MB"),
        (packed(packed_twice, "gzip, gzip"), "packed as 'gzip, gzip'"),
        (endless(HEAD), "larger than 64 MB"),
    ],
    ids=["gzip", "deflate", "twice", "endless"],
)
def test_an_answer_that_is_too_large_makes_its_host_unknown_and_names_the_limit(
    server: Unruly, engine: DockerHost, reply, why: str
) -> None:
    server.on("networks", reply)
    with pytest.raises(EngineError, match=f"edge-1.*list of networks.*{why}"):
        engine.observe()


@pytest.mark.usefixtures("frugal")
def test_a_refusal_that_is_too_large_is_an_error_of_its_host(server: Unruly, engine: DockerHost) -> None:
    server.on("images/create", endless(HEAD.replace(b"200 OK", b"500 Internal Server Error")))
    with pytest.raises(EngineError, match="larger than 64 MB"):
        engine.pull("shop/api:1")


@pytest.mark.parametrize(("operation", "path"), [("pull", "images/create"), ("logs", "logs")])
def test_a_packed_stream_is_refused(server: Unruly, engine: DockerHost, operation: str, path: str) -> None:
    server.on("containers/c1/json", answer("200 OK", {"Id": "c1", "Config": {"Tty": True}}))
    server.on(path, packed(bomb, "gzip"))
    with pytest.raises(EngineError, match="packed stream"):
        engine.pull("shop/api:1") if operation == "pull" else engine.logs("c1", tail=5)


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("terminal", [True, False])
def test_of_logs_without_an_end_the_last_megabyte_is_kept(
    server: Unruly, engine: DockerHost, *, terminal: bool
) -> None:
    server.on("containers/c1/json", answer("200 OK", {"Id": "c1", "Config": {"Tty": terminal}}))
    frame = b"x" * 65_536 if terminal else struct.pack(">BxxxL", 1, 65_528) + b"x" * 65_528
    server.on("logs", answer("200 OK", frame * 1200, kind="application/octet-stream"))
    assert len(engine.logs("c1", tail=5)) == 1_000_000


def test_a_frame_that_claims_gigabytes_is_refused(server: Unruly, engine: DockerHost) -> None:
    server.on("containers/c1/json", answer("200 OK", {"Id": "c1", "Config": {"Tty": False}}))
    server.on("logs", answer("200 OK", struct.pack(">BxxxL", 1, 4_000_000_000) + b"x" * 100))
    with pytest.raises(EngineError, match="longer than 4 MB"):
        engine.logs("c1", tail=5)


def test_a_creation_time_of_no_calendar_makes_the_host_unknown(server: Unruly, engine: DockerHost) -> None:
    for created in (10**40, -(10**20)):
        server.on("containers/json", answer("200 OK", [{"Id": "c", "Names": ["/c"], "Created": created}]))
        with pytest.raises(EngineError, match="edge-1"):
            engine.observe()


def test_a_deeply_nested_answer_makes_the_host_unknown(server: Unruly, engine: DockerHost) -> None:
    server.on("networks", answer("200 OK", b"[" * 200_000))
    with pytest.raises(EngineError, match="edge-1"):
        engine.observe()


@pytest.mark.parametrize("at", ["1e40", "-1e40", '"soon"', "[]", "NaN", "1e400"])
def test_an_event_with_a_time_of_no_calendar_is_an_event(server: Unruly, engine: DockerHost, at: str) -> None:
    line = f'{{"Type": "container", "Action": "die", "Actor": {{"ID": "c1"}}, "timeNano": {at}}}\n'
    server.on("/events", answer("200 OK", line.encode()))
    events = engine.events()
    assert [next(events).kind, next(events).action] == ["stream", "die"]


def test_a_follower_goes_on_after_whatever_broke_it(server: Unruly, engine: DockerHost) -> None:
    server.on("/events", answer("200 OK", json.dumps({"Type": "container"}).encode() + b"\n"))
    seen, stop, calls = threading.Event(), threading.Event(), []

    def on_event(event: EngineEvent) -> None:
        calls.append(event)
        if len(calls) < 3:
            raise OverflowError("a mistake of ours")
        seen.set()

    running = watch(engine, on_event, stop)
    assert seen.wait(WAIT_S)
    stop.set()
    engine.close()
    running.thread.join(WAIT_S)
    assert not running.thread.is_alive()
    assert not running.thread.is_alive()
