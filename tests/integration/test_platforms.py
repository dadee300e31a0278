"""`platform` on a real Engine: the image for that platform is pulled, also where the tag is there for another one."""

import pytest
from integration.world import World, compose, service
from lab.registry import Registry, push_for_platforms
from lab.stub import StubImage, image_archive

SHOP = "shop/compose.yaml"
ARM = StubImage(tag="stub:arm", architecture="arm64")


@pytest.fixture
def image(world: World, registry: Registry) -> str:
    """A tag that is there for two platforms; the host has neither."""
    world.host.load((image_archive((ARM,)),))
    pushed = {
        "amd64": registry.push(world.host, "stub:1", name="platforms/front:amd64"),
        "arm64": registry.push(world.host, "stub:arm", name="platforms/front:arm64"),
    }
    return push_for_platforms(registry, pushed, name="platforms/front:prod")


def architecture(world: World) -> str:
    """Return for which architecture the image of the only container is."""
    with world.host.client() as client:
        return str(client.inspect_image(world.one("shop/web").image_id)["Architecture"])


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux/arm64", "arm64"), ("linux/amd64", "amd64"), ("linux/arm64/v8", "arm64")],
)
def test_the_image_for_the_platform_is_pulled(world: World, image: str, platform: str, expected: str):
    world.commit({SHOP: compose({"web": service(image, platform=platform)})})
    world.converge()
    assert architecture(world) == expected


def test_an_image_that_is_there_for_another_platform_is_pulled_for_the_one_that_is_asked_for(
    world: World, image: str
):
    world.commit({SHOP: compose({"web": service(image)})})
    world.converge()
    assert architecture(world) == "amd64"

    world.commit({SHOP: compose({"web": service(image, platform="linux/arm64")})})
    world.converge()
    assert architecture(world) == "arm64"

    world.revert_head()
    world.converge()
    assert architecture(world) == "amd64"


def test_no_registry_is_asked_for_an_image_that_is_there_for_the_platform(world: World):
    world.commit({SHOP: compose({"web": service("stub:1", platform="linux/amd64")})})
    world.converge()  # `stub:1` is in no registry
    assert world.one("shop/web").state == "running"
    assert architecture(world) == "amd64"


def test_a_platform_that_cannot_be_had_is_said_and_leaves_what_runs(world: World):
    world.commit({SHOP: compose({"web": service("stub:1")})})
    world.deploy()
    before = world.one("shop/web")

    world.commit({SHOP: compose({"web": service("stub:1", platform="linux/s390x")})})
    reply = world.sync()

    assert reply.exit_code == 1
    assert "stub:1 cannot be pulled" in reply.app("shop")["reason"]
    assert world.one("shop/web") == before
