"""C17: another hand undoes what was healed, again and again: the product yields, and names it."""

import pytest
from simulation import tampering

from gitops_orch.model.status import Sync
from tests.story import Scenario

FILE = """
services:
  api:
    image: "good:1"
    restart: always
    mem_limit: 64m
    deploy: {update_config: {monitor: 1s}}
"""
FIGHTS = {
    "rename": (tampering.rename, "name", "rename"),
    "limits": (tampering.limit_memory, "deploy.resources.limits.memory", "update"),
    "restart policy": (tampering.take_restart_policy, "restart", "update"),
    "network": (tampering.disconnect, "networks", "connect_network"),
    "pause": (tampering.pause, "state paused", "unpause"),
    "image": (tampering.replace_image, "image", "create"),
    "removal": (tampering.remove, "container", "create"),
}


@pytest.mark.parametrize("fight", FIGHTS)
def test_c17_a_fight_with_another_hand_ends_and_names_it(fight):
    how, path, kind = FIGHTS[fight]
    story = Scenario()
    story.commit({"shop/compose.yaml": FILE})
    assert story.sync().exit_code == 0
    tampering.run_foreign(story.world, "wt")
    other = story.world.find("wt")
    other.image = "containrrr/watchtower:latest"

    def again():
        for container in [each for each in story.world.containers.values() if each is not other]:
            how(story.world, container)

    done = []
    for _ in range(7):
        story.clock.sleep(20)
        again()
        done.append(kind in story.kinds(story.sync()))
    assert done == [True] * 5 + [False] * 2
    holds = [hold for hold in story.plan().holds if hold.stopped]
    assert f"{path} was repaired 5 times within 300 s" in holds[0].reason
    assert "watchtower (container wt)" in holds[0].reason
    assert story.reconciler.read_status().apps[0].sync is Sync.OUT_OF_SYNC
    assert story.sync().exit_code == 1


@pytest.mark.parametrize("name", ["job-failed", "x-kept", "y-old"])
@pytest.mark.parametrize("fight", ["pause", "limits"])
def test_c17_a_fight_ends_whatever_name_the_container_has(fight, name):
    how, path, kind = FIGHTS[fight]
    story = Scenario()
    story.commit({"shop/compose.yaml": FILE.replace("restart:", f"container_name: {name}\n    restart:")})
    assert story.sync().exit_code == 0

    def undone() -> bool:
        story.clock.sleep(20)
        for container in [*story.world.containers.values()]:
            how(story.world, container)
        return kind in story.kinds(story.sync())

    assert [undone() for _ in range(7)] == [True] * 5 + [False] * 2
    assert any(f"{path} was repaired 5 times within 300 s" in hold.reason for hold in story.plan().holds)
