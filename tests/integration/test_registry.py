"""Images from a registry: one that asks who we are, and tags that move."""

import base64
import json

from integration.world import World, compose, service
from lab.registry import Registry

WEB = "apps/web/compose.yaml"


def web(image: str, colour: str = "green", **more: object) -> dict[str, str]:
    return {WEB: compose({"front": service(image, environment={"COLOUR": colour}, **more)})}


def image_id(world: World, image: str) -> str:
    with world.host.client() as client:
        return str(client.inspect_image(image)["Id"])


def write_credentials(world: World, registry: Registry, password: str) -> None:
    secret = base64.b64encode(f"ann:{password}".encode()).decode()
    file = world.directory / "registries.json"
    file.write_text(json.dumps({"auths": {registry.address: {"auth": secret}}}))
    world.settings["GITOPS_ORCH_REGISTRIES"] = str(file)


def test_an_image_from_a_private_registry_is_pulled_with_the_credentials_of_the_settings(
    world: World, private_registry: Registry
):
    image = private_registry.push(world.host, "stub:1", name="private/front:1")
    world.commit(web(image))

    refused = world.sync()
    write_credentials(world, private_registry, "pw")
    world.deploy()

    assert refused.exit_code == 1
    assert image in refused.text
    assert world.one("web/front").image_id == image_id(world, "stub:1")


def test_a_wrong_password_touches_nothing_and_is_never_shown(world: World, private_registry: Registry):
    image = private_registry.push(world.host, "stub:2", name="private/front:2")
    world.commit(web("stub:1"))
    world.deploy()
    before = world.containers()
    write_credentials(world, private_registry, "not-the-password")

    world.commit(web(image))
    reply = world.sync()

    assert reply.exit_code == 1
    assert "not-the-password" not in reply.text
    assert world.containers() == before


def test_a_tag_that_moved_recreates_nothing_and_a_rollback_brings_back_the_bytes(
    world: World, registry: Registry
):
    image = registry.push(world.host, "stub:1", name="front:stable")
    world.commit(web(image))
    world.deploy()
    before = world.one("web/front")
    with world.host.client() as client:
        client.remove_image(image, noprune=True, force=True)
    registry.push(world.host, "stub:2", name="front:stable")

    world.converge()
    assert world.one("web/front") == before

    world.commit(web(image, "blue", pull_policy="always"))
    world.converge()
    assert world.one("web/front").image_id == image_id(world, "stub:2")

    assert world.run("rollback", "web", "--no-push").exit_code == 0
    world.sync()
    back = world.one("web/front")
    assert back.image_id == before.image_id
    assert "COLOUR=green" in back.environment
