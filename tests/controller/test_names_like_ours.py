"""A `container_name` that ends as the names of containers that we set aside: it is a container like any other."""

import json

import pytest
from simulation import tampering

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from gitops_orch.model.status import AppHealth
from tests.story import Scenario

NAMES = ["job-failed", "x-kept", "y-old", "z-old-1234567", "kept-failed"]


def shop(name: str, value: str = "1", image: str = "web:1") -> dict[str, str]:
    web = {"image": image, "container_name": name, "environment": {"VALUE": value}}
    return {"apps/shop/compose.yaml": json.dumps({"services": {"web": web}})}


def deployed(name: str) -> Scenario:
    story = Scenario({"web:1": ImageBehaviour(), "web:bad": ImageBehaviour(exits_after_s=0.2, exit_code=1)})
    story.commit(shop(name))
    assert story.sync().exit_code == 0
    return story


def running(story: Scenario) -> list[tuple[str, str]]:
    return [(e.name, e.environment[0]) for e in story.world.containers.values() if e.state is State.RUNNING]


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_nothing_more_is_done(name: str) -> None:
    story = deployed(name)
    assert running(story) == [(name, "VALUE=1")]
    assert story.sync().results == ()
    assert story.reconciler.read_status().apps[0].health is AppHealth.HEALTHY


@pytest.mark.parametrize("name", NAMES)
def test_it_is_started_again_where_a_hand_stopped_it(name: str) -> None:
    story = deployed(name)
    (web,) = story.world.containers.values()
    tampering.stop(story.world, web)
    assert "start" in story.kinds(story.sync())
    assert running(story) == [(name, "VALUE=1")]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_replaced_and_its_former_generation_is_set_aside(name: str) -> None:
    story = deployed(name)
    story.commit(shop(name, "2"))
    assert story.sync().exit_code == 0
    assert running(story) == [(name, "VALUE=2")]
    assert sorted(each.name for each in story.world.containers.values()) == sorted([name, f"{name}-kept"])
    assert story.sync().results == ()


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_back_where_its_next_release_fails(name: str) -> None:
    story = deployed(name)
    story.commit(shop(name, "2", "web:bad"))
    assert story.sync().exit_code == 4
    assert running(story) == [(name, "VALUE=1")]
    assert sorted(each.name for each in story.world.containers.values()) == sorted([name, f"{name}-failed"])
    assert story.sync().results == ()
