"""A volume that a real Engine lost under its container is not made again, empty, without a word."""

import shutil

import pytest
from integration.world import World, compose, service

APP = "app/compose.yaml"


def stack(name: str, image: str) -> str:
    return compose(
        {name: service(image, volumes=["data:/data"], restart="always"), "web": service()},
        volumes={"data": {}},
    )


def lose(world: World, volume: str) -> None:
    with world.host.without_daemon():
        shutil.rmtree(world.host.directory / "data" / "volumes" / volume)
    with world.host.client() as client:
        assert volume not in {row["Name"] for row in client.volumes()["Volumes"] or ()}


@pytest.mark.parametrize(("name", "image"), [("db", "stub:2"), ("postgres", "stub:1"), ("db", "stub:1")])
def test_a_volume_that_was_lost_under_its_container_is_held(world: World, name: str, image: str):
    world.commit({APP: stack("db", "stub:1")})
    world.deploy()
    lose(world, "app_data")
    before = world.containers()
    assert "running" in {seen.state for seen in world.ours("app/db")}
    world.commit({APP: stack(name, image), "notes.txt": "a change"})

    reply = world.sync()

    assert reply.exit_code == 1, reply.text
    assert world.containers() == before
    assert f"volume app_data, which container {world.one('app/db').name} mounts at /data" in reply.text
    with world.host.client() as client:
        client.create_volume("app_data")  # by a person, who copied the data into it
    world.deploy()
