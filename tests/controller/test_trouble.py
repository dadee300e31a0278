"""Trouble of the world: for how long it is remembered, and against whom it counts."""

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.faults import Fault
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import SourceUnavailable
from gitops_orch.model.status import Outcome
from tests.controller.execute.test_executor import Stage, outcomes, watched
from tests.story import Scenario

GOOD = {"shop/compose.yaml": "services: {web: {image: 'good:1'}}"}
BAD = {"shop/compose.yaml": "services: {web: {image: 'bad:1'}}"}


class SilentTo:
    """A host that does not answer one kind of request."""

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def decide(self, _host: str, operation: str) -> Fault | None:
        return Fault.REFUSED if operation == self.operation else None


def event(story: Scenario):
    return story.reconciler.run(trigger="event", fetch=False, quick=True)


def test_trouble_with_the_remote_is_shown_until_the_remote_is_asked_again():
    story = Scenario()
    story.commit(GOOD)
    story.sync()
    fetch = story.source.fetch

    def refuse(**_):
        raise SourceUnavailable("no route")

    story.source.fetch = refuse
    assert "no route" in story.sync().final_status.error
    assert "no route" in event(story).final_status.error
    story.source.fetch = fetch
    assert story.sync().final_status.error == ""
    assert event(story).final_status.error == ""


def test_a_head_that_cannot_be_acted_on_is_shown_until_there_is_another():
    story = Scenario()
    story.commit(GOOD)
    story.sync()
    story.commit({"hosts/h1.yaml": "kind: Host"})
    assert "cannot be acted on" in story.sync().final_status.error
    assert "cannot be acted on" in event(story).final_status.error
    story.commit(GOOD)
    assert story.sync().final_status.error == ""
    assert event(story).final_status.error == ""


def test_an_app_that_went_back_waits_after_trouble_as_any_other():
    images = {"good:1": ImageBehaviour(), "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)}
    story = Scenario(images)
    story.commit(GOOD)
    story.sync()
    story.commit(BAD)
    assert story.sync().exit_code == 4
    story.world.containers.clear()
    story.world.images.clear()
    story.reconciler.engines.by_name()["h1"].wire.faults = SilentTo("pull")
    assert "pull" in story.kinds(story.sync())
    assert story.kinds(story.sync()) == []


def test_the_time_that_a_host_was_silent_does_not_count_against_a_release():
    slow = ImageBehaviour(healthcheck=True, healthy_after_s=450)
    stage = Stage(watched(10), behaviour=slow)
    begun = stage.clock.monotonic_s()
    stage.run(RunControl(should_yield=lambda: stage.clock.monotonic_s() - begun > 5))
    stage.engines["h1"].wire.faults = SilentTo("inspect")
    unproved = frozenset(each.key for each in stage.apps)
    assert outcomes(stage.run(ungated=unproved)) == {"wait_healthy": Outcome.FAILED}
    stage.engines["h1"].wire.faults = stage.fleet.faults
    stage.clock.sleep(400)
    assert outcomes(stage.run(ungated=unproved)) == {"wait_healthy": Outcome.DONE}


def test_going_back_to_bytes_that_had_to_be_pulled_by_their_digest_is_done_once():
    images = {"good:1": ImageBehaviour(), "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)}
    story = Scenario(images)
    story.commit(GOOD)
    story.sync()
    story.commit(BAD)
    story.sync()
    story.world.containers.clear()
    story.world.images.clear()
    assert "pull" in story.kinds(story.sync())
    assert story.plan().actions == ()


def test_a_commit_is_let_through_once():
    story = Scenario()
    story.commit(GOOD)
    story.sync()
    rewritten = story.source.fetch()
    story.history.accept(rewritten)
    story.sync()
    assert rewritten in story.history.accepted()
    story.commit(BAD)
    ahead = story.source.fetch()
    story.history.accept(ahead)
    story.sync()
    assert story.history.accepted() == {ahead}


def test_what_may_be_gone_back_to_is_kept_and_nothing_else():
    story = Scenario({"bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)})
    kept = []
    story.source.release_kept = kept.append
    commits = []
    for files in (GOOD, {**GOOD, "README": "nothing that an app is made of"}, BAD):
        story.commit(files)
        commits.append(story.source.fetch())
        story.sync()
    assert kept[-1] == {commits[0], commits[2]}
