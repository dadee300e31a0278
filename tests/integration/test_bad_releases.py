"""Releases that are bad in every way, side by side in one commit with a good one: each goes back, and stays back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from integration.console import Reply
from integration.probe import hearing
from integration.service_process import run_service
from integration.world import World, compose, service

PASSES = 10
SLACK = 4.0  # what starting, planning and acting may take, in times of what the first deploy of all took


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a release runs, for how long it is watched, and what is said of it.

    With a port it takes the old one's place before it is proved, else it is on trial beside it.
    """

    image: str
    said: str
    port: int = 0
    monitor_s: int = 1
    deadline_s: int = 3
    restarts_max: int = 5
    more: Mapping[str, object] = field(default_factory=dict)


BAD = {
    "crashes": Case(image="stub:crash", said="exited with code 1", port=19001),
    "loops": Case(image="stub:crash", said="keeps crashing", restarts_max=1, more={"restart": "always"}),
    "ends-as-if-killed": Case(
        image="stub:2", said="exited with code 137", port=19002, more={"command": ["sh", "-c", "exit 137"]}
    ),
    "has-no-command": Case(image="stub:2", said="gone", port=19003, more={"command": ["gone"]}),
    "is-unhealthy": Case(image="stub:unhealthy", said="unhealthy"),
    "stays-starting": Case(
        image="stub:unhealthy",
        said="not healthy within 3 s",
        port=19004,
        more={"healthcheck": {"start_period": "1h"}},
    ),
    "sickens-after-5-s": Case(image="stub:sick", said="unhealthy", port=19005, monitor_s=8, deadline_s=12),
}
DEAF_COMMAND = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


def well(longest_s: int) -> dict[str, Case]:
    """Return apps that are watched for longer than all others, or slower to stop: nobody's way back may wait for these."""
    deaf: dict[str, object] = {"stop_grace_period": f"{longest_s}s", "command": DEAF_COMMAND}
    return {
        "good": Case(image="stub:2", said="", monitor_s=longest_s, deadline_s=longest_s + 10),
        "deaf": Case(image="stub:2", said="", port=19006, more=deaf, deadline_s=longest_s + 10),
    }


WELL = ("good", "deaf")


def app(case: Case, image: str, monitor: str, **more: object) -> str:
    front = service(image, deploy={"update_config": {"monitor": monitor}}, **more)
    if case.port:
        front["ports"] = [f"{case.port}:8080"]
    rollout = {"healthy_deadline": f"{case.deadline_s}s", "restarts_max": case.restarts_max}
    return compose({"front": front}, **{"x-gitops": {"rollout": rollout}})


def all_with(image: str, deaf: str, longest_s: int) -> dict[str, str]:
    cases = BAD | well(longest_s)
    files = {name: app(case, image, "1ms") for name, case in cases.items()}
    files["deaf"] = app(cases["deaf"], deaf, "1ms", **cases["deaf"].more)
    return {f"apps/{name}/compose.yaml": text for name, text in files.items()}


def each_with_its_own(longest_s: int) -> dict[str, str]:
    return {
        f"apps/{name}/compose.yaml": app(case, case.image, f"{case.monitor_s}s", **case.more)
        for name, case in (BAD | well(longest_s)).items()
    }


def served(world: World) -> dict[str, tuple]:
    """Return what runs of the bad apps."""
    return {
        seen.service: (seen.id, seen.name, seen.image_id, seen.environment, seen.networks)
        for seen in world.ours()
        if seen.state == "running" and seen.service.removesuffix("/front") in BAD
    }


def expect_rolled_back(reply: Reply, stable: str) -> None:
    """Insist on the exit code, and on what is said of every app."""
    assert reply.exit_code == 4, reply.text
    for name in BAD:
        row = reply.app(name)
        assert (row["sync"], row["release_state"], row["commit"]) == ("out-of-sync", "rolled-back", stable)
    for row in map(reply.app, WELL):
        assert (row["sync"], row["health"]) == ("in-sync", "healthy")


def test_each_bad_release_goes_back_and_stays_back_while_a_good_one_beside_them_is_deployed(world: World):
    stable = world.commit(all_with("stub:1", deaf="stub:1", longest_s=1))
    began = time.monotonic()
    world.deploy()
    slack_s = SLACK * (time.monotonic() - began)
    longest_s = round(max(case.deadline_s for case in BAD.values()) + slack_s) + 10
    world.commit(all_with("stub:1", deaf="stub:1", longest_s=longest_s))
    world.converge()
    before = served(world)
    old = {seen.service.removesuffix("/front"): seen.name for seen in world.ours()}

    world.commit(each_with_its_own(longest_s))
    with hearing([world.host]) as probe:
        failed = world.run("sync", deadline_s=60 + 3 * longest_s)

    expect_rolled_back(failed, stable)
    assert {world.one(f"{name}/front").image for name in WELL} == {"stub:2"}
    assert served(world) == before
    for name, case in BAD.items():
        errors = [action.get("error", "") for action in failed.actions if action["app"] == name]
        assert any(case.said in error for error in errors), (name, errors)
        assert probe.happened(old[name], "die") == bool(case.port), name
    for name, case in ((name, case) for name, case in BAD.items() if case.port):
        back_at_s = probe.at(old[name], "start")
        assert back_at_s - probe.at(old[name], "die") < case.deadline_s + slack_s, name
        assert back_at_s < min(probe.at(old["good"], "kill"), probe.at(old["deaf"], "die")), name

    with run_service(world, GITOPS_ORCH_RESYNC__INTERVAL="500ms") as controller:
        controller.await_runs(PASSES)
        assert controller.stop() == 0
    assert {row["action_count"] for row in controller.logged("run.finished")} == {0}
    after_restart = world.sync()

    expect_rolled_back(after_restart, stable)
    assert after_restart.actions == []
    assert served(world) == before

    world.commit(all_with("stub:3", deaf="stub:2", longest_s=longest_s))
    world.converge()
    assert {(seen.image, seen.state) for seen in world.ours() if seen.service != "deaf/front"} == {
        ("stub:3", "running")
    }
