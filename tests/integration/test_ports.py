"""Ports that something else on the host has."""

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from integration.world import World, compose, service
from lab.commands import wait_for

APP = "app/compose.yaml"


def web(port: int, **more: object) -> str:
    return compose(
        {"web": service(ports=[f"{port}:8080"], volumes=["data:/data"], **more)}, volumes={"data": {}}
    )


@pytest.fixture
def serving(world: World) -> World:
    world.commit({APP: web(18090)})
    world.deploy()
    return world


@contextmanager
def process_on(world: World, port: int):
    """A process of the host that is no container."""
    listen = f"import signal, socket; held = socket.create_server(('', {port})); print(); signal.pause()"
    argv = ["nsenter", f"--net=/run/netns/{world.host.namespace}", sys.executable, "-uc", listen]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it listens
            yield
        finally:
            process.kill()


def stranger(world: World, port: int, **host: object) -> None:
    with world.host.client() as client:
        settings = client.create_host_config(port_bindings={8080: port}, **host)
        made = client.create_container("stub:1", name="stranger", ports=[8080], host_config=settings)
        client.start(made["Id"])


def test_a_strangers_port_touches_nothing_and_is_named(serving: World):
    stranger(serving, 18096)
    before = serving.containers()
    serving.commit({APP: web(18096)})

    reply = serving.sync()

    assert reply.exit_code == 1
    assert "host port 18096 is taken on h1 by container stranger" in reply.text
    assert serving.containers() == before


def test_a_stranger_that_crashes_again_and_again_counts(serving: World):
    with serving.host.client() as client:
        policy = {"Name": "always"}
        settings = client.create_host_config(port_bindings={8080: 18096}, restart_policy=policy)
        made = client.create_container("stub:crash", name="stranger", ports=[8080], host_config=settings)
        client.start(made["Id"])
        wait_for("it to restart", lambda: client.inspect_container(made["Id"])["State"]["Restarting"])
    before = serving.one("app/web")
    serving.commit({APP: web(18096)})

    reply = serving.sync()

    assert "host port 18096 is taken on h1 by container stranger" in reply.text
    assert serving.one("app/web") == before


def test_a_process_of_the_host_is_found_before_what_serves_is_stopped(serving: World):
    before = serving.one("app/web")
    serving.commit({APP: web(18096)})
    since = time.time()

    with process_on(serving, 18096):
        reply = serving.sync()
    assert reply.exit_code == 1
    assert "host port 18096 is taken on h1 by a process" in reply.text
    still = next(seen for seen in serving.containers() if seen.id == before.id)
    assert (still.state, still.started_at) == ("running", before.started_at)
    assert [
        row for row in serving.happened(since) if row[1] in {"stop", "die"} and row[2] == before.name
    ] == []

    serving.deploy()
    assert serving.one("app/web").id != before.id


def test_a_port_that_passes_from_a_container_that_goes_is_free(serving: World):
    serving.commit({"other/compose.yaml": compose({"x": service(), "y": service()})})
    serving.deploy()
    api = service(ports=["18090:8080"], volumes=["data:/data"])
    serving.commit({APP: compose({"api": api}, volumes={"data": {}})})
    serving.converge()
    assert [seen.service for seen in serving.ours() if "app" in seen.service] == ["app/api"]


def test_a_stranger_on_another_address_is_in_nobodys_way(serving: World):
    stranger(serving, ("127.0.0.2", 18096))
    ports = ["127.0.0.1:18096:8080"]
    serving.commit(
        {APP: compose({"web": service(ports=ports, volumes=["data:/data"])}, volumes={"data": {}})}
    )
    serving.converge()
    assert serving.one("app/web").state == "running"
    assert [seen.state for seen in serving.containers() if seen.name == "stranger"] == ["running"]
