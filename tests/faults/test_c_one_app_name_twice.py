"""Two repositories with an app of one name on one Engine: neither takes over the other's containers or data (A20)."""

from dataclasses import replace

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.model.observed import State
from tests.faults.test_y_broken_files import forget, holds
from tests.story import Scenario, Source

WEB = "services: {{web: {{image: '{}:1'}}}}\n"
STATEFUL = "services: {{web: {{image: '{}:1', volumes: ['data:/data']}}}}\nvolumes: {{data: {{}}}}\n"
JOB = "services: {{web: {{image: '{}:1', x-gitops: {{job: {{schedule: '* * * * *'}}}}}}}}\n"
OTHER = "services: {w: {image: 'w:1'}}\n"


@pytest.fixture(params=[WEB, STATEFUL, JOB], ids=["web", "with a volume", "a job"])
def text(request) -> str:
    return request.param


def beside(first: Scenario, *, instance: str = "default", name: str = "second") -> Scenario:
    """A second controller, of another repository, with the same host."""
    second = Scenario()
    second.clock = first.clock
    settings = replace(first.fleet.settings, instance=instance)
    second.fleet = replace(first.fleet, settings=settings, worlds=first.fleet.worlds)
    second.source = Source(name)
    second.reconciler = second._reconciler()
    return second


def images(story: Scenario) -> set[str]:
    return {
        each.image for each in story.world.containers.values() if each.labels.get("gitops-orch.app") == "web"
    }


def test_the_second_is_held_with_a_way_out_and_touches_nothing(text):
    first = Scenario()
    first.commit({"web/compose.yaml": text.format("one")})
    assert first.sync().exit_code == 0
    first.clock.sleep(70)
    first.sync()
    second = beside(first)
    second.commit({"web/compose.yaml": text.format("two"), "w/compose.yaml": OTHER})
    before = {identity: each.state for identity, each in first.world.containers.items()}
    for _ in range(3):
        assert second.sync().exit_code == 1
        kept = {identity: first.world.containers[identity].state for identity in before}
        assert kept == before
        assert images(first) == {"one:1"}
    reason = holds(second)["default/web"]
    assert "was never deployed from this repository" in reason
    for word in ("another `name:` in web/compose.yaml", "`instance`"):
        assert word in reason
    assert "Allow-Prune" not in reason
    assert "accept" not in reason
    second.history.accept(second.source.fetch())
    second.sync()
    assert images(first) == {"one:1"}


@pytest.mark.parametrize("named", [False, True], ids=["only the instance is set", "the app is named too"])
def test_following_the_advice_runs_both_and_shares_no_data(named):
    first = Scenario()
    first.commit({"web/compose.yaml": STATEFUL.format("one")})
    first.sync()
    second = beside(first, instance="b")
    second.commit({"web/compose.yaml": ("name: web2\n" if named else "") + STATEFUL.format("two")})
    report = second.sync()
    writers = [
        {mount.source for mount in each.mounts}
        for each in first.world.containers.values()
        if each.state is State.RUNNING
    ]
    assert images(first) >= {"one:1"}
    if named:
        assert report.exit_code == 0
        assert sorted(writers, key=str) == [{"web2_data"}, {"web_data"}]
    else:
        assert writers == [{"web_data"}]
        assert "instance default has an app of this name" in holds(second)["default/web"]
    assert first.sync().exit_code == 0


AFTERWARDS = {
    "it gets another name": {
        "web/compose.yaml": "name: web2\n" + STATEFUL.format("two"),
        "w/compose.yaml": OTHER,
    },
    "its directory gets another name": {
        "web2/compose.yaml": STATEFUL.format("two"),
        "w/compose.yaml": OTHER,
    },
    "it leaves Git": {"w/compose.yaml": OTHER, "v/compose.yaml": OTHER},
    "its file breaks": {"web/compose.yaml": "- web\n", "w/compose.yaml": OTHER},
}


@pytest.mark.parametrize("files", AFTERWARDS.values(), ids=AFTERWARDS)
def test_whatever_becomes_of_the_second_app_the_first_runs_on(files):
    first = Scenario()
    first.commit({"web/compose.yaml": STATEFUL.format("one")})
    first.sync()
    second = beside(first)
    second.commit({"web/compose.yaml": STATEFUL.format("two"), "w/compose.yaml": OTHER})
    assert second.sync().exit_code == 1
    before = dict(first.world.containers)
    second.commit(files)
    for _ in range(2):
        assert "Allow-Prune" not in holds(second)["default/web"]
        second.sync()
    assert [each.state for identity, each in before.items() if each.image == "one:1"] == [State.RUNNING]
    assert set(before) <= set(first.world.containers) | {
        i for i, each in before.items() if each.image == "w:1"
    }
    assert first.sync().exit_code == 0
    renamed = "two" in str(files)
    two = [each for each in first.world.containers.values() if each.image == "two:1"]
    assert {mount.source for each in two for mount in each.mounts} == ({"web2_data"} if renamed else set())


def test_a_controller_that_gets_an_instance_of_its_own_starts_no_second_writer_of_its_data():
    first = Scenario()
    first.commit({"web/compose.yaml": STATEFUL.format("one")})
    first.sync()
    renamed = beside(first, instance="mine")
    renamed.source = first.source
    renamed.reconciler = renamed._reconciler()
    assert renamed.sync().exit_code == 1
    (old,) = first.world.containers.values()
    assert f"stop {old.name}" in holds(renamed)["default/web"]
    requests.stop(first.world, old, killed=False)
    assert renamed.sync().exit_code == 0


def deployed(text: str) -> Scenario:
    story = Scenario()
    story.commit({"web/compose.yaml": text.format("one")})
    assert story.sync().exit_code == 0
    return story


@pytest.mark.parametrize("rewritten", [False, True], ids=["", "its history is rewritten"])
@pytest.mark.parametrize("lost", [False, True], ids=["", "the state directory is lost"])
def test_a_repository_takes_up_its_own_app(text, rewritten, lost):
    story = deployed(text)
    before = set(story.world.containers)
    if rewritten:
        story.source = Source("rewritten")
        story.commit({"web/compose.yaml": text.format("one")})
    if lost:
        story.lose_state()
    story.reconciler = story._reconciler()
    assert story.sync().exit_code == 0
    assert set(story.world.containers) >= before
    story.commit({"web/compose.yaml": text.format("two")})
    story.clock.sleep(70)
    assert story.sync().exit_code == 0
    story.clock.sleep(70)
    assert story.sync().exit_code == 0
    assert "two:1" in images(story)


def test_a_rewritten_repository_with_its_state_changes_its_app(text):
    story = deployed(text)
    story.source = Source("rewritten")
    story.commit({"web/compose.yaml": text.format("two")})
    story.reconciler = story._reconciler()
    assert story.sync().exit_code == 0
    assert "default/web" not in holds(story)


def test_without_state_a_rewritten_and_changed_app_waits_for_a_commit_that_names_it():
    story = deployed(STATEFUL)
    story.source = Source("rewritten")
    story.commit({"web/compose.yaml": STATEFUL.format("two")})
    forget(story)
    assert story.sync().exit_code == 1
    assert "see docs/ADOPTION.md" in holds(story)["default/web"]
    story.source.amend(("Allow-Prune", "default/web"))
    assert story.sync().exit_code == 0
    assert "two:1" in images(story)
    story.commit({"web/compose.yaml": STATEFUL.format("three")})
    assert story.sync().exit_code == 0
