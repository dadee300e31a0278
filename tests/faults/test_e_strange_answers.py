"""Section E of the fault list: answers of the right form with the wrong content never escape the engine's room."""

import threading

import pytest
from faults.unruly import Unruly, answer
from faults.unruly_fixtures import engine, server

from gitops_orch.engine.base import EngineEvent
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.event_stream import watch
from gitops_orch.errors import EngineError

__all__ = ["engine", "server"]

WAIT_S = 60
OURS = {"gitops-orch.instance": "default", "gitops-orch.namespace": "default", "gitops-orch.app": "shop"}
MADE = {"gitops-orch.slot": "1", "gitops-orch.service": "api", "gitops-orch.spec-hash": "a" * 64}
LISTED = {"Id": "c1", "Names": ["/x"], "Labels": {**OURS, **MADE}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("containers/json", None),
        ("containers/json", [{"Names": ["/x"]}]),
        ("containers/json", ["x"]),
        ("networks", [{"Id": "n"}]),
        ("volumes", [1]),
        ("images/json", [{"RepoTags": 3}]),
        ("info", []),
    ],
)
def test_e28_a_listing_without_sense_makes_the_host_unknown(
    server: Unruly, engine: DockerHost, path: str, body: object
) -> None:
    assert engine.observe().containers == ()
    server.on(path, answer("200 OK", body))
    with pytest.raises(EngineError, match="edge-1"):
        engine.observe()


def test_e28_an_inspection_without_sense_is_an_error_of_its_host(server: Unruly, engine: DockerHost) -> None:
    server.on("containers/c1/json", answer("200 OK", []))
    with pytest.raises(EngineError, match="edge-1"):
        engine.inspect("c1")
    server.on("containers/json", answer("200 OK", [LISTED]))
    with pytest.raises(EngineError, match="edge-1"):
        engine.observe()


@pytest.mark.parametrize("line", [b"[]\n", b"x" * 1_100_000, b'{"timeNano": "soon"}\n'])
def test_e28_events_without_sense_end_the_stream_and_not_the_watch(
    server: Unruly, engine: DockerHost, line: bytes
) -> None:
    server.on("/events", answer("200 OK", line), answer("200 OK", b'{"Type": "container"}\n'))
    seen = threading.Event()
    stop = threading.Event()

    def on_event(event: EngineEvent) -> None:
        if event.kind == "container":
            seen.set()

    running = watch(engine, on_event, stop)
    assert seen.wait(WAIT_S)
    stop.set()
    engine.close()
    running.thread.join(WAIT_S)
    assert not running.thread.is_alive()


def test_e28_a_pull_whose_progress_has_no_sense_is_an_error_of_its_host(
    server: Unruly, engine: DockerHost
) -> None:
    server.on("images/create", answer("200 OK", b"[]\n"))
    with pytest.raises(EngineError, match="edge-1"):
        engine.pull("shop/api:2")
