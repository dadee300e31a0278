"""A run that is asked to stop finishes the slots that it has begun to change, or starts again what it stopped."""

import pytest

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome
from tests.story import Scenario

APP = "shop/compose.yaml"
FIXED = "    ports: ['5432:5432']\n"
IMAGES = {
    "db:1": ImageBehaviour(),
    "db:2": ImageBehaviour(),
    "db:bad": ImageBehaviour(start_error="no such device"),
}


def db(image, name="db", more=FIXED):
    return f"services:\n  {name}:\n    image: {image}\n    volumes: [rows:/rows]\n{more}volumes: {{rows: {{}}}}\n"


OTHER = {"other/compose.yaml": "services:\n  web: {image: web:1, scale: 8}\n"}


class StopAt:
    """Asks a run to stop as soon as an action of some kind begins, or has ended."""

    def __init__(self, kind, moment):
        self.kind, self.moment, self.asked = kind, moment, False

    def conduct(self):
        return RunControl(progress=self.progress, should_stop=lambda: self.asked)

    def progress(self, event):
        if event.kind == self.moment and event.action.kind is self.kind:
            self.asked = True


def stopped_run(kind, moment, after, before="db:1"):
    story = Scenario(IMAGES)
    story.commit({APP: db(before)} | OTHER)
    assert story.sync().exit_code == 0
    story.commit({APP: after} | OTHER)
    rows = []
    story.history.record_run = rows.append
    report = story.reconciler.run(trigger="sync", control=StopAt(kind, moment).conduct())
    assert [row.trigger for row in rows] == ["sync"]
    return story, report


def up(story):
    return [each.image for each in story.world.containers.values() if each.up and each.image != "web:1"]


@pytest.mark.parametrize("moment", ["started", "finished"])
@pytest.mark.parametrize(
    "after", [db("db:2"), db("db:2", name="postgres"), db("db:2", more=FIXED + "    scale: 1\n")]
)
def test_a_slot_that_was_emptied_is_filled_before_a_run_stops(moment, after):
    story, report = stopped_run(Kind.STOP, moment, after)
    assert up(story) == ["db:2"]
    assert not any(
        result.action.kind is Kind.WAIT_HEALTHY and result.outcome is Outcome.DONE
        for result in report.results
    )
    assert story.sync().exit_code == 0
    assert story.plan().actions == ()


@pytest.mark.parametrize("after", [db("db:bad"), db("db:bad", name="postgres")])
def test_what_was_stopped_is_started_again_where_its_successor_cannot_be(after):
    story, report = stopped_run(Kind.STOP, "finished", after)
    assert up(story) == ["db:1"]
    assert "before its successor could be started" in report.results[-1].action.reason


def test_a_slow_step_between_stop_and_start_is_not_waited_for():
    hooked = db("db:2", more=FIXED + "    pre_start: [{command: ['sleep', '60']}]\n")
    story, _ = stopped_run(Kind.STOP, "finished", hooked)
    assert len(up(story)) >= 1
    assert story.sync().exit_code == 0


@pytest.mark.parametrize("kind", [Kind.PULL, Kind.CREATE])
def test_nothing_is_stopped_any_more_once_a_run_is_asked_to_stop(kind):
    story, report = stopped_run(kind, "finished", db("db:2"))
    assert up(story) == ["db:1"]
    assert Kind.STOP not in {
        result.action.kind for result in report.results if result.outcome is Outcome.DONE
    }


def test_what_is_left_has_a_reason():
    _, report = stopped_run(Kind.STOP, "finished", db("db:2"))
    row = next(row for row in report.final_status.apps if row.key.name == "shop")
    assert "left" in row.reason
    assert report.exit_code == 1
