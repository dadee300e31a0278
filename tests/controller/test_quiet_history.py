"""History has a row for what a run did or found, and none for the same once more."""

import dataclasses

import pytest
from simulation.tampering import make_unhealthy, restart

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.history.history import History
from tests.story import Scenario

SLOW = ImageBehaviour(healthcheck=True, healthy_after_s=200.0)
CHECKED = ImageBehaviour(check_output="timed out after 5000 ms")
SHOP = """
services:
  web:
    image: slow:1
    healthcheck: {test: [CMD, x], start_period: 4m}
"""
OTHERS = {
    "a mistake": {"blog/compose.yaml": "services: {web: {image: 'blog:1', enviroment: x}}\n"},
    "a port that is taken": {"blog/compose.yaml": "services: {web: {image: 'blog:1', ports: ['80:80']}}\n"}
    | {"wiki/compose.yaml": "services: {web: {image: 'blog:1', ports: ['80:80']}}\n"},
    "nothing": {},
}


@pytest.fixture
def story(tmp_path):
    made = Scenario({"slow:1": SLOW, "app:1": CHECKED})
    made.history = History.open(tmp_path / "state", None, made.clock)
    made.reconciler = made._reconciler()
    yield made
    made.history.close()


def yield_often(story: Scenario, times: int) -> None:
    for _ in range(times):
        story.reconciler.run(trigger="event", control=RunControl(should_yield=lambda: True))
        story.clock.sleep(5)


@pytest.mark.parametrize("other", OTHERS)
def test_a_run_that_yields_while_a_gate_is_slow_is_no_row(story, other):
    story.commit({"shop/compose.yaml": SHOP} | OTHERS[other])
    yield_often(story, 1)
    begun = len(story.history.runs())
    yield_often(story, 12)
    assert len(story.history.runs()) == begun
    story.sync()
    assert len(story.history.runs()) == begun + 1


def test_what_comes_up_while_a_gate_is_slow_is_a_row(story):
    story.commit({"shop/compose.yaml": SHOP} | OTHERS["nothing"])
    yield_often(story, 3)
    before = len(story.history.runs())
    story.commit({"shop/compose.yaml": SHOP} | OTHERS["a mistake"])
    yield_often(story, 6)
    rows = story.history.runs()
    assert len(rows) == before + 1
    assert "enviroment" in str(rows[0].results_json["reasons"])
    assert not rows[0].results_json["actions"]


@pytest.mark.parametrize("more", ["", "x-gitops: {drift: warn}\n"])
@pytest.mark.parametrize("printed", ["timed out after {} ms", "{}: connection refused; try 12:00:{}"])
def test_a_check_that_prints_something_else_each_time_is_no_row_of_its_own(story, more, printed):
    file = f"services:\n  web:\n    image: app:1\n    healthcheck: {{test: [CMD, x]}}\n{more}"
    story.commit({"shop/compose.yaml": file})
    story.sync()
    for number in range(14):
        (container,) = story.world.containers.values()
        said = printed.format(number, number)
        container.behaviour = dataclasses.replace(container.behaviour, check_output=said)
        make_unhealthy(story.world, container)
        story.reconciler.run(trigger="poll")
        story.clock.sleep(20)
    assert sum(not run.results_json["actions"] for run in story.history.runs()) <= 1


@pytest.mark.parametrize("exits_after_s", [1, 9])
def test_a_crash_loop_of_a_stable_app_is_one_row_with_its_reason(story, exits_after_s):
    story.commit({"shop/compose.yaml": "services: {web: {image: 'app:1', restart: always}}\n"})
    story.sync()
    before = len(story.history.runs())
    (container,) = story.world.containers.values()
    container.behaviour = dataclasses.replace(container.behaviour, exits_after_s=exits_after_s, exit_code=3)
    restart(story.world, container)
    for _ in range(60):
        story.clock.sleep(7)
        story.reconciler.run(trigger="poll")
    rows = story.history.runs()
    assert len(rows) == before + 1
    assert (rows[0].exit_code, rows[0].results_json["actions"]) == (0, [])
    assert "it is restarting (exit code 3)" in str(rows[0].results_json["reasons"])
