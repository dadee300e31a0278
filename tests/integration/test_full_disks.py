"""E7 and E8: a host whose disk is full, and pulls that end in the middle, on a real Engine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from integration.console import Reply
from integration.world import World, compose, host_document, service
from lab.commands import run
from lab.registry import Registry

WEB, BLOG = "apps/web/compose.yaml", "apps/blog/compose.yaml"
SIZE = "size=96m"
FULL = "no space left on device"
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def small(world: World) -> Iterator[Path]:
    """Put the Engine's data on a small disk of its own, with an app that does well; returns where it is."""
    data = world.host.directory / "data"
    world.host.kill()
    run("mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", str(data))
    try:
        world.host.start()
        world.host.load_stubs()
        yield data
    finally:
        world.host.kill()
        run("umount", "-l", str(data))
        world.host.start()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Take all room on the disk, for the length of a block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()


def web(image: str = "stub:1", **more: object) -> dict[str, str]:
    return {WEB: compose({"front": service(image, **more)})}


def serving(world: World) -> list[str]:
    return [seen.id for seen in world.ours("web/front") if seen.state == "running"]


def expect_told(reply: Reply) -> None:
    """The reason is told, nothing is blamed on the release, and the other app does well."""
    assert reply.exit_code == 1, reply.text
    row = reply.app("web")
    assert FULL in row["reason"]
    assert "make room on that host's disk" in row["reason"]
    assert row["release_state"] == "progressing"
    assert reply.app("blog")["sync"] == "in-sync"


def deployed(world: World, more: Mapping[str, str] = NOTHING, **fields: object) -> str:
    world.commit({**web(**fields), BLOG: compose({"front": service()}), **more})
    world.deploy()
    return world.one("web/front").id


def test_files_that_cannot_be_read_on_a_full_disk_are_unknown_in_every_process(
    world: World, small: Path, tmp_path: Path
):
    document = host_document(world.host.name, world.host.unix, data_root=str(tmp_path / "data"))
    files = {f"hosts/{world.host.name}.yaml": document, "apps/web/conf/a": "one"}
    old = deployed(world, volumes=["./conf:/etc/conf"], more=files)
    reason = f"the files of conf on {world.host.name} cannot be read: "
    with filled(small):
        for reply in (world.sync(), world.run("status")):
            row = reply.app("web")
            assert (reply.exit_code, row["sync"], row["health"]) == (3, "unknown", "healthy"), reply.text
            assert row["reason"].startswith(reason)
            assert FULL in row["reason"]
            assert reply.app("blog")["sync"] == "in-sync"
        assert reason in world.run("history").text
        assert serving(world) == [old]
    world.deploy()
    assert serving(world) == [old]


def test_e7_an_image_that_finds_no_room_stops_nothing_and_is_pulled_once_there_is_some(
    world: World, small: Path, registry: Registry
):
    old = deployed(world)
    with world.host.client() as client:
        made = client.create_container(
            "stub:1", command=["dd", "if=/dev/urandom", "of=/blob", "bs=1M", "count=8"]
        )
        client.start(made["Id"])
        client.wait(made["Id"])
        client.commit(made["Id"], "large", "1", conf=client.inspect_image("stub:1")["Config"])
        client.remove_container(made["Id"])
    image = registry.push(world.host, "large:1", name="large:1")
    with world.host.client() as client:
        client.remove_image("large:1")
    world.commit(web(image))
    with filled(small):
        expect_told(world.sync())
        assert serving(world) == [old]
    world.deploy()
    assert serving(world) != [old]
    assert world.one("web/front").image == image


@pytest.mark.parametrize("ports", [[], ["18080:8080"]], ids=["start-first", "stop-first"])
def test_e8_a_container_that_finds_no_room_leaves_the_old_one_serving(
    world: World, small: Path, ports: list[str]
):
    old = deployed(world, ports=ports)
    world.commit(web(ports=ports, environment={"VERSION": "2"}))
    with filled(small):
        for _ in range(2):
            expect_told(world.sync())
            assert serving(world) == [old]
    world.deploy()
    assert serving(world) != [old]
