"""A container ends in the time that its own file gave it, on a real Engine, whatever becomes of its service."""

import time

from integration.world import World, compose, service

SHOP, BLOG, WIKI = (f"apps/{name}/compose.yaml" for name in ("shop", "blog", "wiki"))
# Ends in order, but not before the ten seconds are over that an Engine gives by itself.
SLOW = ["sh", "-c", "trap 'sleep 11; exit 0' TERM; sleep 1000 & wait"]
# Never ends by itself: ten seconds later it would be killed, too.
STUBBORN = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]


def slow(**more: object) -> dict:
    return {**service(command=SLOW), "stop_grace_period": "30s", **more}


def test_a_database_is_not_killed_in_its_shutdown_when_its_service_leaves_is_renamed_or_replaced(
    world: World,
):
    web = service("stub:2")
    world.commit(
        {
            SHOP: compose({"web": web, "db": slow()}),
            BLOG: compose({"web": web, "db": slow()}),
            WIKI: compose({"web": web, "db": slow()}),
        }
    )
    world.deploy()
    old = {seen.id for seen in world.ours() if seen.service.endswith("/db")}

    shorter = {**service(environment={"COLOUR": "blue"}), "stop_grace_period": "1s"}
    world.commit(
        {
            SHOP: compose({"web": web}),
            BLOG: compose({"web": web, "postgres": slow(command=["/bin/serve"])}),
            WIKI: compose({"web": web, "db": shorter}),
        }
    )
    world.converge()

    assert len(old) == 3
    assert died(world, old) == ["0", "0", "0"]


def test_a_container_that_ignores_the_signal_is_killed_as_soon_as_its_own_time_is_over(world: World):
    stubborn = {**service(command=STUBBORN), "stop_grace_period": "2s"}
    world.commit({SHOP: compose({"web": service("stub:2"), "db": stubborn})})
    world.deploy()
    old = world.one("shop/db")

    world.commit({SHOP: compose({"web": service("stub:2")})})
    (stop,) = [action for action in world.deploy().actions if action["kind"] == "stop"]

    assert died(world, {old.id}) == ["137"]
    assert 2000 <= stop["duration_ms"] < 9000


def test_a_compose_project_that_is_taken_over_is_stopped_in_its_own_time(world: World):
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "db",
        "com.docker.compose.container-number": "1",
    }
    with world.host.client() as client:
        made = client.create_container("stub:1", SLOW, name="shop-db-1", labels=labels, stop_timeout=30)
        client.start(made["Id"])
    world.commit({SHOP: compose({"db": service()}, **{"x-gitops": {"adopt": True}})})
    world.deploy()
    assert died(world, {made["Id"]}) == ["0"]


def died(world: World, containers: set[str]) -> list[str]:
    """Return the exit codes of what ended, as the Engine reported them when it happened."""
    with world.host.client() as client:
        events = client.events(since=0, until=int(time.time()) + 1, filters={"event": "die"}, decode=True)
        return [
            event["Actor"]["Attributes"]["exitCode"] for event in events if event["Actor"]["ID"] in containers
        ]
