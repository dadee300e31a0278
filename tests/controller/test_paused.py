"""A container that a hand paused while its release was proved: no verdict on the release."""

import json

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from gitops_orch.model.release import ReleaseState
from tests.story import Scenario

CHECKED = ImageBehaviour(healthcheck=True, healthy_after_s=3.0)


class Hand:
    """Pauses each running container of a value once it was looked at so many times."""

    def __init__(self, story: Scenario, value: str, looks: int) -> None:
        self._story, self._value, self._left = story, value, looks
        self.paused = False

    def decide(self, _host: str, operation: str) -> None:
        self._left -= operation == "inspect"
        if self._left <= 0 and not self.paused:
            for each in self._story.world.containers.values():
                if f"VALUE={self._value}" in each.environment and each.state is State.RUNNING:
                    requests.pause(self._story.world, each)
                    self.paused = True


def shop(value: str, drift: str = "enforce", **more: object) -> dict[str, str]:
    web = {
        "image": "web:1",
        "environment": {"VALUE": value},
        "deploy": {"update_config": {"monitor": "6s"}},
        **more,
    }
    document = {"services": {"web": web}, "x-gitops": {"drift": drift}}
    return {"apps/shop/compose.yaml": json.dumps(document)}


def releases(story: Scenario) -> set[ReleaseState]:
    return {release.state for release in story.history.releases(None)}


def running(story: Scenario) -> list[str]:
    return [e.environment[0] for e in story.world.containers.values() if e.state is State.RUNNING]


@pytest.mark.parametrize("image", [ImageBehaviour(), CHECKED])
@pytest.mark.parametrize("former", [(), ("1",)])
@pytest.mark.parametrize("more", [{}, {"ports": ["80:80"]}, {"restart": "unless-stopped"}])
def test_it_is_unpaused_and_its_gate_begins_again(
    image: ImageBehaviour, former: tuple[str, ...], more: dict[str, object]
) -> None:
    story = Scenario({"web:1": image})
    for value in former:
        story.commit(shop(value, **more))
        story.sync()
    story.commit(shop("2", **more))
    story.fleet.faults = hand = Hand(story, "2", 3)
    story.reconciler = story._reconciler()
    began_s = story.clock.monotonic_s()

    report = story.sync()

    assert hand.paused
    assert report.exit_code == 0
    assert "unpause" in story.kinds(report)
    assert story.clock.monotonic_s() - began_s < 60
    assert running(story) == ["VALUE=2"]
    assert releases(story) == {ReleaseState.STABLE}
    assert story.sync().results == ()


@pytest.mark.parametrize("former", [(), ("1",)])
def test_with_drift_warn_it_is_reported_and_left_paused_and_the_release_does_not_fail(
    former: tuple[str, ...],
) -> None:
    story = Scenario({"web:1": ImageBehaviour()})
    for value in former:
        story.commit(shop(value, "warn"))
        story.sync()
    story.commit(shop("2", "warn"))
    story.fleet.faults = hand = Hand(story, "2", 3)
    story.reconciler = story._reconciler()
    began_s = story.clock.monotonic_s()

    story.sync()

    assert hand.paused
    assert story.clock.monotonic_s() - began_s < 60
    assert ReleaseState.FAILED not in releases(story)
    picture = story.reconciler.read_status()
    assert picture.plan.actions == ()
    assert any("paused" in hold.reason for hold in picture.plan.holds)
    assert running(story) == [f"VALUE={value}" for value in former]

    (paused,) = [e for e in story.world.containers.values() if e.state is State.PAUSED]
    requests.unpause(story.world, paused)
    assert story.sync().exit_code == 0
    assert running(story) == ["VALUE=2"]
    assert releases(story) == {ReleaseState.STABLE}
