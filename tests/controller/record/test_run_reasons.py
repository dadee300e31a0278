"""The reasons of a run that did not end in sync: each once, however many apps are in trouble."""

from lines_run import lines_run

from gitops_orch.controller.record.run_reasons import run_reasons
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.plan.plan import Plan, PlanHold
from gitops_orch.model.status import (
    ActionResult,
    AppHealth,
    AppReleaseState,
    AppStatus,
    Outcome,
    Status,
    Sync,
)


def unwell(count):
    """So many apps whose images cannot be pulled: status, a hold and a failed action say the same of each."""
    keys = [AppKey(namespace="default", name=f"app-{n}") for n in range(count)]
    apps = [
        AppStatus(
            key=key,
            sync=Sync.OUT_OF_SYNC,
            health=AppHealth.DEGRADED,
            fresh=True,
            commit="c",
            release="d",
            release_state=AppReleaseState.PROGRESSING,
            reason=f"{key.name} cannot be pulled; tried 2 times",
        )
        for key in keys
    ]
    holds = [
        PlanHold(subject=str(key), reason=f"{key.name} cannot be pulled", app=key, error=True) for key in keys
    ]
    results = [
        ActionResult(
            action=Action(id=str(key), payload=Pull(image="x"), host="h1", target="x", reason="", app=key),
            outcome=Outcome.FAILED,
            duration_ms=1,
            error=f"{key.name} cannot be pulled",
        )
        for key in keys
    ]
    plan = Plan(commit="c", holds=tuple(holds))
    return Status(commit="c", fetched_at=None, plan=plan, apps=tuple(apps), hosts=()), results


def test_each_trouble_is_told_once_in_the_words_of_status():
    assert run_reasons(*unwell(2)) == (
        "default/app-0: app-0 cannot be pulled; tried 2 times",
        "default/app-1: app-1 cannot be pulled; tried 2 times",
    )


def test_each_app_in_trouble_costs_as_much_as_the_one_before_it():
    small, middle, large = (lines_run(lambda n=n: run_reasons(*unwell(n))) for n in (20, 40, 60))
    assert large - middle <= 1.03 * (middle - small)


def test_steps_that_are_left_are_counted():
    one = Action(id="a", payload=Pull(image="x"), host="h1", target="x", reason="")
    plan = Plan(commit="c", actions=(one,))
    picture = Status(commit="c", fetched_at=None, plan=plan, apps=(), hosts=())
    assert run_reasons(picture, ()) == ("1 step of the plan left to do",)
