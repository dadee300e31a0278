"""The five failures that were measured on a peer (two services, one host): each of them passes here."""

import pytest
from integration.requests_seen import requests_of
from integration.world import World, compose, service

UNPULLABLE = "127.0.0.1:1/nothing:1"  # refused at once


def web(colour: str = "green", image: str = "stub:1") -> dict[str, str]:
    services = {"front": service(image, environment={"COLOUR": colour}), "back": service("stub:2")}
    return {"apps/web/compose.yaml": compose(services)}


@pytest.fixture
def deployed(world: World) -> World:
    world.commit(web())
    world.deploy()
    return world


def test_a_pass_with_nothing_to_do_asks_little_and_changes_nothing(deployed: World):
    with requests_of(deployed.host) as few:
        deployed.sync()
    deployed.commit({"apps/many/compose.yaml": compose({"api": service(deploy={"replicas": 6})})})
    deployed.deploy()

    with requests_of(deployed.host) as many:
        reply = deployed.sync()

    assert reply.exit_code == 0
    assert {request.split()[0] for request in many} <= {"GET", "HEAD"}
    assert len(many) <= len(few) + 6  # at the most one request more for each container more


def test_one_of_two_services_that_was_removed_is_healed(deployed: World):
    lost, other = deployed.one("web/front"), deployed.one("web/back")
    with deployed.host.client() as client:
        client.remove_container(lost.id, force=True)

    deployed.converge()

    assert deployed.one("web/front").state == "running"
    assert deployed.one("web/back").id == other.id


def test_a_container_that_was_replaced_by_another_image_is_detected(deployed: World):
    ours = deployed.one("web/front")
    with deployed.host.client() as client:
        client.remove_container(ours.id, force=True)
        host_config = client.create_host_config(network_mode=ours.networks[0])
        made = client.create_container(
            "stub:3", name=ours.name, labels=dict(ours.labels), host_config=host_config
        )
        client.start(made["Id"])

    reply = deployed.converge()

    healed = deployed.one("web/front")
    assert healed.image_id == ours.image_id
    assert any("another image" in action["reason"] for action in reply.actions)


def test_a_commit_with_an_image_that_cannot_be_pulled_touches_nothing(deployed: World):
    before = deployed.containers()

    deployed.commit(web(image=UNPULLABLE))
    reply = deployed.sync()

    assert reply.exit_code == 1
    assert UNPULLABLE in reply.text
    assert deployed.containers() == before


def test_a_changed_variable_of_one_service_recreates_that_one_alone(deployed: World):
    front, back = deployed.one("web/front"), deployed.one("web/back")

    deployed.commit(web("blue"))
    deployed.converge()

    assert deployed.one("web/front").id != front.id
    assert deployed.one("web/back") == back
