"""Ctrl-C, SIGTERM and SIGHUP between the stop of a container and the start of its successor leave no app down."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from docker.errors import APIError
from integration.console import CONSOLE, clean_environment
from integration.service_process import run_service
from integration.world import World, compose, service
from lab.commands import wait_for

SHOP = "apps/shop/compose.yaml"
LONG_S = 20  # longer than anything else that a test waits for


def db(colour: str, name: str = "db", *, ends_after_s: int = 4) -> str:
    """A database that can run only once at a time, and takes its time to end."""
    slow = f"trap 'echo ending; sleep {ends_after_s}; exit 0' TERM; sleep 1000 & wait"
    made = {
        **service(command=["sh", "-c", slow], environment={"COLOUR": colour}, volumes=["rows:/rows"]),
        "stop_grace_period": "30s",
    }
    return compose({"web": service("stub:2"), name: made}, volumes={"rows": {}})


def is_ending(world: World, container: str) -> bool:
    with world.host.client() as client, suppress(APIError):
        return b"ending" in client.logs(container)
    return False


@contextmanager
def syncing(world: World, after: str, before: str = "") -> Iterator[subprocess.Popen]:
    """A sync as a process of its own, at the moment when the old database is told to end."""
    world.commit({SHOP: before or db("green")})
    world.deploy()
    old = world.one("shop/db")
    world.commit({SHOP: after})
    process = subprocess.Popen(
        [str(CONSOLE), *world.command_line("sync")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(world.settings),
        text=True,
    )
    try:
        wait_for("the old database to be told to end", lambda: is_ending(world, old.id), deadline_s=60)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("after", [db("blue"), db("blue", name="postgres")], ids=["replaced", "renamed"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_sync_that_is_interrupted_fills_the_slot_that_it_emptied(
    world: World, after: str, number: int, code: int
):
    with syncing(world, after) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "COLOUR=blue" in str([seen.environment for seen in world.ours() if seen.state == "running"])
    assert "what is under way is finished" in errors
    assert "is left" in output or "are left" in output
    rows = world.run("history").document["runs"]
    assert [row["trigger"] for row in rows[:2]] == ["sync", "sync"]
    world.converge()


def test_a_second_ctrl_c_ends_at_once_and_says_what_is_left_down(world: World):
    before = db("green", ends_after_s=LONG_S)
    with syncing(world, db("blue"), before) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "what is under way is finished" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_S / 2)
    assert process.returncode == 130
    assert "left down: shop-db-1" in errors
    world.converge()


def test_a_service_that_is_stopped_fills_the_slot_that_it_emptied(world: World):
    world.commit({SHOP: db("green")})
    world.deploy()
    old = world.one("shop/db")
    with run_service(world, GITOPS_ORCH_POLL__INTERVAL="1s") as service_process:
        service_process.await_runs(1)
        world.commit({SHOP: db("blue")})
        wait_for("the old database to be told to end", lambda: is_ending(world, old.id), deadline_s=60)
        assert service_process.stop() == 0
    assert "COLOUR=blue" in str([seen.environment for seen in world.ours() if seen.state == "running"])
    world.converge()
