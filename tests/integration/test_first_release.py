"""A first release that fails on a real Engine stays up; what a host refuses fails no release."""

import time

import pytest
from integration.world import World, compose, service
from lab.commands import wait_for

SHOP = "apps/shop/compose.yaml"
SERVE = "exec httpd -f -p 8080 -h /www"
SEVENTH_TIME = f"echo x >> /tries; [ $(wc -l < /tries) -gt 6 ] || exit 3; {SERVE}"
PROVED_IN_1_S = {"update_config": {"monitor": "1s"}}


def one(rollout: dict | None = None, **fields: object) -> dict[str, str]:
    return {SHOP: compose({"web": service("stub:1", **fields)}, **{"x-gitops": {"rollout": rollout or {}}})}


def test_one_that_crashed_once_too_often_is_stable_when_it_has_come_up(world: World):
    web = {"command": ["sh", "-c", SEVENTH_TIME], "restart": "unless-stopped", "deploy": PROVED_IN_1_S}
    world.commit(one({"restarts_max": 0}, **web))

    failed = world.sync()
    assert failed.exit_code == 4, failed.text
    row = failed.app("shop")
    assert (row["health"], row["release_state"]) == ("degraded", "failed")
    assert "keeps crashing" in row["reason"]
    made = world.one("shop/web")
    assert made.restart_policy == "unless-stopped"

    def is_up() -> bool:
        seen = world.one("shop/web")
        return (seen.restart_count, seen.state) == (6, "running")

    wait_for("the start after its last crash", is_up, deadline_s=60)
    world.converge()
    assert world.one("shop/web").id == made.id


def test_an_unhealthy_one_stays_up_and_is_stable_once_it_is_healthy(world: World):
    check = {"test": ["CMD", "test", "-e", "/ok"], "interval": "300ms", "retries": 1}
    world.commit(one(healthcheck=check))

    assert world.sync().exit_code == 4
    made = world.one("shop/web")
    assert made.state == "running"
    again = world.sync()
    assert (again.exit_code, again.actions) == (4, [])

    with world.host.client() as client:
        client.exec_start(client.exec_create(made.id, ["touch", "/ok"])["Id"])
    deadline = time.monotonic() + 60
    while (last := world.sync()).exit_code:
        assert time.monotonic() < deadline, last.text
    assert world.one("shop/web").id == made.id
    world.expect_nothing_to_do()


def test_a_command_that_is_not_there_is_not_started_again_each_pass(world: World):
    world.commit(one(command=["gone"]))
    assert world.sync().exit_code == 4
    again = world.sync()
    assert (again.exit_code, again.actions) == (4, [])


def expect_trouble(world: World, *said: str) -> None:
    """Insist that the app waits for its host, that this is said, and that no release has failed."""
    reply = world.sync()
    assert reply.exit_code == 1, reply.text
    row = reply.app("shop")
    assert all(words in row["reason"] for words in said), row["reason"]
    assert row["release_state"] != "failed"


def test_a_port_that_a_process_of_the_host_holds_is_trouble_until_it_is_free(world: World):
    with world.host.client() as client:
        own = client.create_host_config(network_mode="host")
        process = client.create_container("stub:1", ["httpd", "-f", "-p", "18955"], host_config=own)
        client.start(process)
        world.commit(one(ports=["18955:8080"]))
        expect_trouble(world, "address already in use", "ss -ltnp")
        client.remove_container(process, force=True)
    world.converge()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"devices": ["/dev/nope:/dev/nope"]}, "attach the device"),
        ({"volumes": [{"type": "bind", "source": "/nope/x", "target": "/x"}]}, "make that path"),
        ({"volumes": ["/etc/hostname:/www"]}, "one of the two is a file"),
        ({"ports": ["203.0.113.9:18956:8080"]}, "that host has no such address"),
    ],
)
def test_what_the_host_does_not_have_is_its_trouble(world: World, fields: dict, said: str):
    world.commit(one(**fields))
    expect_trouble(world, said)


@pytest.mark.parametrize("fields", [{"user": "nobodyknows"}, {"command": ["/www/index.html"]}])
def test_what_no_host_could_start_fails_the_release(world: World, fields: dict):
    world.commit(one())
    world.converge()
    world.commit(one(**fields))
    reply = world.sync()
    assert reply.exit_code == 4, reply.text
    assert reply.app("shop")["release_state"] == "rolled-back"
