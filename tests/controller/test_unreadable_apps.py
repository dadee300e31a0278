"""A mistake in a file ends no healing: the app's last good release is kept running until the file can be read."""

import pytest
from faults.test_y_broken_files import forget, holds
from simulation import tampering

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.status import AppHealth, AppReleaseState, Sync
from tests.story import Scenario

SHOP = """
services:
  web: {image: 'web:1', volumes: ['data:/data'], healthcheck: {test: [CMD, x]}}
  api: {image: 'api:1', environment: {LEVEL: "1"}}
volumes: {data: {}}
"""
TYPO = SHOP + "\n   services: [\n"
BLOG = {"blog/compose.yaml": "services: {blog: {image: 'blog:1'}}\n"}
HANDS = (
    tampering.stop,
    tampering.remove,
    tampering.pause,
    tampering.disconnect,
    tampering.make_unhealthy,
    tampering.rename,
)


def broken(good: str = SHOP, bad: str = TYPO) -> Scenario:
    story = Scenario({"bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)})
    story.commit({"shop/compose.yaml": good, **BLOG})
    assert story.sync().exit_code == 0
    story.commit({"shop/compose.yaml": bad, **BLOG})
    return story


def running(story: Scenario) -> list[str]:
    return sorted(each.image for each in story.world.containers.values() if each.up)


def shop(story: Scenario):
    return next(row for row in story.reconciler.read_status().apps if row.key.name == "shop")


@pytest.mark.parametrize("act", HANDS, ids=lambda act: act.__name__)
def test_what_happens_to_an_app_with_a_mistake_is_put_right(act):
    story = broken()
    good = story.containers()["web"].owner.commit
    act(story.world, story.containers()["web"])
    for _ in range(3):
        report = story.sync()
        story.clock.sleep(60)
    assert running(story) == ["api:1", "blog:1", "web:1"]
    assert report.exit_code == 1
    row = shop(story)
    assert (row.sync, row.health, row.release_state) == (
        Sync.UNKNOWN,
        AppHealth.HEALTHY,
        AppReleaseState.HELD,
    )
    assert row.commit == good
    assert [(each.name, each.healthy_count) for each in row.services] == [("api", 1), ("web", 1)]
    assert "shop/compose.yaml" in holds(story)["default/shop"]
    assert story.sync().results == ()


def test_status_says_what_is_down_of_an_app_with_a_mistake():
    story = broken()
    story.sync()
    tampering.stop(story.world, story.containers()["web"])
    row = shop(story)
    assert row.health is AppHealth.DEGRADED
    assert "keeps what it runs" in row.reason
    assert "web-1" in row.reason.partition("shop/compose.yaml")[2]


def test_an_app_whose_newest_release_failed_is_kept_at_the_one_it_went_back_to():
    story = broken(bad=SHOP.replace("api:1", "bad:1"))
    assert story.sync().exit_code == 4
    story.commit({"shop/compose.yaml": TYPO, **BLOG})
    tampering.remove(story.world, story.containers()["api"])
    story.sync()
    assert running(story) == ["api:1", "blog:1", "web:1"]


def test_a_rollout_that_broke_off_goes_neither_on_nor_back_while_the_file_has_a_mistake():
    story = broken()
    story.commit({"shop/compose.yaml": SHOP.replace("api:1", "api:2").replace("web:1", "web:2"), **BLOG})
    stops = iter((False, False, False, False, True))
    story.reconciler.run(trigger="test", control=RunControl(should_stop=lambda: next(stops, True)))
    story.commit({"shop/compose.yaml": TYPO, **BLOG})
    before = set(story.world.containers)
    story.sync()
    assert set(story.world.containers) == before


def test_a_service_that_was_being_scaled_keeps_its_new_replicas_while_the_file_has_a_mistake():
    slow = "services: {web: {image: 'slow:1', healthcheck: {test: [CMD, x]}, deploy: {replicas: %d}}}\n"
    story = Scenario({"slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=30)})
    story.commit({"shop/compose.yaml": slow % 1, **BLOG})
    assert story.sync().exit_code == 0
    story.commit({"shop/compose.yaml": slow % 2, **BLOG})
    story.reconciler.run(trigger="test", control=RunControl(should_yield=lambda: True))
    there = set(story.world.containers)
    assert len(there) == 3
    story.commit({"shop/compose.yaml": TYPO, **BLOG})
    story.sync()
    assert set(story.world.containers) == there


def test_an_app_that_left_git_does_not_come_back_with_a_mistake():
    story = broken(bad=SHOP)
    story.commit(BLOG)
    story.history.accept(story.source.fetch())
    assert story.sync().exit_code == 0
    assert running(story) == ["blog:1"]
    story.commit({"shop/compose.yaml": TYPO, **BLOG})
    story.sync()
    assert running(story) == ["blog:1"]


def test_without_history_an_app_with_a_mistake_is_left_as_it_is():
    story = broken()
    forget(story)
    tampering.remove(story.world, story.containers()["api"])
    story.sync()
    assert running(story) == ["blog:1", "web:1"]


def test_data_of_an_app_with_a_mistake_gets_no_second_writer():
    """It is unknown whether the data moved in the same commit that has the mistake."""
    path = "services: {{{}: {{image: 'db:1', volumes: ['/srv/db:/data']}}}}\n"
    story = Scenario()
    story.commit({"shop/compose.yaml": path.format("web"), **BLOG})
    assert story.sync().exit_code == 0
    story.commit({"shop/compose.yaml": TYPO, "wiki/compose.yaml": path.format("db"), **BLOG})
    story.sync()
    assert running(story) == ["blog:1", "db:1"]
    assert "until it can be read" in holds(story)["default/wiki"]
