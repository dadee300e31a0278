"""Every way in which a new container can fail: the old one serves on, and the message says what it was."""

import pytest
from integration.world import World, compose, service

WEB = "apps/web/compose.yaml"
NEVER = {"test": ["CMD", "false"], "interval": "1s", "start_period": "300s"}
FAILURES: dict[str, tuple[dict[str, object], str]] = {
    "it exits as if it had been killed": (
        {"command": ["sh", "-c", "echo dying; exit 137"]},
        "it exited with code 137; its last words: dying",
    ),
    "it wants too much memory": (
        {"command": ["tail", "/dev/zero"], "mem_limit": "16m"},
        "OOM-killed",
    ),
    "it crashes again and again": (
        {"image": "stub:crash", "restart": "always"},
        "it keeps crashing: restarted",
    ),
    "it turns unhealthy after five seconds": ({"image": "stub:sick"}, "its healthcheck reports unhealthy"),
    "it is never healthy": ({"image": "stub:unhealthy"}, "its healthcheck reports unhealthy"),
    "it stays in its start period": (
        {"image": "stub:unhealthy", "healthcheck": NEVER},
        "it was not healthy within 15 s (running, starting)",
    ),
}


def web(**more: object) -> dict[str, str]:
    front = service(deploy={"update_config": {"monitor": "8s"}}, **more)
    policy = {"rollout": {"healthy_deadline": "15s"}}
    return {WEB: compose({"front": front}, **{"x-gitops": policy})}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_old_one_serves_on_and_the_message_says_that(world: World, failure: str):
    what, said = FAILURES[failure]
    world.commit({WEB: compose({"front": service()})})
    world.deploy()
    old = world.one("web/front")

    world.commit(web(**what))
    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert [seen.id for seen in world.ours("web/front") if seen.state == "running"] == [old.id]
    assert said in reply.app("web")["reason"]
    assert reply.app("web")["release_state"] == "rolled-back"


def test_what_it_printed_last_is_in_the_run_and_in_its_story(world: World):
    world.commit({WEB: compose({"front": service()})})
    world.deploy()
    world.commit(web(image="stub:crash"))
    failed = next(action for action in world.sync().actions if action.get("log"))
    assert failed["log"] == "no such table"

    kept = next(seen for seen in world.ours("web/front") if seen.state == "exited")
    explained = world.run("explain", kept.name).document
    told = [row["detail"] for row in explained["timeline"] if row["event"] == "last words"]
    assert told == ["no such table"]
    assert any(
        "no such table" in str(release["reason"]) for release in world.run("history").document["releases"]
    )
