"""An adopted app whose first release fails goes back to what it was to take over, under the name that this had."""

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.life import SimulatedContainer
from gitops_orch.model.observed import State
from gitops_orch.model.status import AppHealth
from tests.story import Story

COMPOSE_LABELS = {"com.docker.compose.project": "s", "com.docker.compose.service": "db"}
BAD = {
    "exits": ImageBehaviour(exits_after_s=1, exit_code=1),
    "cannot be started": ImageBehaviour(start_error='exec: "nothing": executable file not found in $PATH'),
    "is unhealthy": ImageBehaviour(healthcheck=True, unhealthy_after_s=2),
}


def running(story: Story, labels: dict[str, str]) -> SimulatedContainer:
    world = story.world
    requests.pull(world, story.fleet.registry, "shop:1")
    image = world.find_image("shop:1")
    old = SimulatedContainer(
        id=world.new_id(),
        name="pg",
        image="shop:1",
        image_id=image.id,
        behaviour=image.behaviour,
        created_at=world.now,
        labels=labels,
        restart_policy="always",
    )
    requests.add(world, old)
    requests.start(world, old)
    return old


def stack(image: str, restart: str = "no") -> dict[str, str]:
    body = f'services: {{db: {{image: "{image}", container_name: pg, restart: "{restart}"}}}}'
    return {"s/compose.yaml": f"x-gitops: {{adopt: true}}\n{body}"}


@pytest.mark.parametrize("labels", [COMPOSE_LABELS, {}], ids=["of Compose", "of docker run"])
@pytest.mark.parametrize("restart", ["no", "always", "on-failure:3"])
@pytest.mark.parametrize("bad", BAD, ids=str)
def test_what_was_to_be_taken_over_serves_again_in_the_same_run(bad, restart, labels):
    story = Story({"shop:1": ImageBehaviour(), "bad:1": BAD[bad]})
    old = running(story, labels)
    story.commit(stack("bad:1", restart))

    report = story.sync()

    assert report.exit_code != 0
    assert (old.name, old.state) == ("pg", State.RUNNING)
    assert [each.name for each in story.world.containers.values() if each.state is State.RUNNING] == ["pg"]
    plan = story.plan()
    assert plan.actions == ()
    (status,) = story.reconciler.picture().apps
    assert status.health is AppHealth.DEGRADED
    assert "what it was to take over serves again" in status.reason
    assert "its containers stay" not in status.reason


@pytest.mark.parametrize("labels", [COMPOSE_LABELS, {}], ids=["of Compose", "of docker run"])
def test_the_next_release_takes_it_over(labels):
    story = Story({"shop:1": ImageBehaviour(), "bad:1": BAD["exits"]})
    old = running(story, labels)
    story.commit(stack("bad:1", "always"))
    story.sync()
    story.commit(stack("shop:1", "always"))

    assert story.sync().exit_code == 0

    assert old.id not in story.world.containers
    assert [each.name for each in story.world.containers.values() if each.state is State.RUNNING] == ["pg"]
    assert (story.plan().actions, story.plan().holds) == ((), ())
