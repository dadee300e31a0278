"""Images from a registry: one that asks who we are, and tags that move."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.world import World, compose, service
from lab.commands import wait_for
from lab.registry import Registry

WEB = "apps/web/compose.yaml"


def web(image: str, colour: str = "green", **more: object) -> dict[str, str]:
    return {WEB: compose({"front": service(image, environment={"COLOUR": colour}, **more)})}


def image_id(world: World, image: str) -> str:
    with world.host.client() as client:
        return str(client.inspect_image(image)["Id"])


def inspected(world: World, name: str) -> dict[str, object]:
    """Return all that makes a container what it is to its users."""
    with world.host.client() as client:
        running = [seen.id for seen in world.ours(name) if seen.state == "running"]
        assert len(running) == 1, world.ours(name)
        row = client.inspect_container(running[0])
    config = row["Config"]
    mounts = [(mount["Destination"], mount["Source"], mount["RW"]) for mount in row["Mounts"]]
    networks = {
        network: sorted(set(end["Aliases"] or ()) - {row["Id"][:12]})
        for network, end in row["NetworkSettings"]["Networks"].items()
    }
    return {
        "image": row["Image"],
        "command": (config["Entrypoint"], config["Cmd"], config["WorkingDir"], config["User"]),
        "environment": sorted(config["Env"]),
        "mounts": sorted(mounts),
        "networks": networks,
        "ports": row["HostConfig"]["PortBindings"],
        "restart": row["HostConfig"]["RestartPolicy"],
        "state": row["State"]["Status"],
    }


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


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_what_an_automatic_rollback_brings_back_equals_what_was_there_though_the_tag_moved(
    world: World, registry: Registry, *, lost: bool
):
    """The front is replaced and proved before the back fails, and has to come back with it, as the bytes it was."""
    image = registry.push(world.host, "stub:1", name="front:live")
    stable = world.commit(front_and_back(image, "green", service("stub:3")))
    world.deploy()
    before = {name: inspected(world, name) for name in ("web/front", "web/back")}

    registry.push(world.host, "stub:2", name="front:live")
    sick = service("stub:sick", deploy={"update_config": {"monitor": "9s"}})
    world.commit(front_and_back(image, "blue", sick, pull_policy="always"))
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.submit(world.sync)
        wait_for("the bad release to be on trial", lambda: runs(world, "stub:sick"))
        if lost:
            remove_all_of_image(world, str(before["web/front"]["image"]))
        reply = syncing.result()

    assert reply.exit_code == 4, reply.text
    assert reply.app("web")["commit"] == stable
    assert {name: inspected(world, name) for name in before} == before


def front_and_back(image: str, colour: str, back: dict[str, object], **more: object) -> dict[str, str]:
    front = service(
        image,
        command=["sh", "-c", "httpd -f -p 8080"],
        environment={"COLOUR": colour},
        volumes=["rows:/rows", "/cache", "./page:/page:ro"],
        restart="unless-stopped",
        ports=["18090:8080"],
        stop_signal="SIGKILL",
        **more,
    )
    back = {**back, "depends_on": {"front": {"condition": "service_healthy"}}}
    return {WEB: compose({"front": front, "back": back}, volumes={"rows": {}}), "apps/web/page": colour}


def runs(world: World, image: str) -> bool:
    return any((seen.image, seen.state) == (image, "running") for seen in world.ours())


def remove_all_of_image(world: World, image_id: str) -> None:
    """Take away what could be gone back to in an instant: only the registry still has the bytes."""
    with world.host.client() as client:
        for seen in world.ours("web/front"):
            if seen.image_id == image_id:
                client.remove_container(seen.id, force=True)
        client.remove_image(image_id, force=True)
