"""What a plan does when something else is at work at the same time: a hand that removes, or a death in between."""

import pytest

from gitops_orch.model.app import Condition, Dependency
from gitops_orch.model.observed import State
from gitops_orch.model.plan.kinds import Create
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, container, kinds, payloads, replace, seen, service, steps, world


def restarted_after(colour):
    needs = Dependency(service="api", condition=Condition.STARTED, restart=True)
    return app(
        "shop",
        service("api", compose={"environment": {"COLOUR": colour}}),
        service("web", depends_on=(needs,)),
    )


def test_a_container_that_another_hand_is_removing_is_waited_for_and_keeps_its_name_until_it_is_gone():
    shop = app()
    going = container(shop, state=State.REMOVING)

    plan = make_plan(world(shop, observed={"h1": seen("h1", going, apps=(shop,))}))

    assert kinds(plan) == ["remove", "create", "start", "wait_healthy"]
    assert plan.actions[0].target == going.id
    assert plan.actions[0].id in plan.actions[1].after


def test_what_is_replaced_goes_only_after_its_dependents_were_restarted():
    before, after = restarted_after("green"), restarted_after("blue")
    observed = seen("h1", container(before, "api"), container(before, "web"), apps=(before,))

    plan = make_plan(world(after, observed={"h1": observed}))

    order = kinds(plan)
    assert order.index("wait_healthy") < order.index("restart") < order.index("remove")
    restart, removal = plan.actions[order.index("restart")], plan.actions[order.index("remove")]
    assert restart.id in removal.after


def test_a_restart_of_dependents_that_a_crash_swallowed_is_made_up_for():
    before, after = restarted_after("green"), restarted_after("blue")
    old, new = container(before, "api"), container(after, "api")
    observed = seen("h1", old, new, container(after, "web"), apps=(after,))

    plan = make_plan(world(after, observed={"h1": observed}))

    assert steps(plan, "restart", "remove") == [
        ("restart", "h1", container(after, "web").name),
        ("remove", "h1", old.name),
    ]


def generation(shop, *there):
    plan = make_plan(world(shop, observed={"h1": seen("h1", *there, apps=(shop,))}))
    (intent,) = [create.container for create in payloads(plan, Create)]
    return intent.generation


@pytest.mark.parametrize("name", ["shop-api-1-abcdef0", "shop-api-1-abcdef0-old-abcdef0", "by-hand"])
def test_a_container_is_told_by_its_labels_from_those_that_were_in_its_slot(name):
    shop = app()
    there = replace(container(shop, spec="damaged"), name=name)
    aside = replace(there, name="shop-api-1-0000000-kept", state=State.EXITED, id="kept")
    found = [generation(shop), *(generation(shop, *each) for each in ((there,), (there, aside), (aside,)))]
    assert (found[0], len(set(found))) == ("", 4)


def test_a_container_that_is_created_again_after_a_crash_has_the_same_labels():
    shop = app()
    there = container(shop, spec="damaged")
    assert generation(shop, there) == generation(shop, replace(there, name=f"{there.name}-old-abcdef0"))
