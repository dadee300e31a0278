"""What swaps or gets another name in one commit takes one sync on a real Engine."""

import pytest
from integration.world import World, compose, service

APP, OTHER = "app/compose.yaml", "other/compose.yaml"


def pair(first: dict, second: dict, **more: object) -> str:
    return compose({"a": service(depends_on=["b"], **first), "b": service(**second)}, **more)


CHANGES = {
    "ports": ({"ports": ["18001:8080"]}, {"ports": ["18002:8080"]}),
    "names": ({"container_name": "first"}, {"container_name": "second"}),
    "a port": ({"ports": ["127.0.0.1:18001:8080"]}, {}),
    "a volume": ({"volumes": ["data:/data"]}, {}),
}


@pytest.mark.parametrize("what", CHANGES, ids=str)
def test_two_services_swap_in_one_sync(world: World, what):
    first, second = CHANGES[what]
    volumes = {"volumes": {"data": {}}} if what == "a volume" else {}
    world.commit({APP: pair(first, second, **volumes)})
    world.deploy()
    world.commit({APP: pair(second, first, **volumes)})
    world.converge()
    assert [seen.state for seen in world.ours() if not seen.aside] == ["running", "running"]


def test_a_service_that_is_renamed_keeps_its_container_name_and_its_data(world: World):
    def named(name: str) -> str:
        services = {name: service(container_name="pg", volumes=["data:/data"])}
        return compose(services, volumes={"data": {}})

    world.commit({APP: named("db"), OTHER: compose({"x": service(), "y": service()})})
    world.deploy()
    world.commit({APP: named("postgres")})
    world.converge()
    assert world.one("app/postgres").name == "pg"
    assert world.ours("app/db") == []


def test_two_apps_swap_their_ports_in_one_sync(world: World):
    def both(one: int, two: int) -> dict[str, str]:
        return {
            APP: compose({"a": service(ports=[f"{one}:8080"])}),
            OTHER: compose({"b": service(ports=[f"{two}:8080"])}, **{"x-gitops": {"depends_on": ["app"]}}),
        }

    world.commit(both(18001, 18002))
    world.deploy()
    world.commit(both(18002, 18001))
    world.converge()
    assert (published(world, "app/a"), published(world, "other/b")) == ("18002", "18001")


def published(world: World, name: str) -> str:
    """Return on which port of the host a service listens."""
    with world.host.client() as client:
        bindings = client.inspect_container(world.one(name).id)["NetworkSettings"]["Ports"]["8080/tcp"]
    (port,) = {each["HostPort"] for each in bindings}  # of IPv4 and IPv6
    return str(port)


MOVES = {
    "to another app": (OTHER, {"data": {"name": "rows"}}, {"data": {"name": "rows", "external": True}}),
    "to another service": (APP, {"data": {}}, {"data": {}}),
}


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_volume_that_moves_has_one_writer_at_any_moment(world: World, move: str):
    there, own, others = MOVES[move]
    held = {"stop_grace_period": "3s", "command": ["sh", "-c", "trap '' TERM; exec serve"]}
    db = service(volumes=["data:/data"], **held)

    def files(*, moved: bool) -> dict[str, str]:
        first = service() if moved else db
        second = db if moved else service()
        if there == APP:
            return {APP: compose({"a": first, "b": second}, volumes=own)}
        return {APP: compose({"a": first}, volumes=own), OTHER: compose({"b": second}, volumes=others)}

    world.commit(files(moved=False))
    world.deploy()
    old = world.one("app/a").id
    world.commit(files(moved=True))
    world.converge()

    with world.host.client() as client:
        stopped = client.inspect_container(old)["State"]["FinishedAt"]
        (new,) = [
            each["Id"]
            for each in client.containers(filters={"volume": "rows" if there == OTHER else "app_data"})
        ]
        assert new != old
        assert client.inspect_container(new)["State"]["StartedAt"] > stopped
