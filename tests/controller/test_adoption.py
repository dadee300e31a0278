"""An adopted app whose first release fails goes back to what it was to take over, under the name that this had."""

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.model.observed import State
from gitops_orch.model.status import AppHealth
from tests.story import HOST, Scenario

COMPOSE_LABELS = {"com.docker.compose.project": "s", "com.docker.compose.service": "db"}
BAD = {
    "exits": ImageBehaviour(exits_after_s=1, exit_code=1),
    "cannot be started": ImageBehaviour(start_error='exec: "nothing": executable file not found in $PATH'),
    "is unhealthy": ImageBehaviour(healthcheck=True, unhealthy_after_s=2),
}


def running(story: Scenario, labels: dict[str, str]) -> SimulatedContainer:
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
    story = Scenario({"shop:1": ImageBehaviour(), "bad:1": BAD[bad]})
    old = running(story, labels)
    story.commit(stack("bad:1", restart))

    report = story.sync()

    assert report.exit_code != 0
    assert (old.name, old.state) == ("pg", State.RUNNING)
    assert [each.name for each in story.world.containers.values() if each.state is State.RUNNING] == ["pg"]
    plan = story.plan()
    assert plan.actions == ()
    (status,) = story.reconciler.read_status().apps
    assert status.health is AppHealth.DEGRADED
    assert "what it was to take over serves again" in status.reason
    assert "its containers stay" not in status.reason


@pytest.mark.parametrize("labels", [COMPOSE_LABELS, {}], ids=["of Compose", "of docker run"])
def test_the_next_release_takes_it_over(labels):
    story = Scenario({"shop:1": ImageBehaviour(), "bad:1": BAD["exits"]})
    old = running(story, labels)
    story.commit(stack("bad:1", "always"))
    story.sync()
    story.commit(stack("shop:1", "always"))

    assert story.sync().exit_code == 0

    assert old.id not in story.world.containers
    assert [each.name for each in story.world.containers.values() if each.state is State.RUNNING] == ["pg"]
    assert (story.plan().actions, story.plan().holds) == ((), ())


ABSENT = ImageBehaviour(pull_error="manifest unknown")
H2 = {"hosts/h2.yaml": HOST.replace("h1", "h2")}


def left_git(story: Scenario, files: dict[str, str]) -> None:
    """Commit files, and neither h1 nor anything else."""
    story.source.push({**H2, **files}, {})


@pytest.mark.parametrize("labels", [COMPOSE_LABELS, {}], ids=["of Compose", "of docker run"])
@pytest.mark.parametrize("step", ["pull", "create", ""])
def test_it_is_not_begun_elsewhere_while_the_host_that_has_its_data_has_left_git(step, labels):
    story = Scenario({"shop:1": ImageBehaviour(), "shop:2": ImageBehaviour(), "absent:1": ABSENT})
    old = running(story, labels)
    image = "shop:2" if step else "absent:1"
    stack_files = stack(image)
    story.commit({**H2, **stack_files})
    story.crash_at(step, after=False) if step else story.sync()
    left_git(story, stack_files)
    story.sync()

    assert story.fleet.world("h2").containers == {}
    assert any("was last seen on h1, which left Git" in hold.reason for hold in story.plan().holds)
    story.commit({**H2, **stack("shop:2")})
    story.clock.sleep(600)
    assert story.sync().exit_code == 0
    assert old.id not in story.world.containers
    assert story.fleet.world("h2").containers == {}


def test_what_no_app_takes_over_any_more_keeps_nothing_from_starting_elsewhere():
    story = Scenario({"shop:1": ImageBehaviour(), "absent:1": ABSENT})
    running(story, COMPOSE_LABELS)
    story.commit({**H2, **stack("absent:1")})
    story.sync()
    story.commit(H2)
    story.sync()
    left_git(story, stack("shop:1"))
    story.sync()
    assert len(story.fleet.world("h2").containers) == 1
