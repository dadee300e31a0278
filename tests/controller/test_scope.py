"""`sync APP` acts on that app and on what it depends on; nothing else is touched, and nothing else is removed."""

import pytest
from story import Scenario

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.model.app import AppKey

ONE = "services: {web: {image: 'shop/web:1'}}"
TWO = "services: {web: {image: 'shop/web:2'}}"
NEEDS_DB = "x-gitops: {depends_on: [db]}\n"


def key(name: str) -> AppKey:
    return AppKey(namespace="default", name=name)


@pytest.fixture
def story():
    story = Scenario()
    story.commit({f"{name}/compose.yaml": ONE for name in ("shop", "blog", "db")})
    story.sync()
    return story


def sync(story: Scenario, *names: str):
    return story.reconciler.run(trigger="test", control=RunControl(), apps=frozenset(map(key, names)))


def images(story: Scenario) -> dict[str, str]:
    running = [
        each for each in story.world.containers.values() if each.owner and each.state.value == "running"
    ]
    return {each.owner.app.name: each.image[-1] for each in running}


def touched(report) -> set[str]:
    return {result.action.app.name for result in report.results}


def test_only_the_named_app_is_acted_on(story):
    story.commit({f"{name}/compose.yaml": TWO for name in ("shop", "blog", "db")})
    report = sync(story, "shop")
    assert touched(report) == {"shop"}
    assert report.exit_code == 0
    assert {app.key.name for app in report.final_status.apps} == {"shop"}
    assert {action.app.name for action in story.plan().actions} == {"blog", "db"}


def test_what_a_named_app_depends_on_is_acted_on(story):
    story.commit({"shop/compose.yaml": NEEDS_DB + TWO, "blog/compose.yaml": TWO, "db/compose.yaml": TWO})
    assert touched(sync(story, "shop")) == {"shop", "db"}


def test_an_app_that_left_git_stays_unless_it_is_named(story):
    story.commit({"shop/compose.yaml": TWO, "db/compose.yaml": ONE})
    assert touched(sync(story, "shop")) == {"shop"}
    assert touched(sync(story, "blog")) == {"blog"}
    assert not story.plan().actions


def test_an_image_that_an_unnamed_app_needs_too_is_pulled(story):
    story.commit({f"{name}/compose.yaml": TWO for name in ("shop", "blog", "db")})
    assert sync(story, "shop").status == "in-sync"


def test_a_port_that_an_unnamed_app_has_to_free_is_waited_for(story):
    with_port = "services: {{web: {{image: 'shop/web:1', ports: ['{}:80']}}}}"
    story.commit(
        {
            "shop/compose.yaml": with_port.format(80),
            "blog/compose.yaml": with_port.format(81),
            "db/compose.yaml": ONE,
        }
    )
    assert story.sync().status == "in-sync"
    story.commit(
        {
            "shop/compose.yaml": with_port.format(81),
            "blog/compose.yaml": with_port.format(82),
            "db/compose.yaml": ONE,
        }
    )
    report = sync(story, "shop")
    assert not report.results
    assert "default/blog" in report.final_status.plan.holds[0].reason
    assert report.exit_code == 1
    assert sync(story, "shop", "blog").status == "in-sync"


BROKEN = {
    "not YAML": "services: {web: {image: 'shop/web:1'",
    "unknown key": "services: {web: {imag: 'shop/web:1'}}",
    "no mapping": "- a list",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_mistake_in_another_app_is_no_failure_of_the_named_one(story, text):
    story.commit({"shop/compose.yaml": TWO, "blog/compose.yaml": text, "db/compose.yaml": ONE})
    report = sync(story, "shop")
    assert (report.exit_code, report.reasons, report.final_status.problems) == (0, (), ())
    assert touched(report) == {"shop"}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_mistake_in_the_named_app_is_its_failure(story, text):
    story.commit({"shop/compose.yaml": TWO, "blog/compose.yaml": text, "db/compose.yaml": ONE})
    report = sync(story, "blog")
    assert report.exit_code == 1
    assert len(report.reasons) == 1
    assert "blog/compose.yaml:" in report.reasons[0]
    assert report.results == ()


def test_a_mistake_in_what_the_named_app_depends_on_is_its_failure(story):
    story.commit({"shop/compose.yaml": NEEDS_DB + TWO, "blog/compose.yaml": ONE, "db/compose.yaml": "[]"})
    report = sync(story, "shop")
    assert report.exit_code == 1
    assert "db/compose.yaml" in " ".join(report.reasons)


UNCHANGED = "default/{}: x-gitops.depends_on changed in Git, which changes no container"


def picture(story: Scenario, *names: str):
    return story.reconciler.read_status(apps=frozenset(map(key, names)))


@pytest.mark.parametrize("change", ["command: ['a', 'b']", "user: '7'", "environment: {A: '1'}"])
def test_the_notes_of_a_scoped_plan_are_not_about_other_apps(story, change):
    text = f"services: {{web: {{image: 'shop/web:1', {change}}}}}"
    story.commit({"shop/compose.yaml": ONE, "blog/compose.yaml": text, "db/compose.yaml": ONE})
    assert picture(story, "shop").notes == ()
    assert any(action.app == key("blog") for action in story.plan().actions)
    assert picture(story, "blog").notes == ()


def test_a_scoped_plan_notes_what_changes_no_container_of_its_own_apps(story):
    files = {"shop/compose.yaml": NEEDS_DB + ONE, "blog/compose.yaml": NEEDS_DB + ONE, "db/compose.yaml": ONE}
    story.commit(files)
    assert picture(story, "shop").notes == (UNCHANGED.format("shop"),)
    assert picture(story).notes == (UNCHANGED.format("blog"), UNCHANGED.format("shop"))
