"""What results of actions show of releases and containers."""

from gitops_orch.controller.releases.shown_by_results import ShownByResults
from gitops_orch.model.app import AppKey
from gitops_orch.model.job import run_slot
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Restart, Start, Stop
from gitops_orch.model.status import ActionResult, Outcome
from tests.planner.builders import NOW

SHOP, API = (AppKey(namespace="default", name=name) for name in ("shop", "api"))
START = Start()


def result(app, payload=START, outcome=Outcome.DONE, **fields):
    action = Action(
        id=f"{payload.kind}/{app}",
        payload=payload,
        host="h1",
        target="x",
        name="x",
        reason="",
        app=app,
        release="one",
        **fields,
    )
    return ActionResult(action=action, outcome=outcome, duration_ms=1)


def test_a_release_has_succeeded_if_every_step_of_its_app_was_done():
    shown = ShownByResults()
    shown.learn([result(SHOP), result(API), result(API, Stop(), Outcome.FAILED)])
    assert shown.succeeded_releases == {(SHOP, "one")}


def test_a_scheduled_run_counts_as_started_unless_it_was_skipped():
    slot = run_slot(NOW)
    shown = ShownByResults()
    shown.learn([result(SHOP, outcome=Outcome.SKIPPED, service="job", slot=slot)])
    assert shown.started_runs == {}
    shown.learn([result(SHOP, outcome=Outcome.FAILED, service="job", slot=slot)])
    assert shown.started_runs["x"].slot == slot


def test_a_container_that_is_started_again_has_not_run_its_hook_yet():
    shown = ShownByResults()
    shown.post_start_done.add(("h1", "x"))
    shown.learn([result(SHOP, Restart(), Outcome.SKIPPED)])
    assert shown.post_start_done == {("h1", "x")}
    shown.learn([result(SHOP, Restart(), Outcome.FAILED)])
    assert shown.post_start_done == set()
