"""Addresses that files give pass from one container to another in one sync on a real Engine, and strangers keep theirs."""

import pytest
from engine.compose_world import compose as docker_compose
from integration.world import World, compose, service

APP, OTHER = "app/compose.yaml", "other/compose.yaml"
V4 = {"ipam": {"config": [{"subnet": "172.31.241.0/24"}]}}
V6 = {"enable_ipv6": True, "ipam": {"config": [{"subnet": "172.31.241.0/24"}, {"subnet": "fd00:31::/64"}]}}
FIRST = "172.31.241.2"  # what an Engine gives to the first that asks for none


def lan(definition: dict = V4, **more: object) -> dict:
    return {"networks": {"lan": {"name": "lan", **definition}}, **more}


def at(address: str = "", **more: object) -> dict:
    key = "ipv6_address" if ":" in address else "ipv4_address"
    return service(networks={"lan": {key: address} if address else None}, **more)


def addresses(world: World) -> dict[str, tuple[str, str]]:
    found = {}
    for seen in world.ours():
        with world.host.client() as client:
            endpoint = client.inspect_container(seen.id)["NetworkSettings"]["Networks"]["lan"]
        found[seen.service] = (endpoint["IPAddress"], endpoint["GlobalIPv6Address"])
    return found


@pytest.mark.parametrize(
    ("one", "two", "definition"),
    [("172.31.241.10", "172.31.241.11", V4), ("fd00:31::a", "fd00:31::b", V6)],
    ids=["IPv4", "IPv6"],
)
def test_two_services_swap_their_addresses_in_one_sync(world: World, one, two, definition):
    def pair(first: str, second: str) -> str:
        return compose({"a": at(first, depends_on=["b"]), "b": at(second)}, **lan(definition))

    world.commit({APP: pair(one, two)})
    world.deploy()
    world.commit({APP: pair(two, one)})
    world.converge()
    assert two in addresses(world)["app/a"]
    assert one in addresses(world)["app/b"]


def test_two_apps_swap_their_addresses_in_one_sync(world: World):
    def both(one: str, two: str) -> dict[str, str]:
        external = {"networks": {"lan": {"name": "lan", "external": True}}}
        return {
            APP: compose({"a": at(one)}, **lan()),
            OTHER: compose({"b": at(two)}, **external),
        }

    world.commit(both("172.31.241.10", "172.31.241.11"))
    world.deploy()
    world.commit(both("172.31.241.11", "172.31.241.10"))
    world.converge()
    assert addresses(world)["app/a"][0] == "172.31.241.11"


def test_what_has_an_address_by_chance_is_moved_without_a_restart(world: World):
    ports = {"ports": ["18001:8080"]}
    world.commit({APP: compose({"a": at(**ports), "b": service()}, **lan())})
    world.deploy()
    before = world.one("app/a")
    assert addresses_of(world, before.id) == FIRST

    world.commit({APP: compose({"a": at(**ports), "b": at(FIRST, depends_on=["a"])}, **lan())})
    world.converge()

    assert addresses_of(world, world.one("app/b").id) == FIRST
    assert (world.one("app/a").id, world.one("app/a").started_at) == (before.id, before.started_at)
    assert addresses_of(world, before.id) not in {"", FIRST}
    with world.host.client() as client:
        assert client.inspect_container(before.id)["NetworkSettings"]["Ports"]["8080/tcp"]


def addresses_of(world: World, container: str) -> str:
    with world.host.client() as client:
        return client.inspect_container(container)["NetworkSettings"]["Networks"]["lan"]["IPAddress"]


def test_a_new_app_gives_no_service_by_chance_the_address_of_another(world: World):
    world.commit({APP: compose({"a": at(), "b": at(FIRST), "c": at()}, **lan())})
    world.converge()
    assert addresses(world)["app/b"][0] == FIRST


@pytest.mark.parametrize("fixed", [True, False], ids=["by its file", "by chance"])
def test_a_strangers_address_touches_nothing_and_is_named(world: World, *, fixed: bool):
    world.commit({APP: compose({"a": at("172.31.241.10")}, **lan())})
    world.deploy()
    with world.host.client() as client:
        made = client.create_container("stub:1", name="stranger")
        client.connect_container_to_network(
            made["Id"], "lan", ipv4_address="172.31.241.20" if fixed else None
        )
        client.start(made["Id"])
    taken = addresses_of(world, made["Id"])
    before = world.containers()
    world.commit({APP: compose({"a": at(taken)}, **lan())})

    reply = world.sync()

    assert reply.exit_code == 1
    assert f"address {taken} of network lan is taken on h1 by container stranger" in reply.text
    assert world.containers() == before

    with world.host.client() as client:
        client.remove_container(made["Id"], force=True)
    world.converge()
    assert addresses(world)["app/a"][0] == taken


def test_an_address_of_what_is_adopted_passes_to_its_successor(world: World, compose_oracle, tmp_path):
    stack = lan()
    (tmp_path / "compose.yaml").write_text(compose({"a": at("172.31.241.10")}, **stack))
    docker_compose(compose_oracle, world.host.unix, tmp_path, "-p", "app", "up", "-d")
    world.commit({APP: compose({"a": at("172.31.241.10")}, **stack, **{"x-gitops": {"adopt": True}})})
    world.converge()
    assert addresses(world) == {"app/a": ("172.31.241.10", "")}
