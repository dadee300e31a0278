"""Labels that others set, Engines under two names, Engines that were upgraded: what is ours is known for certain."""

from dataclasses import replace

import pytest
from integration.console import Console
from integration.world import World, by_hand, compose, host_document, service
from lab.debian import engine26_flavour
from lab.flavour import system_flavour
from lab.fleet import open_lab

WEB = "apps/web/compose.yaml"
OURS = {
    "gitops-orch.instance": "default",
    "gitops-orch.namespace": "default",
    "gitops-orch.app": "web",
    "gitops-orch.service": "front",
    "gitops-orch.slot": "1",
    "gitops-orch.spec-hash": "a" * 64,
}


@pytest.fixture(params=["world", "world26"])
def deployed(request: pytest.FixtureRequest) -> World:
    world: World = request.getfixturevalue(request.param)
    world.commit({WEB: compose({"front": service(), "back": service()})})
    world.deploy()
    return world


@pytest.mark.parametrize(
    "label",
    [
        {"gitops-orch.slot": "99999999999999999"},
        {"gitops-orch.commit": "--upload-pack=x"},
        {"gitops-orch.app": "../web"},
    ],
    ids=lambda label: next(iter(label)),
)
def test_a_strangers_label_that_nobody_of_us_would_write_disturbs_nobody(world: World, label: dict[str, str]):
    stranger = by_hand(world.host, "stranger", labels={**OURS, **label})
    world.commit({WEB: compose({"front": service()})})

    world.converge()

    assert world.ids()["stranger"] == stranger
    assert [seen.state for seen in world.containers()] == ["running", "running"]


def test_an_image_with_labels_of_ours_runs_as_any_other(world: World):
    with world.host.client() as client:
        made = client.create_container("stub:1")
        changes = [f"LABEL {key}=true" for key in ("gitops-orch.carrier", "gitops-orch.filling")]
        client.commit(made["Id"], "labelled", "1", changes=changes)
        client.remove_container(made["Id"])
    world.commit(
        {
            WEB: compose({"front": service("labelled:1", volumes=["./conf:/etc/web:ro"])}),
            "apps/web/conf/a": "1",
        }
    )

    world.converge()
    before = world.one("web/front")
    world.converge()

    assert world.one("web/front") == before
    assert before.state == "running"


def test_a_container_of_a_commit_of_ours_outlives_ours(deployed: World):
    with deployed.host.client() as client:
        client.commit(deployed.one("web/front").id, "debug", "1")
    debug = by_hand(deployed.host, "debug-front", image="debug:1")
    deployed.expect_nothing_to_do()

    deployed.commit({WEB: compose({"front": service(environment={"COLOUR": "green"}), "back": service()})})
    deployed.converge()
    deployed.commit({WEB: compose({"back": service()})})
    deployed.converge()

    assert {"debug-front": debug}.items() <= deployed.ids().items()


def test_a_copy_of_a_container_of_ours_outlives_it_and_is_named(deployed: World):
    copy = by_hand(deployed.host, "copied", labels=deployed.one("web/front").labels)

    assert "is a copy of" in deployed.run("plan").text
    deployed.commit({WEB: compose({"front": service(environment={"COLOUR": "green"}), "back": service()})})
    deployed.deploy()
    deployed.commit({WEB: compose({"back": service()})})
    deployed.deploy()

    assert {"copied": copy}.items() <= deployed.ids().items()


def test_one_engine_under_two_names_keeps_what_runs_there(deployed: World):
    host = deployed.host
    deployed.commit({"hosts/again.yaml": host_document("again", host.tcp, insecure=True)})
    before = deployed.ids()

    for _ in range(2):
        reply = deployed.sync()
        assert reply.exit_code == 1
        assert f"it is the same Engine as {host.name}" in reply.text
        assert deployed.ids() == before
    assert "it is the same Engine as again" in deployed.run("status").text
    assert "it is the same Engine as again" in deployed.run("doctor").text

    deployed.commit({"hosts/again.yaml": None})
    deployed.converge()
    assert deployed.ids() == before


def test_an_engine_that_is_upgraded_on_its_data_is_the_same(console: Console, tmp_path):
    with open_lab([system_flavour()]) as lab:
        host = lab.host(1)
        world = World(tmp_path, (host,), console)
        world.commit({WEB: compose({"front": service(restart="no")})})
        world.deploy()
        before = world.one("web/front")
        host.stop()
        host.spec = replace(host.spec, flavour=engine26_flavour())
        host.start()

        reply = world.deploy()

        after = world.one("web/front")
        assert (after.id, after.state) == (before.id, "running"), reply.text


def create_twin(world: World) -> str:
    """Create a second network of the app's, as two clients do that ask at the same time."""
    with world.host.client() as client:
        there = client.networks(names=["web_default"])[0]
        body = {"Name": "web_default", "Labels": there["Labels"], "CheckDuplicate": False}
        answer = client._post_json(client._url("/networks/create"), data=body)
        client._raise_for_status(answer)
        return str(answer.json()["Id"])


def network_ids(world: World) -> set[str]:
    with world.host.client() as client:
        return {row["Id"] for row in client.networks(names=["web_default"])}


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_second_network_of_one_name_is_removed_and_the_next_release_succeeds(
    world: World, *, is_stopped: bool
):
    world.commit({WEB: compose({"front": service(), "back": service()})})
    world.deploy()
    kept = network_ids(world)
    twin = create_twin(world)
    if is_stopped:
        with world.host.client() as client:
            client.stop(world.one("web/front").id, timeout=1)
    assert twin in world.run("plan").text

    world.commit({WEB: compose({"front": service(environment={"COLOUR": "green"}), "back": service()})})
    world.converge()

    assert network_ids(world) == kept
    world.commit({WEB: None, "apps/other/compose.yaml": compose({"one": service()})}, "x\n\nAllow-Prune: web")
    world.sync()
    assert network_ids(world) == set()


def test_a_second_network_that_something_is_on_is_left_and_named(world: World):
    world.commit({WEB: compose({"front": service()})})
    world.deploy()
    twin = create_twin(world)
    stranger = by_hand(world.host, "stranger")
    with world.host.client() as client:
        client.connect_container_to_network(stranger, twin)

    reply = world.sync()

    assert reply.exit_code == 1
    assert twin[:12] in reply.text
    assert twin in network_ids(world)
