"""What a daemon, a hand or a host ends in the middle of a rollout is no verdict on a release: on both Engines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.world import Seen, World, compose, service
from lab.commands import wait_for

SHOP = "apps/shop/compose.yaml"
SLOWLY = {"update_config": {"monitor": "6s"}}
DEAF = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.2; done"]
MEEK = ["sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.2; done"]
SULKY = ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.2; done"]


@pytest.fixture(params=["world", "world26"])
def either(request) -> World:
    return request.getfixturevalue(request.param)


def one(value: str, command: list[str] = MEEK, **more: object) -> dict[str, str]:
    web = service("stub:1", command=command, deploy=SLOWLY, environment={"VALUE": value}, **more)
    return {SHOP: compose({"web": web})}


def while_it_is_proved(world: World, value: str, act: Callable[[object, str], None]):
    """Sync, and do something to the new container as soon as it answers signals in its own way."""

    def is_ready(client, seen: Seen) -> bool:
        return f"VALUE={value}" in seen.environment and b"ready" in client.logs(seen.id)

    def disturb() -> None:
        with world.host.client() as client:
            wait_for("it", lambda: any(is_ready(client, s) for s in world.ours("shop/web")), deadline_s=60)
            (new,) = [seen for seen in world.ours("shop/web") if is_ready(client, seen)]
            act(client, new.id)

    with ThreadPoolExecutor() as threads:
        disturbed = threads.submit(disturb)
        reply = world.sync()
        disturbed.result()
    return reply


def expect_no_verdict(world: World, value: str) -> None:
    """Insist that the release is running and stable after the next sync."""
    world.converge()
    assert f"VALUE={value}" in world.one("shop/web").environment
    assert world.run("status").app("shop")["release_state"] == "stable"


@pytest.mark.parametrize(
    ("command", "restart", "act"),
    [
        (MEEK, "no", lambda client, container: client.stop(container, timeout=1)),
        (SULKY, "no", lambda client, container: client.stop(container, timeout=1)),
        (SULKY, "on-failure", lambda client, container: client.stop(container, timeout=1)),
        (DEAF, "unless-stopped", lambda client, container: client.kill(container)),
        (DEAF, "no", lambda client, container: client.restart(container, timeout=0)),
    ],
)
def test_a_hand_in_the_middle_of_a_rollout_fails_nothing(world: World, command, restart, act):
    world.commit(one("1", command, restart=restart))
    world.converge()
    world.commit(one("2", command, restart=restart))

    reply = while_it_is_proved(world, "2", act)

    assert reply.exit_code == 0, reply.text
    expect_no_verdict(world, "2")


@pytest.mark.parametrize(("command", "restart"), [(DEAF, "no"), (MEEK, "no"), (SULKY, "unless-stopped")])
def test_a_daemon_that_restarts_in_the_middle_of_a_rollout_fails_nothing(either: World, command, restart):
    world = either
    world.commit(one("1", command, restart=restart))
    world.converge()
    world.commit(one("2", command, restart=restart))

    def restart_daemon(_client, _container) -> None:
        world.host.stop()
        world.host.start()

    reply = while_it_is_proved(world, "2", restart_daemon)

    assert reply.exit_code != 4, reply.text
    expect_no_verdict(world, "2")


def test_a_one_shot_that_nobody_waits_for_is_done(either: World):
    world = either
    init = service("stub:1", command=["sh", "-c", "echo bucket made"], restart="no")
    chown = service("stub:1", command=["true"], depends_on=["web"])
    web = service("stub:1", restart="always")
    world.commit({SHOP: compose({"web": web, "init": init, "chown": chown})})

    world.converge()
    began = {s.service: s.started_at for s in world.ours()}
    assert world.run("status").app("shop")["health"] == "healthy"
    world.host.stop()
    world.host.start()
    world.converge()

    again = {s.service: s.started_at for s in world.ours() if s.service != "shop/web"}
    assert again.items() <= began.items()


def test_a_service_without_a_restart_policy_that_a_hand_stopped_is_started_again(either: World):
    world = either
    world.commit(one("1"))
    world.converge()
    with world.host.client() as client:
        client.stop(world.one("shop/web").id, timeout=1)
    world.converge()
    assert world.one("shop/web").state == "running"


def test_a_dependency_that_is_there_and_unhealthy_is_restarted_first(world: World):
    def files(value: str) -> dict[str, str]:
        check = {"test": ["CMD", "test", "!", "-e", "/broken"], "interval": "300ms", "retries": 1}
        redis = service("stub:1", command=["sh", "-c", "rm -f /broken; exec httpd -f"], healthcheck=check)
        needs = {"redis": {"condition": "service_healthy"}}
        app = service("stub:1", depends_on=needs, environment={"VALUE": value})
        return {SHOP: compose({"redis": redis, "app": app})}

    world.commit(files("1"))
    world.converge()
    redis = world.one("shop/redis")
    with world.host.client() as client:
        client.exec_start(client.exec_create(redis.id, ["touch", "/broken"])["Id"])
        wait_for(
            "the verdict",
            lambda: client.inspect_container(redis.id)["State"]["Health"]["Status"] == "unhealthy",
        )
    world.commit(files("2"))
    reply = world.deploy()

    order = [(a["kind"], a.get("service")) for a in reply.actions]
    kinds = [kind for kind, _ in order]
    names = [a["name"] for a in reply.actions]
    restarted = kinds.index("restart")
    started = next(i for i, a in enumerate(reply.actions) if a["kind"] == "start" and "-app-" in names[i])
    assert restarted < started
    assert world.one("shop/redis").started_at > redis.started_at
    assert world.one("shop/app").started_at > world.one("shop/redis").started_at
