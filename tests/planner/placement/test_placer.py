"""Where services go: together, sticky, spread where the file says so, and never away from data."""

import pytest

from gitops_orch.model.app import Mode, Move, Placement, Port
from gitops_orch.model.host import Availability
from gitops_orch.model.observed import Placed, UnknownHost
from gitops_orch.planner.inputs.index import build_index
from gitops_orch.planner.placement.placer import place_all
from tests.planner.builders import app, container, host, replace, seen, service, world


def placed(the_world, the_app):
    result = place_all(the_world, build_index(the_world))[the_app.key]
    return {(a.service.name, a.slot): a.host for a in result.assignments}, result.hold


def hosts_of(*names, **labels):
    return tuple(host(name, labels=labels.get(name, {})) for name in names)


def three(*containers_on_h1):
    return {"h1": seen("h1", *containers_on_h1), "h2": seen("h2"), "h3": seen("h3")}


def test_services_of_an_app_run_together():
    shop = app("shop", *(service(f"s{n}") for n in range(6)))
    where, _ = placed(world(shop, observed=three()), shop)
    assert len(set(where.values())) == 1


def test_new_apps_go_where_the_least_runs():
    busy = app("busy", service("a"), service("b"))
    new = app("new")
    observed = three(container(busy, "a"), container(busy, "b"))
    where, _ = placed(world(busy, new, observed=observed), new)
    assert where[("api", 1)] != "h1"


def test_an_app_stays_where_it_is_though_another_host_is_emptier():
    shop = app("shop", service("a"), service("b"))
    where, _ = placed(world(shop, observed=three(container(shop, "a"), container(shop, "b"))), shop)
    assert set(where.values()) == {"h1"}


def test_replicas_of_an_only_service_spread():
    shop = app("shop", service(replicas=3))
    where, _ = placed(world(shop, observed=three()), shop)
    assert sorted(where.values()) == ["h1", "h2", "h3"]


def test_replicas_with_a_fixed_port_get_a_host_each_and_the_fourth_is_refused():
    port = Port(target=80, published=80)
    shop = app("shop", service(replicas=3, ports=(port,)))
    where, _ = placed(world(shop, observed=three()), shop)
    assert sorted(where.values()) == ["h1", "h2", "h3"]
    _, hold = placed(world(app("shop", service(replicas=4, ports=(port,))), observed=three()), shop)
    assert "host port 80 is taken on h1" in hold


def test_a_port_that_a_stranger_holds_is_avoided():
    from tests.planner.builders import foreign

    shop = app("shop", service(ports=(Port(target=80, published=80),)))
    squatter = foreign(ports=(("0.0.0.0", 80, "tcp"),))
    observed = {"h1": seen("h1", squatter), "h2": seen("h2")}
    where, _ = placed(world(shop, observed=observed), shop)
    assert where == {("api", 1): "h2"}


def test_who_runs_already_keeps_its_port_against_a_newcomer_of_an_earlier_name():
    port = Port(target=80, published=80)
    old, new = app("z", service(ports=(port,))), app("a", service(ports=(port,)))
    observed = {"h1": seen("h1", container(old))}
    the_world = world(old, new, observed=observed)
    assert placed(the_world, old)[1] == ""
    assert "taken on h1 by default/z" in placed(the_world, new)[1]


def test_a_global_service_runs_on_every_active_host():
    agent = app("agent", service(mode=Mode.GLOBAL))
    hosts = (host("h1"), host("h2"), host("h3", availability=Availability.DRAIN))
    where, _ = placed(world(agent, observed=three(), hosts=hosts), agent)
    result = place_all(the := world(agent, observed=three(), hosts=hosts), build_index(the))[agent.key]
    assert sorted(a.host for a in result.assignments) == ["h1", "h2"]
    assert where


def test_a_global_service_that_no_host_may_run_says_why_nothing_is_done_and_is_no_error():
    worker = Placement(constraints=("node.role == worker",))
    agent = app("agent", service(mode=Mode.GLOBAL, placement=worker))
    result = place_all(the := world(agent, observed=three()), build_index(the))[agent.key]
    assert (result.hold, result.error) == (
        "no host satisfies the placement of api (node.role == worker)",
        False,
    )
    both = app("both", service(mode=Mode.GLOBAL, placement=worker), service("web"))
    where, hold = placed(world(both, observed=three()), both)
    assert list(where) == [("web", 1)]
    assert not hold


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("node.labels.zone == eu", "h2"),
        ("node.labels.zone != us", "h2"),
        ("node.hostname == H3", "h3"),
        ("node.labels.ZONE==eu", None),
        ("nonsense", None),
        ("node.moon == full", None),
    ],
)
def test_constraints_choose_as_swarm_does(constraint, expected):
    shop = app("shop", placement=Placement(constraints=(constraint,)))
    hosts = hosts_of("h1", "h2", "h3", h1={"zone": "us"}, h2={"zone": "eu"}, h3={"zone": "us"})
    where, hold = placed(world(shop, observed=three(), hosts=hosts), shop)
    assert where.get(("api", 1)) == expected
    assert bool(hold) is (expected is None)


def test_preferences_even_out_zones_before_hosts():
    spread = Placement(spread=("node.labels.zone",))
    shop = app("shop", service(replicas=4, placement=spread), service("other"))
    hosts = hosts_of("h1", "h2", "h3", h1={"zone": "a"}, h2={"zone": "b"}, h3={"zone": "b"})
    where, _ = placed(world(shop, observed=three(), hosts=hosts), shop)
    zones = [("a" if where[("api", n)] == "h1" else "b") for n in range(1, 5)]
    assert sorted(zones) == ["a", "a", "b", "b"]


def test_max_replicas_per_node_is_a_limit():
    one_each = Placement(replicas_per_host_max=1)
    shop = app("shop", service(replicas=4, placement=one_each))
    _, hold = placed(world(shop, observed=three()), shop)
    assert hold == "api wants 4 replicas, 1 per host, on 3 hosts"


def test_a_drained_host_is_left_by_what_has_no_data():
    shop = app()
    hosts = (host("h1", availability=Availability.DRAIN), host("h2"), host("h3"))
    where, _ = placed(world(shop, observed=three(container(shop)), hosts=hosts), shop)
    assert where[("api", 1)] in {"h2", "h3"}


def test_data_is_never_left_behind():
    shop = app("shop", service(writable=True))
    hosts = (host("h1", availability=Availability.DRAIN), host("h2"), host("h3"))
    _, hold = placed(world(shop, observed=three(container(shop)), hosts=hosts), shop)
    assert "would leave h1 without its data" in hold
    moved = replace(shop, move=Move.WITHOUT_DATA)
    where, _ = placed(world(moved, observed=three(container(moved)), hosts=hosts), moved)
    assert where[("api", 1)] in {"h2", "h3"}


def test_a_paused_host_keeps_what_it_has_and_gets_nothing_new():
    old, new = app("old"), app("new")
    observed = {"h1": seen("h1", container(old))}
    hosts = (host("h1", availability=Availability.PAUSE),)
    the_world = world(old, new, observed=observed, hosts=hosts)
    assert placed(the_world, old)[0] == {("api", 1): "h1"}
    assert "no host that may run it is active" in placed(the_world, new)[1]


def test_a_silent_host_keeps_what_it_was_last_seen_with():
    shop = app()
    observed = {"h1": UnknownHost(name="h1", reason="silent"), "h2": seen("h2")}
    remembered = {"h1": (Placed(app=shop.key, service="api", slot=1),), "h2": ()}
    where, _ = placed(world(shop, observed=observed, last_placements=remembered), shop)
    assert where == {("api", 1): "h1"}


def test_after_lost_state_a_host_that_never_answered_may_have_it_already():
    shop = app()
    observed = {"h1": UnknownHost(name="h1", reason="silent"), "h2": seen("h2")}
    where, hold = placed(world(shop, observed=observed, last_placements={"h2": ()}), shop)
    assert where == {}
    assert "never answered" in hold


def test_an_app_on_a_host_that_left_git_is_held():
    shop = app()
    remembered = {"old": (Placed(app=shop.key, service="api", slot=1),), "h1": ()}
    _, hold = placed(world(shop, observed={"h1": seen("h1")}, last_placements=remembered), shop)
    assert "was last seen on old, which left Git" in hold
