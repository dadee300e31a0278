"""Two networks of one name: the one that is ours and that nothing is on is removed, by its id."""

from planner.builders import app, container, foreign, seen, world

from gitops_orch.model.observed import ObservedNetwork
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.plan import make_plan

SHOP = app()
NAME = "shop_default"


def network(identity: str, *, ours: bool = True) -> ObservedNetwork:
    return ObservedNetwork(id=identity, name=NAME, owner=SHOP.key if ours else None)


def plan_with(*networks: ObservedNetwork, on: str = "n1", also=()):
    ours = container(SHOP, network_ids=(on,))
    return make_plan(world(SHOP, observed={"h1": seen("h1", ours, *also, networks=networks)}))


def removals(plan) -> list[str]:
    return [action.target for action in plan.actions if action.kind is Kind.REMOVE_NETWORK]


def test_the_unused_one_is_removed_whichever_is_listed_first():
    assert removals(plan_with(network("n1"), network("n2"))) == ["n2"]
    assert removals(plan_with(network("n2"), network("n1"))) == ["n2"]
    assert removals(plan_with(network("n2"), network("n3"), network("n1"))) == ["n2", "n3"]


def test_one_that_is_not_ours_is_left_and_both_are_named():
    plan = plan_with(network("n1"), network("n2", ours=False))
    assert removals(plan) == []
    assert "(n1 and n2)" in plan.holds[0].reason


def test_one_that_something_is_on_is_left_and_both_are_named():
    stranger = foreign(networks=(NAME,), network_ids=("n2",))
    plan = plan_with(network("n1"), network("n2"), also=(stranger,))
    assert removals(plan) == []
    assert "docker network rm" in plan.holds[0].reason


def test_what_is_created_waits_for_the_removal():
    networks = (network("n1"), network("n2"))
    plan = make_plan(world(SHOP, observed={"h1": seen("h1", networks=networks)}))
    (removal,) = [action for action in plan.actions if action.kind is Kind.REMOVE_NETWORK]
    (create,) = [action for action in plan.actions if action.kind is Kind.CREATE]
    assert removal.id in create.after


def test_of_an_app_that_left_git_each_is_removed_by_its_id():
    plan = make_plan(
        world(app("other"), observed={"h1": seen("h1", networks=(network("n1"), network("n2")))})
    )
    assert sorted(removals(plan)) == ["n1", "n2"]
