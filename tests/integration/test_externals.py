"""A network or volume that one app declares and another uses as external comes and goes with one sync, on a real Engine."""

import signal

import pytest
from integration.fatality import AFTER, BEFORE, Fatality
from integration.world import World, compose, service

APP, PROXY, OTHER = (f"apps/{name}/compose.yaml" for name in ("app", "zproxy", "other"))
OTHERS = {OTHER: compose({"web": service(scale=6)})}
NETWORK = {
    APP: compose({"whoami": service(networks=["edge"])}, networks={"edge": {"external": True}}),
    PROXY: compose({"traefik": service(networks=["edge"])}, networks={"edge": {"name": "edge"}}),
}
VOLUME = {
    APP: compose({"reader": service(volumes=["rows:/rows:ro"])}, volumes={"rows": {"external": True}}),
    PROXY: compose({"writer": service(volumes=["rows:/rows"])}, volumes={"rows": {"name": "rows"}}),
}


@pytest.mark.parametrize("files", [NETWORK, VOLUME], ids=["network", "volume"])
def test_one_sync_brings_both_apps_up_and_one_takes_both_away(world: World, files: dict[str, str]):
    world.commit(files | OTHERS)
    world.converge()
    assert {seen.state for seen in world.ours()} == {"running"}

    world.commit(dict.fromkeys(files))
    world.converge()
    assert {seen.service for seen in world.ours()} == {"other/web"}
    assert "h1/edge" not in world.networks()


def die_twice(world: World, kind: str) -> None:
    """Sync twice, and be killed each time: just before an action of a kind, and just after one."""
    for moment in (BEFORE, AFTER):
        reply = world.run("sync", fatality=Fatality(kind=kind, moment=moment))
        assert reply.exit_code == -signal.SIGKILL, reply.text


@pytest.mark.parametrize("kind", ["create_network", "create", "start"])
def test_what_a_killed_sync_left_is_finished_by_the_next(world: World, kind: str):
    world.commit(NETWORK)
    die_twice(world, kind)
    world.converge()
    assert {(seen.service, seen.state) for seen in world.ours()} == {
        ("app/whoami", "running"),
        ("zproxy/traefik", "running"),
    }
    assert "h1/edge" in world.networks()


@pytest.mark.parametrize("kind", ["stop", "remove", "remove_network"])
def test_what_a_killed_sync_left_of_a_removal_is_finished_by_the_next(world: World, kind: str):
    world.commit(NETWORK | OTHERS)
    world.deploy()
    world.commit(dict.fromkeys(NETWORK))
    die_twice(world, kind)
    world.converge()
    assert {seen.service for seen in world.ours()} == {"other/web"}
    assert "h1/edge" not in world.networks()
