"""C5 and C21: clocks that jump, machines that sleep, days on which the clock is changed, holds that end in the middle."""

from datetime import UTC, datetime, timedelta

import pytest
from story import Scenario

from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.observed import State
from gitops_orch.model.plan.kinds import Kind

COMPOSE = """
services:
  backup:
    image: backup:1
    x-gitops: {{job: {{schedule: "{schedule}", timezone: {timezone}}}}}
  web: {{image: 'web:{version}'}}
"""
SHOP = AppKey(namespace="default", name="shop")
IMAGES = {
    "backup:1": ImageBehaviour(exits_after_s=30.0),
    "web:2": ImageBehaviour(healthcheck=True, healthy_after_s=60.0),
}


def files(schedule="*/5 * * * *", timezone="UTC", version=1):
    return {"shop/compose.yaml": COMPOSE.format(schedule=schedule, timezone=timezone, version=version)}


@pytest.fixture
def story() -> Scenario:
    made = Scenario(IMAGES)
    made.commit(files())
    assert made.sync().exit_code == 0
    made.clock.sleep(420)
    made.sync()
    made.clock.sleep(60)
    return made


def started(report) -> int:
    return [each.action.service for each in report.results if each.action.kind.value == "start"].count(
        "backup"
    )


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 7 * 86400.0])
def test_c05_a_clock_that_jumps_makes_at_most_one_run(story: Scenario, jump_s: float):
    story.clock.skew(jump_s)
    assert started(story.sync()) <= 1
    story.clock.sleep(60)
    assert started(story.sync()) == 0


def test_c05_a_clock_that_is_set_back_repeats_no_run_and_goes_on(story: Scenario):
    story.clock.skew(-300.0)
    for _ in range(4):
        assert started(story.sync()) == 0
        story.clock.sleep(60)
    story.clock.sleep(300)
    assert started(story.sync()) == 1


def test_c05_a_machine_that_slept_for_a_day_makes_one_run(story: Scenario):
    story.clock.sleep(86400)
    report = story.sync()
    assert started(report) == 1
    story.clock.sleep(60)
    assert started(story.sync()) == 0


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_c05_a_day_on_which_the_clock_is_changed_has_one_nightly_run(day: datetime):
    story = Scenario(IMAGES)
    story.clock.sleep((day - timedelta(hours=12) - story.clock.now()).total_seconds())
    story.commit(files(schedule="30 2 * * *", timezone="Europe/Berlin"))
    count = 0
    for _ in range(48 * 2):
        count += started(story.sync())
        story.clock.sleep(900)
    assert count == 1


def test_c21_a_hold_that_comes_in_the_middle_stops_what_is_next_and_its_end_finishes_it(story: Scenario):
    story.commit(files(version=2))
    story.crash_at("start", after=True)  # the new one runs, and nobody has proved it
    until = story.clock.now() + timedelta(minutes=10)
    story.history.hold(SHOP, Hold(reason="somebody looks", until=until))
    assert story.sync().results == ()
    web = [each for each in story.world.containers.values() if each.image.startswith("web")]
    assert {each.image for each in web if each.state is State.RUNNING} == {"web:1", "web:2"}

    story.clock.sleep(601)
    assert story.sync().exit_code == 0
    assert [each.image for each in web if each.state is State.RUNNING] == ["web:2"]


@pytest.mark.parametrize("ends_s", [5, 3600], ids=["and ends in it", "and lasts"])
def test_c21_a_hold_that_begins_during_a_run_lets_what_is_under_way_come_to_its_end(
    story: Scenario, ends_s: int
):
    story.commit(files(version=2))

    def hold_at_the_gate(event: ProgressEvent) -> None:
        if event.kind == "started" and event.action.kind is Kind.WAIT_HEALTHY:
            until = story.clock.now() + timedelta(seconds=ends_s)
            story.history.hold(SHOP, Hold(reason="somebody looks", until=until))

    story.reconciler.run(trigger="test", control=RunControl(progress=hold_at_the_gate))
    running = [each.image for each in story.world.containers.values() if each.up and "web" in each.image]
    assert running == ["web:2"]


def test_c21_a_held_app_makes_up_for_one_run_when_the_hold_ends(story: Scenario):
    story.history.hold(SHOP, Hold(reason="somebody looks", until=story.clock.now() + timedelta(hours=2)))
    for _ in range(30):
        assert started(story.sync()) == 0
        story.clock.sleep(240)
    story.clock.sleep(60)
    assert started(story.sync()) == 1
    assert started(story.sync()) == 0
