"""Services that live in a namespace of another one, on a real Engine: what is replaced, restarted or lost with it."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from docker import APIClient
from docker.errors import APIError
from integration.service_process import run_service
from integration.world import World, compose, service
from lab.commands import wait_for

VPN = "apps/vpn/compose.yaml"
CHECK = {"test": ["CMD", "true"], "interval": "1s"}
LISTEN = ["httpd", "-f", "-p", "9090", "-h", "/www"]
HEALTHY = {"gate": {"condition": "service_healthy"}}


def vpn(value: int = 1, **join: object) -> str:
    gate = service(restart="always", healthcheck=CHECK, ipc="shareable", environment={"V": str(value)})
    join = join or {"network_mode": "service:gate"}
    side = service(restart="always", command=LISTEN, depends_on=HEALTHY, **join)
    return compose({"gate": gate, "side": side})


def output(client: APIClient, container: str, *command: str) -> str:
    made = client.exec_create(container, list(command))
    return str(client.exec_start(made["Id"]).decode()).strip()


def namespaces(world: World, kind: str) -> tuple[str, str]:
    """Return which namespace gate and side see: the same text is the same one."""
    with world.host.client() as client:
        return (
            output(client, world.one("vpn/gate").id, "readlink", f"/proc/self/ns/{kind}"),
            output(client, world.one("vpn/side").id, "readlink", f"/proc/self/ns/{kind}"),
        )


def shares(world: World, kind: str) -> bool:
    with suppress(AssertionError, APIError):  # one of them restarts, or goes, at this moment
        gate, side = namespaces(world, kind)
        return gate == side and gate.startswith(f"{kind}:")
    return False


def is_replaced(world: World) -> bool:
    with suppress(AssertionError):  # two of a service, for a moment
        gate, side = world.one("vpn/gate"), world.one("vpn/side")
        return "V=2" in gate.environment and side.state == "running" and shares(world, "net")
    return False


def restart(client: APIClient, gate: str) -> None:
    client.restart(gate, timeout=1)


def kill(client: APIClient, gate: str) -> None:
    client.kill(gate)


def crash(client: APIClient, gate: str) -> None:
    """Its process ends, and its Engine starts it again by its restart policy."""
    client.exec_start(client.exec_create(gate, ["kill", "1"])["Id"])
    wait_for("its policy to restart it", lambda: client.inspect_container(gate)["RestartCount"] == 1)
    wait_for("it to run", lambda: client.inspect_container(gate)["State"]["Running"])


HANDS: dict[str, Callable[[APIClient, str], None]] = {"restart": restart, "kill": kill, "crash": crash}
JOINS = {
    "net": {"network_mode": "service:gate"},
    "ipc": {"ipc": "service:gate"},
    "pid": {"pid": "service:gate"},
}


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("kind", JOINS)
def test_a_sync_gives_a_child_back_what_it_lost_with_its_gateway(world: World, kind: str, hand: str):
    world.commit({VPN: vpn(**JOINS[kind])})
    world.deploy()
    side = world.one("vpn/side")
    with world.host.client() as client:
        HANDS[hand](client, world.one("vpn/gate").id)
    world.converge()
    assert shares(world, kind)
    assert world.one("vpn/side").id == side.id


def test_a_gateway_that_changes_in_git_gets_one_new_child_while_the_service_runs(world: World):
    world.commit({VPN: vpn()})
    world.deploy()
    with run_service(world, GITOPS_ORCH_POLL__INTERVAL="1s") as running:
        running.await_runs(1)
        world.commit({VPN: vpn(2)})
        wait_for("the new gateway with its child", lambda: is_replaced(world), deadline_s=60)
        made = [row for row in running.logged("action.finished") if row.get("kind") == "create"]
        assert sorted(row["name"].split("-")[1] for row in made) == ["gate", "side"]
        with world.host.client() as client:
            client.restart(world.one("vpn/gate").id, timeout=1)
        wait_for("the child to have its network again", lambda: shares(world, "net"), deadline_s=60)
        assert running.stop() == 0
    world.expect_nothing_to_do()


def gateway(version: int) -> dict[str, str]:
    gate = service("stub:1", container_name="gateway", environment={"V": str(version)})
    side = service("stub:1", network_mode="container:gateway", command=LISTEN)
    return {
        "apps/vpn/compose.yaml": compose({"gate": gate}),
        "apps/box/compose.yaml": compose({"side": side}),
    }


def same_network(world: World) -> bool:
    with world.host.client() as client:
        found = [
            output(client, world.one(name).id, "readlink", "/proc/self/ns/net")
            for name in ("vpn/gate", "box/side")
        ]
    return found[0] == found[1] and found[0].startswith("net:")


def test_a_service_joins_a_container_of_another_app_by_its_name(world: World):
    world.commit(gateway(1))
    world.deploy()
    assert same_network(world)
    world.commit(gateway(2))
    world.converge()
    assert "V=2" in world.one("vpn/gate").environment
    assert same_network(world)
    side = world.one("box/side").id
    with world.host.client() as client:
        client.restart(world.one("vpn/gate").id, timeout=1)
    world.converge()
    assert same_network(world)
    assert world.one("box/side").id == side
    world.expect_nothing_to_do()
