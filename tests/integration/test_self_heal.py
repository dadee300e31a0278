"""A container that its healthcheck finds unhealthy is restarted on a real Engine, so many times and no more."""

import docker
from integration.world import World, compose, service
from lab.commands import wait_for

WEB = "apps/web/compose.yaml"
RESTARTS_MAX = 5


def await_unhealthy(world: World, container: str) -> None:
    def is_unhealthy() -> bool:
        with world.host.client() as client:
            return client.inspect_container(container)["State"]["Health"]["Status"] == "unhealthy"

    wait_for("the healthcheck to say unhealthy", is_unhealthy)


def test_an_unhealthy_container_is_restarted_until_that_helps_nobody(world: World):
    world.commit({WEB: compose({"front": service("stub:sick", environment={"SICK_AFTER": "3"})})})
    world.deploy()
    before = world.one("web/front")

    for _ in range(RESTARTS_MAX):
        await_unhealthy(world, before.id)
        reply = world.sync()
        assert [(action["kind"], action["reason"]) for action in reply.actions] == [
            ("restart", "its healthcheck reports unhealthy")
        ]
    await_unhealthy(world, before.id)
    last, status = world.sync(), world.run("status")

    assert (last.exit_code, last.actions) == (1, []), last.text
    assert world.one("web/front").id == before.id
    assert status.exit_code == 2
    row = status.app("web")
    assert (row["sync"], row["health"]) == ("out-of-sync", "degraded")
    assert "restarted 5 times within 300 s" in row["reason"]

    assert world.run("retry", "web").exit_code == 0
    assert world.sync().kinds == ["restart"]


def test_c17_a_fight_with_another_hand_ends(world: World):
    world.commit({WEB: compose({"front": service(mem_limit="32m")})})
    world.deploy()
    ours = world.one("web/front")

    def meddle(client: docker.APIClient) -> None:
        client.update_container(ours.id, mem_limit="64m", memswap_limit="128m")

    with world.host.client() as client:
        for _ in range(RESTARTS_MAX):
            meddle(client)
            assert world.sync().kinds == ["update"]
        meddle(client)

    reply = world.sync()
    assert (reply.exit_code, reply.actions) == (1, []), reply.text
    assert world.one("web/front").memory_bytes == 64 * 1024 * 1024
    assert "another tool or person changes it" in reply.app("web")["reason"]
