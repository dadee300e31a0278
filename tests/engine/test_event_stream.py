"""Events of a real Engine arrive, also after it was away."""

import threading
from collections.abc import Iterator

import pytest
from contract.making import app_with, intent
from lab.commands import wait_for
from lab.host import LabHost

from gitops_orch.engine.base import EngineEvent
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.event_stream import watch
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.observed import State

KEY = AppKey(namespace="default", name="watched")
LIFE = {"create", "start", "die", "destroy"}


@pytest.fixture
def engine(engine_host: LabHost) -> Iterator[DockerHost]:
    made = connect(
        Host(name="h1", url=engine_host.unix), EngineSettings(deadline_s=10, cache_inspections=True)
    )
    yield made
    made.close()


@pytest.fixture
def events(engine: DockerHost) -> Iterator[list[EngineEvent]]:
    seen: list[EngineEvent] = []
    stop = threading.Event()
    running = watch(engine, seen.append, stop)
    wait_for("the stream", lambda: seen)
    yield seen
    stop.set()
    engine.close()
    running.thread.join(10)
    assert not running.thread.is_alive()


def connections(events: list[EngineEvent]) -> int:
    return sum(1 for event in events if event.kind == "stream")


def test_the_death_of_a_container_is_told_at_once(engine: DockerHost, events: list[EngineEvent]) -> None:
    container = engine.create(intent(app_with(KEY)))
    engine.start(container)
    engine.remove(container)
    wait_for("the event", lambda: any(e.action == "destroy" and e.id == container for e in events))
    life = [e.action for e in events if e.id == container and e.action in LIFE]
    assert life == ["create", "start", "die", "destroy"]


def test_a_new_connection_is_an_event_since_others_may_have_been_missed(
    engine: DockerHost, events: list[EngineEvent], engine_host: LabHost
) -> None:
    with engine_host.stopped():
        pass
    wait_for("the second connection", lambda: connections(events) == 2)
    container = engine.create(intent(app_with(KEY)))
    wait_for("an event", lambda: any(e.action == "create" and e.id == container for e in events))
    assert [e.kind for e in events if e.kind == "stream" or e.id == container] == [
        "stream",
        "stream",
        "container",
    ]


def test_what_an_event_contradicts_is_inspected_anew(
    engine: DockerHost, events: list[EngineEvent], engine_host: LabHost
) -> None:
    container = engine.create(intent(app_with(KEY)))
    assert engine.observe().containers[0].details.restart_policy == "no"
    with engine_host.client() as client:
        client.update_container(container, restart_policy={"Name": "always"})
    wait_for("the event", lambda: any(e.action == "update" for e in events))
    wait_for("the news", lambda: engine.observe().containers[0].details.restart_policy == "always")


def test_what_no_event_contradicts_is_not_inspected_again(engine: DockerHost, engine_host: LabHost) -> None:
    """Without a watch nobody invalidates: what was remembered is what is told, until all is forgotten."""
    container = engine.create(intent(app_with(KEY)))
    engine.observe()
    with engine_host.client() as client:
        client.update_container(container, restart_policy={"Name": "always"})
    assert engine.observe().containers[0].details.restart_policy == "no"
    engine.forget_all()
    assert engine.observe().containers[0].details.restart_policy == "always"


def test_a_remembered_inspection_ends_when_the_listing_looks_different(engine: DockerHost) -> None:
    container = engine.create(intent(app_with(KEY, image="stub:crash")))
    assert engine.observe().containers[0].state is State.CREATED
    engine.start(container)

    def crashed() -> bool:
        return engine.observe().containers[0].details.exit_code == 1

    wait_for("the exit code", crashed)
    assert engine.observe().containers[0].state is State.EXITED


def test_health_is_told_and_its_checks_are_not(engine: DockerHost, events: list[EngineEvent]) -> None:
    check = {"test": ["CMD-SHELL", "true"], "interval": "200ms"}
    container = engine.create(intent(app_with(KEY, healthcheck=check)))
    engine.start(container)
    wait_for("health", lambda: any(e.action == "health_status: healthy" for e in events))
    assert not [e for e in events if e.action.startswith("exec")]
