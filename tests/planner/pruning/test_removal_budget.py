"""The removal budget."""

import pytest

from gitops_orch.model.host import Fleet, PruneBudget
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, container, seen, world


def fleet_of(count):
    apps = [app(f"a{number:02d}") for number in range(count)]
    return apps, {"h1": seen("h1", *(container(each) for each in apps), apps=tuple(apps))}


def test_more_than_the_budget_is_refused_with_the_numbers_and_the_way_out():
    apps, observed = fleet_of(12)
    plan = make_plan(world(*apps[:8], observed=observed))
    assert "4 of 12 containers left Git, which is more than 30 %" in plan.refusals[0].message
    assert "Allow-Prune" in plan.refusals[0].message


def test_up_to_the_budget_is_carried_out():
    apps, observed = fleet_of(12)
    plan = make_plan(world(*apps[:9], observed=observed))
    assert not plan.refusals
    assert len([a for a in plan.actions if a.kind.value == "remove"]) == 3


def test_a_small_fleet_has_no_percentage():
    apps, observed = fleet_of(9)
    assert not make_plan(world(apps[0], observed=observed)).refusals


def test_everything_at_once_is_refused_however_small_the_fleet():
    _, observed = fleet_of(1)
    plan = make_plan(world(observed=observed))
    assert plan.refusals[0].rule == "remove-everything"


@pytest.mark.parametrize("kept", [1, 3], ids=["one", "all but one"])
def test_everything_at_once_is_refused_although_some_may_only_be_renamed_or_a_fragment(kept):
    apps, observed = fleet_of(4)
    why = {each.key: "keeps running: it looks like default/new" for each in apps[:kept]}
    plan = make_plan(world(app("new"), observed=observed, retained_apps=why))
    assert [each.rule for each in plan.refusals] == ["remove-everything"]
    assert "all 4 containers left Git" in plan.refusals[0].message
    named = frozenset(each.key.name for each in apps[kept:])
    assert not make_plan(
        world(app("new"), observed=observed, retained_apps=why, allowed_prunes=named)
    ).refusals


def test_what_is_only_kept_is_not_refused():
    apps, observed = fleet_of(2)
    why = {each.key: "keeps running: it looks like default/new" for each in apps}
    assert not make_plan(world(app("new"), observed=observed, retained_apps=why)).refusals


def test_everything_at_once_needs_allow_empty():
    _, observed = fleet_of(1)
    fleet = Fleet(prune=PruneBudget(allow_empty=True))
    assert not make_plan(world(observed=observed, fleet=fleet)).refusals


def test_a_trailer_lets_named_apps_go():
    apps, observed = fleet_of(12)
    named = frozenset({"a08", "default/a09", "a10", "a11"})
    assert not make_plan(world(*apps[:8], observed=observed, allowed_prunes=named)).refusals
    one_missing = named - {"a11", "a10"}
    assert not make_plan(world(*apps[:8], observed=observed, allowed_prunes=one_missing)).refusals


def test_an_accepted_commit_goes_through():
    apps, observed = fleet_of(12)
    assert not make_plan(world(*apps[:4], observed=observed, accepted=True)).refusals


def test_replacing_and_scaling_down_cost_nothing_of_the_budget():
    from tests.planner.builders import service

    before = [app(f"a{n:02d}", service(replicas=2)) for n in range(6)]
    after = [app(f"a{n:02d}", service(compose={"environment": {"A": "2"}})) for n in range(6)]
    containers = [container(each, slot=slot) for each in before for slot in (1, 2)]
    plan = make_plan(world(*after, observed={"h1": seen("h1", *containers, apps=tuple(before))}))
    assert not plan.refusals


def test_an_only_app_that_is_renamed_needs_a_trailer_that_names_it():
    _, observed = fleet_of(1)
    new = app("new")
    refused = make_plan(world(new, observed=observed))
    assert "Allow-Prune" in refused.refusals[0].message
    named = make_plan(world(new, observed=observed, allowed_prunes=frozenset({"a00"})))
    assert not named.refusals
