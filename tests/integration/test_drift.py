"""What another hand did to our containers is found in the listing and put right; what is not ours is left alone."""

from collections.abc import Callable

import docker
import pytest
from integration.world import Seen, World, by_hand, compose, service

WEB = "apps/web/compose.yaml"
Break = Callable[[docker.APIClient, Seen], object]


def replace_by_hand(client: docker.APIClient, ours: Seen) -> None:
    client.remove_container(ours.id, force=True)
    host_config = client.create_host_config(network_mode=ours.networks[0])
    made = client.create_container(
        "stub:3", name=ours.name, labels=dict(ours.labels), host_config=host_config
    )
    client.start(made["Id"])


def join_a_foreign_network(client: docker.APIClient, ours: Seen) -> None:
    client.create_network("foreign")
    client.connect_container_to_network(ours.id, "foreign")


IN_PLACE: dict[str, Break] = {
    "was stopped": lambda client, ours: client.stop(ours.id, timeout=1),
    "was killed": lambda client, ours: client.kill(ours.id),
    "was renamed": lambda client, ours: client.rename(ours.id, "elsewhere"),
    "was paused": lambda client, ours: client.pause(ours.id),
    "got another limit": lambda client, ours: client.update_container(
        ours.id, mem_limit="64m", memswap_limit="128m"
    ),
    "got another restart policy": lambda client, ours: client.update_container(
        ours.id, restart_policy={"Name": "no"}
    ),
    "was disconnected": lambda client, ours: client.disconnect_container_from_network(ours.id, "web_default"),
    "joined a foreign network": join_a_foreign_network,
}
BY_REPLACING: dict[str, Break] = {
    "was removed": lambda client, ours: client.remove_container(ours.id, force=True),
    "was replaced by another image": replace_by_hand,
    "got a limit where none is declared": lambda client, ours: client.post(
        client._url("/containers/{0}/update", ours.id), json={"NanoCPUs": 500_000_000}
    ).raise_for_status(),
}


@pytest.fixture
def deployed(world26: World) -> World:
    world26.commit({WEB: compose({"front": service(mem_limit="32m", restart="always"), "back": service()})})
    world26.deploy()
    return world26


def break_it(world: World, how: Break) -> Seen:
    ours = world.one("web/front")
    with world.host.client() as client:
        how(client, ours)
    return ours


@pytest.mark.parametrize("drift", IN_PLACE)
def test_it_is_put_right_in_place_when_it(deployed: World, drift: str):
    back = deployed.one("web/back")
    before = break_it(deployed, IN_PLACE[drift])

    reply = deployed.converge()

    after = deployed.one("web/front")
    assert (after.id, after.name, after.state) == (before.id, before.name, "running")
    assert (after.networks, after.memory_bytes) == (before.networks, before.memory_bytes)
    assert reply.actions
    assert all(action["reason"] for action in reply.actions)
    assert deployed.one("web/back") == back


@pytest.mark.parametrize("drift", BY_REPLACING)
def test_it_is_made_anew_when_it(deployed: World, drift: str):
    back = deployed.one("web/back")
    before = break_it(deployed, BY_REPLACING[drift])

    deployed.converge()

    after = deployed.one("web/front")
    assert after.id != before.id
    assert (after.name, after.image_id, after.state) == (before.name, before.image_id, "running")
    assert deployed.one("web/back") == back


def test_a_container_of_that_name_that_is_not_ours_is_left_alone_and_the_app_waits(deployed: World):
    ours = deployed.one("web/front")
    with deployed.host.client() as client:
        client.remove_container(ours.id, force=True)
    foreign = by_hand(deployed.host, ours.name, image="stub:3")

    reply = deployed.sync()

    assert reply.exit_code == 1
    assert "not ours" in reply.text
    found = next(seen for seen in deployed.containers() if seen.name == ours.name)
    assert (found.id, found.state, found.restart_count) == (foreign, "running", 0)


def test_a_compose_project_that_we_did_not_make_holds_its_app_and_says_the_way_out(world26: World):
    labels = {"com.docker.compose.project": "web", "com.docker.compose.service": "front"}
    foreign = by_hand(world26.host, "web-front-1", labels={**labels, "com.docker.compose.oneoff": "False"})
    world26.commit({WEB: compose({"front": service()})})

    reply = world26.sync()

    assert reply.exit_code == 1
    assert "x-gitops.adopt" in reply.text
    assert [seen.id for seen in world26.containers()] == [foreign]


def test_drift_that_the_app_asks_to_be_warned_of_is_told_and_left(world26: World):
    world26.commit({WEB: compose({"front": service()}, **{"x-gitops": {"drift": "warn"}})})
    world26.deploy()
    break_it(world26, IN_PLACE["was renamed"])

    reply = world26.sync()

    assert world26.one("web/front").name == "elsewhere"
    assert "renamed" in reply.text


def test_what_is_attached_to_a_network_again_has_its_names_and_its_addresses(world26: World):
    entry = {"aliases": ["pg"], "link_local_ips": ["169.254.7.7"]}

    def shop(**network: object) -> str:
        return compose({"db": service(networks={"back": entry})}, networks={"back": network})

    def endpoint() -> tuple[set[str], object]:
        with world26.host.client() as client:
            row = client.inspect_container(world26.one("shop/db").id)
        found = row["NetworkSettings"]["Networks"]["shop_back"]
        return set(found["Aliases"]), found["IPAMConfig"]

    world26.commit({"apps/shop/compose.yaml": shop()})
    world26.deploy()
    made, before = world26.one("shop/db").id, endpoint()
    assert before[0] >= {"shop-db-1", "db", "pg"}
    with world26.host.client() as client:
        client.disconnect_container_from_network(made, "shop_back")
    world26.converge()
    assert endpoint() == before
    world26.commit({"apps/shop/compose.yaml": shop(internal=True)})
    world26.converge()
    assert endpoint() == before
    assert world26.one("shop/db").id == made


def test_what_has_a_fixed_mac_address_keeps_it_when_a_hand_disconnected_it(world26: World):
    mac = "02:42:ac:11:65:43"
    world26.commit(
        {WEB: compose({"db": service(networks={"back": {"mac_address": mac}})}, networks={"back": {}})}
    )
    world26.deploy()
    with world26.host.client() as client:
        client.disconnect_container_from_network(world26.one("web/db").id, "web_back")
    world26.converge()
    with world26.host.client() as client:
        row = client.inspect_container(world26.one("web/db").id)
    assert row["NetworkSettings"]["Networks"]["web_back"]["MacAddress"] == mac
