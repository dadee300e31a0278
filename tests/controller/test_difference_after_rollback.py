"""After a release failed, `diff` shows how what runs differs from Git: not what was set aside."""

import pytest
from story import Scenario

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.documents.serial import diff_document

SHOP = AppKey(namespace="default", name="shop")
IMAGES = {"web:bad": ImageBehaviour(exits_after_s=1, exit_code=3)}


def compose(image, more="", top=""):
    return f"""
        {top}
        services:
          web: {{image: "{image}", restart: always, {more} deploy: {{update_config: {{monitor: 5s}}}}}}
          idle: {{image: "idle:1"}}
        """


def deploy(story, image, more="", top=""):
    story.commit({"shop/compose.yaml": compose(image, more, top)})
    return story.sync()


def differences(story):
    """Return what `diff` shows of the fields, and the names of the containers that it shows."""
    rows = diff_document(story.reconciler.read_status(withheld=True), SHOP)["changes"]
    return [(row["path"], row["from"], row["to"]) for row in rows], {row["name"] for row in rows}


@pytest.mark.parametrize("more", ["", "container_name: fixed,", "ports: ['8080:80'],"])
@pytest.mark.parametrize("top", ["", "x-gitops: {rollback: hold}"])
def test_the_image_that_runs_stands_against_the_one_in_git(more, top):
    story = Scenario(IMAGES)
    deploy(story, "web:1", more, top)
    deploy(story, "web:2", more, top)  # so that one of the first is kept, for going back
    assert deploy(story, "web:bad", more, top).exit_code == 4
    names = {each.name for each in story.world.containers.values()}
    assert any(name.endswith("-failed") for name in names)
    fields, shown = differences(story)
    assert ("image", "web:2", "web:bad") in fields
    assert not any(name.endswith(("-failed", "-kept")) for name in shown)
    assert not {path for path, *_ in fields} & {"name", "restart", "state", "container"}, fields


def test_what_is_set_aside_of_a_held_app_is_no_difference():
    story = Scenario(IMAGES)
    deploy(story, "web:1")
    deploy(story, "web:2")
    assert any(each.name.endswith("-kept") for each in story.world.containers.values())
    story.history.hold(SHOP, Hold(reason="a freeze"))
    deploy(story, "web:3")
    fields, _ = differences(story)
    assert ("image", "web:2", "web:3") in fields
    assert "container" not in {path for path, *_ in fields}, fields


def test_an_app_that_is_not_held_still_shows_what_becomes_of_its_containers():
    story = Scenario(IMAGES)
    deploy(story, "web:1")
    story.commit({"shop/compose.yaml": compose("web:2")})
    fields, _ = differences(story)
    assert ("image", "web:1", "web:2") in fields
