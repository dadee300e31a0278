"""Which images are pulled for new containers: their own, and those that they mount."""

import pytest

from gitops_orch.model.plan import Kind
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import IMAGE, app, seen, service, world

MOUNT = {"volumes": [{"type": "image", "source": "models:1", "target": "/m"}]}


def pulls(compose: dict[str, object], **fields: object) -> list[tuple[str, str]]:
    made = app("shop", service("api", compose=compose))
    plan = make_plan(world(made, observed={"h1": seen("h1", apps=(made,), **fields)}))
    return [(action.name, action.reason) for action in plan.actions if action.kind is Kind.PULL]


def test_an_image_that_is_mounted_is_pulled_where_the_host_lacks_it() -> None:
    assert pulls(MOUNT) == [("models:1", "api needs it, and it is not on the host")]


def test_an_image_that_is_mounted_twice_is_pulled_once() -> None:
    twice = {"volumes": [*MOUNT["volumes"], {"type": "image", "source": "models:1", "target": "/n"}]}
    assert len(pulls(twice)) == 1


def test_an_image_that_is_mounted_and_there_is_not_pulled() -> None:
    assert (
        pulls({"volumes": [{"type": "image", "source": f"docker.io/library/{IMAGE}", "target": "/m"}]}) == []
    )


@pytest.mark.parametrize("policy", ["always", "daily", "weekly", "every_12h"])
def test_a_policy_that_asks_again_pulls_what_is_there(policy: str) -> None:
    assert pulls({"pull_policy": policy}) == [(IMAGE, "api needs it, and pull_policy asks for it")]


@pytest.mark.parametrize("policy", ["missing", "never", "build"])
def test_another_policy_pulls_nothing_that_is_there(policy: str) -> None:
    assert pulls({"pull_policy": policy}) == []
    assert pulls({"pull_policy": policy}, images=()) == (
        [] if policy == "never" else [(IMAGE, "api needs it, and it is not on the host")]
    )
