"""What is attached to a network again is known there by the names that it was created with."""

import pytest

from gitops_orch.engine.simulated import requests
from tests.story import Scenario

OTHERS = {f"{name}/compose.yaml": "services: {x: {image: 'x:1'}}\n" for name in ("t", "u", "v")}
SUBNET = "ipam: {config: [{subnet: 172.20.0.0/24}]}"


def shop(network: str = "", more: str = "", entry: str = "aliases: [pg]") -> dict[str, str]:
    text = f"""
        services:
          db: {{image: 'pg:1', {more} networks: {{back: {{{entry}}}}}}}
        networks: {{back: {{{network}}}}}
        """
    return {"shop/compose.yaml": text, **OTHERS}


def created(files: dict[str, str]) -> tuple[Scenario, tuple[str, ...]]:
    story = Scenario()
    story.commit(files)
    assert story.sync().exit_code == 0
    return story, story.containers()["db"].networks["shop_back"]


CASES = {
    "an alias": {},
    "a container name": {"more": "container_name: database,"},
    "an address": {"network": SUBNET, "entry": "aliases: [pg], ipv4_address: 172.20.0.9"},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_hand_disconnected_has_all_its_names_again(case):
    story, before = created(shop(**case))
    requests.disconnect(story.world, story.containers()["db"], "shop_back")
    report = story.sync()
    assert "connect_network" in story.kinds(report)
    assert story.containers()["db"].networks["shop_back"] == before
    assert len(before) == 3
    assert story.plan().actions == ()


@pytest.mark.parametrize(
    "mac", [{"more": "mac_address: '02:42:ac:11:65:43',"}, {"entry": "mac_address: '02:42:ac:11:65:43'"}]
)
def test_what_a_hand_disconnected_is_created_again_where_it_has_a_fixed_mac_address(mac):
    """An Engine gives a MAC address only to a new container."""
    story, _ = created(shop(**mac))
    before = story.containers()["db"].id
    requests.disconnect(story.world, story.containers()["db"], "shop_back")
    kinds = story.kinds(story.sync())
    assert "create" in kinds
    assert "connect_network" not in kinds
    assert "shop_back" in story.containers()["db"].networks
    assert story.containers()["db"].id != before
    assert story.plan().actions == ()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_stays_on_a_network_that_is_replaced_has_all_its_names_again(case):
    story, before = created(shop(**case))
    network = ", ".join(filter(None, (case.get("network", ""), "internal: true")))
    story.commit(shop(**{**case, "network": network}))
    report = story.sync()
    assert "connect_network" in story.kinds(report)
    assert story.containers()["db"].networks["shop_back"] == before


def test_what_moves_off_an_address_has_all_its_names_again():
    story, before = created(shop(SUBNET))
    asking = "  asker: {image: 'a:1', networks: {back: {ipv4_address: 172.20.0.2}}}"
    files = shop(SUBNET)
    text = files["shop/compose.yaml"].replace(
        "        networks: {back: {ipam", f"        {asking}\n        networks: {{back: {{ipam"
    )
    story.commit({**files, "shop/compose.yaml": text})
    report = story.sync()
    assert "connect_network" in story.kinds(report)
    assert story.containers()["db"].networks["shop_back"] == before
