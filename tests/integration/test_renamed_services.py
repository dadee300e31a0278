"""What gets another name keeps its place on a real Engine: the old container serves until the new one is proved."""

import pytest
from integration.world import World, compose, service

APP, OTHER, BLOG, WEBLOG = (
    "app/compose.yaml",
    "other/compose.yaml",
    "blog/compose.yaml",
    "weblog/compose.yaml",
)
LAN = {"networks": {"lan": {"ipam": {"config": [{"subnet": "172.31.242.0/24"}]}}}}
PLACES = {
    "a port": {"ports": ["18001:8080"]},
    "an address": {"networks": {"lan": {"ipv4_address": "172.31.242.10"}}},
    "data": {"volumes": ["data:/data"]},
}


def app(name: str, place: str, image: str = "stub:1") -> str:
    return compose({name: service(image, **PLACES[place])}, volumes={"data": {}}, **LAN)


def deployed(world: World, files: dict[str, str]) -> None:
    world.commit({OTHER: compose({"x": service(), "y": service()}), **files})
    world.deploy()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_renamed_service_goes_back_to_its_old_container_and_then_forward(world: World, place: str):
    deployed(world, {APP: app("db", place)})
    before = world.one("app/db")

    world.commit({APP: app("postgres", place, "stub:crash")})
    reply = world.sync()
    assert reply.exit_code == 4, reply.text
    assert (world.one("app/db").id, world.one("app/db").state) == (before.id, "running")

    world.commit({APP: app("postgres", place, "stub:2")})
    reply = world.converge()
    assert world.ours("app/db") == []
    kinds = [(step["kind"], step["service"]) for step in reply.actions if step["app"] == "app"]
    order = [
        ("create", "postgres"),
        ("stop", "db"),
        ("start", "postgres"),
        ("wait_healthy", "postgres"),
        ("remove", "db"),
    ]
    assert [each for each in kinds if each in order] == order


@pytest.mark.parametrize("port", ["18001:8080", "127.0.0.1:18001:8080/udp"])
def test_a_renamed_app_that_fails_serves_again_under_its_old_name(world: World, port: str):
    def page(image: str) -> str:
        return compose({"page": service(image, ports=[port])})

    deployed(world, {BLOG: page("stub:1")})
    before = world.one("blog/page")
    failing = compose({"page": service("stub:1", ports=[port], command=["false"])})
    world.commit({BLOG: None, WEBLOG: failing})

    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert (world.one("blog/page").id, world.one("blog/page").state) == (before.id, "running")
    world.commit({WEBLOG: page("stub:1")})
    world.converge()
    assert world.ours("blog/page") == []
    assert world.one("weblog/page").state == "running"
