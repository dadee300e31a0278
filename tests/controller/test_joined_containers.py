"""Services that join a container by its name, whichever file it is in: made for the new one, and started after it."""

import pytest
from simulation import tampering

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from tests.story import Scenario

KEYS = ("network_mode", "ipc", "pid")
QUICK = "    deploy: {update_config: {monitor: 1ms}}\n    restart: always\n"
OTHERS = {f"{name}/compose.yaml": "services: {x: {image: 'x:1'}}\n" for name in ("t", "u", "v")}


def gateway(version: int = 1, more: str = "") -> str:
    return f"  gluetun:\n    image: gluetun:{version}\n    container_name: gluetun\n{QUICK}{more}"


def side(key: str = "network_mode") -> str:
    return f"  qb:\n    image: qb:1\n    {key}: 'container:gluetun'\n{QUICK}"


def two_apps(gate: str, child: str, names: tuple[str, str]) -> dict[str, str]:
    return {
        f"{names[0]}/compose.yaml": f"services:\n{gate}",
        f"{names[1]}/compose.yaml": f"services:\n{child}",
        **OTHERS,
    }


def one_app(gate: str, child: str, _: tuple[str, str]) -> dict[str, str]:
    return {"media/compose.yaml": f"services:\n{child}{gate}", **OTHERS}


def live(story: Scenario, service: str):
    (found,) = (
        each
        for each in story.world.containers.values()
        if each.up and each.labels.get("com.docker.compose.service") == service
    )
    return found


def is_joined(story: Scenario) -> bool:
    child, gate = live(story, "qb"), live(story, "gluetun")
    started = child.started_at is not None and gate.started_at is not None
    return gate.id in {child.joins, *child.joins_too} and started and child.started_at >= gate.started_at


PLACES = [
    pytest.param(two_apps, ("vpn", "qb"), id="another app"),
    pytest.param(two_apps, ("z", "a"), id="an app of a later name"),
    pytest.param(one_app, ("", ""), id="its own app"),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("files", "names"), PLACES)
def test_both_are_created_in_one_commit_and_the_child_is_created_again_for_a_new_one(files, names, key):
    story = Scenario()
    story.commit(files(gateway(), side(key), names))
    assert story.sync().exit_code == 0
    assert is_joined(story)
    story.commit(files(gateway(2), side(key), names))
    report = story.sync()
    assert report.exit_code == 0
    assert is_joined(story)
    reasons = [each.action.reason for each in report.results if each.action.kind.value == "create"]
    assert any("shares a namespace with gluetun, which is replaced" in reason for reason in reasons)
    assert story.plan().actions == ()


@pytest.mark.parametrize(("files", "names"), PLACES)
def test_the_child_is_started_again_after_one_that_was_restarted(files, names):
    story = Scenario()
    story.commit(files(gateway(), side(), names))
    story.sync()
    before = live(story, "qb").id
    story.clock.sleep(5)
    tampering.restart(story.world, live(story, "gluetun"))
    story.clock.sleep(5)
    report = story.sync()
    assert "restart" in story.kinds(report)
    assert live(story, "qb").id == before
    assert is_joined(story)
    assert story.plan().actions == ()


@pytest.mark.parametrize(("files", "names"), PLACES)
def test_the_child_goes_back_with_one_that_failed(files, names):
    story = Scenario({"gluetun:2": ImageBehaviour(exits_after_s=1, exit_code=1)})

    def once(version: int) -> str:
        return gateway(version).replace("restart: always", "restart: 'no'").replace("1ms", "5s")

    story.commit(files(once(1), side(), names))
    story.sync()
    story.commit(files(once(2), side(), names))
    assert story.sync().exit_code == 4
    story.sync()
    assert is_joined(story)
    assert live(story, "gluetun").image == "gluetun:1"
    assert story.plan().actions == ()


def test_a_child_follows_a_strangers_container_that_was_replaced_under_its_name():
    story = Scenario()
    tampering.run_foreign(story.world, "gluetun")
    story.commit({"qb/compose.yaml": f"services:\n{side()}", **OTHERS})
    assert story.sync().exit_code == 0
    stranger = story.world.find("gluetun")
    assert live(story, "qb").joins == stranger.id
    del story.world.containers[stranger.id]
    tampering.run_foreign(story.world, "gluetun")
    assert story.sync().exit_code == 0
    now = story.world.find("gluetun")
    assert (now.id != stranger.id, live(story, "qb").joins) == (True, now.id)
    assert now.state is State.RUNNING
    assert story.plan().actions == ()
