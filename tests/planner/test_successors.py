"""An app that came again under another name: what of the old one stays, and what serves until the new one is healthy."""

from datetime import timedelta

import pytest
from planner.builders import COMMIT, NOW, app, container, kinds, seen, service, steps, world

from gitops_orch.model.app import Hold
from gitops_orch.model.observed import Details, State
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan

OLD = app("old", service("web"), digest="old")
NEW = app("new", service("web"), digest="new")
WAIT = Hold(reason="its image cannot be pulled", until=NOW + timedelta(minutes=5))


def orderly(of, name="web", **fields):
    """A container that we stopped."""
    return container(of, name, state=State.EXITED, details=Details(restart_policy="always"), **fields)


def with_an_earlier_try(old, **fields):
    earlier = orderly(NEW, spec="earlier", release="earlier")
    there = seen("h1", old, earlier, apps=(NEW,))
    return make_plan(world(NEW, observed={"h1": there}, never_stable=frozenset({NEW.key}), **fields))


@pytest.mark.parametrize(
    "held",
    [
        {"backoffs": {NEW.key: WAIT}},
        {"targets": (TargetRelease(app=NEW, commit=COMMIT, role=Role.BLOCKED, reason="it failed"),)},
    ],
    ids=["it waits after trouble", "it goes no further"],
)
def test_what_an_app_ran_before_does_not_prove_its_new_name(held):
    plan = with_an_earlier_try(container(OLD, "web"), **held)
    assert steps(plan, "start") == [("start", "h1", orderly(NEW, spec="earlier").name)]
    assert steps(plan, "stop", "remove") == []
    assert [hold.reason for hold in plan.holds if hold.app == OLD.key] == [
        "left Git, and is removed once default/new, which takes its place, is healthy"
    ]


def test_of_a_service_under_two_names_only_one_is_started_again():
    plan = with_an_earlier_try(orderly(OLD), backoffs={NEW.key: WAIT})
    assert steps(plan, "start") == [("start", "h1", orderly(NEW, spec="earlier").name)]


@pytest.mark.parametrize(("job", "done"), [(False, ["start"]), (True, [])])
def test_a_job_of_the_old_name_is_not_run_again(job, done):
    old = app("old", service("web", job=job), digest="old")
    there = seen("h1", orderly(old), apps=(NEW,))
    waiting = world(
        NEW,
        observed={"h1": there},
        never_stable=frozenset({NEW.key}),
        backoffs={NEW.key: WAIT},
        former={old.key: old},
    )
    assert kinds(make_plan(waiting)) == done
