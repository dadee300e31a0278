"""A hand's `docker rm` while a release is proved: no verdict on the release."""

import json

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import EndedBy, State
from gitops_orch.model.release import ReleaseState
from tests.story import Scenario


class Hand:
    """Begins to remove the container of value 2 at a request of one kind, and ends that some looks later."""

    def __init__(self, story: Scenario, state: State, *, at: str, looks: int) -> None:
        self._story, self._state, self._at, self._looks = story, state, at, looks
        self.removed = False
        self._going: str | None = None

    def decide(self, _host: str, operation: str) -> None:
        world = self._story.world
        if self._going is not None:
            self._looks -= 1
            if not self._looks and self._going in world.containers:
                requests.remove(world, world.containers[self._going])
        elif operation == self._at:
            for each in world.containers.values():
                if "VALUE=2" in each.environment and each.state is State.RUNNING:
                    each.state, each.exit_code, each.ended_by = self._state, 137, EndedBy.REQUEST
                    self._going, self.removed = each.id, True


def shop(value: str, **more: object) -> dict[str, str]:
    web = {"image": "web:1", "environment": {"VALUE": value}, **more}
    return {"shop/compose.yaml": json.dumps({"services": {"web": web}})}


@pytest.mark.parametrize("state", [State.REMOVING, State.DEAD])
@pytest.mark.parametrize("former", [(), ("1",)])
@pytest.mark.parametrize("more", [{}, {"ports": ["80:80"]}, {"restart": "unless-stopped"}])
def test_the_release_is_proved_again_with_another_container(state, former, more):
    story = Scenario({"web:1": ImageBehaviour()})
    for value in former:
        story.commit(shop(value, **more))
        story.sync()
    story.commit(shop("2", **more))
    story.fleet.faults = hand = Hand(story, state, at="inspect", looks=3)
    story.reconciler = story._reconciler()
    story.sync()
    assert hand.removed
    story.sync()
    states = {release.state for release in story.history.releases(None)}
    assert ReleaseState.FAILED not in states
    running = [each for each in story.world.containers.values() if each.state is State.RUNNING]
    assert ["VALUE=2" in each.environment for each in running] == [True]
    assert story.sync().exit_code == 0


@pytest.mark.parametrize("state", [State.REMOVING, State.DEAD])
def test_a_command_in_a_container_that_is_being_removed_does_not_fail_the_release(state):
    story = Scenario({"web:1": ImageBehaviour()})
    story.commit(shop("2", post_start=[{"command": ["true"]}]))
    story.fleet.faults = hand = Hand(story, state, at="run_exec", looks=3)
    story.reconciler = story._reconciler()
    story.sync()
    assert hand.removed
    story.sync()
    assert {release.state for release in story.history.releases(None)} == {ReleaseState.STABLE}
