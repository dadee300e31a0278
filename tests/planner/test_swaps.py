"""What swaps, moves or gets another name in one commit is one plan, without a hold."""

import pytest
from planner import builders
from planner.builders import app, container, seen, world

from gitops_orch.model.app import Condition, Dependency, Port
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.plan import make_plan


def port(number):
    return (Port(target=80, published=number),)


def service(name, *, ports=(), **fields):
    """A service whose containers are made of its ports too, as real ones are."""
    compose = {"ports": [str(each.published) for each in ports], **fields.pop("compose", {})}
    named = fields.get("container_name")
    compose |= {"labels": {"ports": ",".join(compose.pop("ports")), "name": named or ""}}
    return builders.service(name, ports=ports, compose=compose, **fields)


def planned(before, after, *more):
    old = [container(each, s.name) for each in before for s in each.services]
    plan = make_plan(world(*after, observed={"h1": seen("h1", *old, apps=after)}, **dict(more)))
    assert [hold.reason for hold in plan.holds] == []
    done = set()
    for action in plan.actions:  # they can be carried out in this order
        assert done.issuperset({*action.after, *action.follows})
        done.add(action.id)
    return plan


def order_of(plan, kind, service_name):
    return next(n for n, a in enumerate(plan.actions) if (a.kind, a.service) == (kind, service_name))


ON_B = (Dependency(service="b"),)
ON_B_HEALTHY = (Dependency(service="b", condition=Condition.HEALTHY),)


@pytest.mark.parametrize("depends", [(), ON_B, ON_B_HEALTHY], ids=["apart", "started", "healthy"])
def test_two_services_swap_their_ports(depends):
    before = app(
        "s", service("a", ports=port(1), depends_on=depends), service("b", ports=port(2)), digest="1"
    )
    after = app("s", service("a", ports=port(2), depends_on=depends), service("b", ports=port(1)), digest="2")
    plan = planned((before,), (after,))
    assert order_of(plan, Kind.STOP, "a") < order_of(plan, Kind.START, "b")
    assert order_of(plan, Kind.STOP, "b") < order_of(plan, Kind.START, "a")
    assert not depends or max(order_of(plan, Kind.CREATE, name) for name in "ab") < min(
        order_of(plan, Kind.STOP, name) for name in "ab"
    )


def test_three_services_pass_their_ports_round():
    names = ("a", "b", "c")
    chain = {"a": (), "b": (Dependency(service="a"),), "c": (Dependency(service="b"),)}
    before = app(
        "s", *(service(n, ports=port(i), depends_on=chain[n]) for i, n in enumerate(names, 1)), digest="1"
    )
    turned = {"a": 2, "b": 3, "c": 1}
    after = app("s", *(service(n, ports=port(turned[n]), depends_on=chain[n]) for n in names), digest="2")
    planned((before,), (after,))


@pytest.mark.parametrize("first", ["one", "two"])
def test_two_apps_swap_their_ports_though_one_depends_on_the_other(first):
    def pair(one, two, digest):
        made = {"one": app("one", service("a", ports=port(one)), digest=f"{digest}1")}
        made["two"] = app("two", service("b", ports=port(two)), digest=f"{digest}2")
        other = "two" if first == "one" else "one"
        fields = {"depends_on": (made[other].key,), "digest": f"{digest}3"}
        made[first] = app(first, *made[first].services, **fields)
        return tuple(made.values())

    planned(pair(1, 2, "x"), pair(2, 1, "y"))


def test_a_port_passes_to_an_app_that_its_owner_depends_on():
    below = app("below", service("a"), digest="1")
    above = app("above", service("b", ports=port(1)), depends_on=(below.key,), digest="1")
    below2 = app("below", service("a", ports=port(1)), digest="2")
    above2 = app("above", service("b", compose={"command": ["x"]}), depends_on=(below.key,), digest="2")
    plan = planned((below, above), (below2, above2))
    assert order_of(plan, Kind.STOP, "b") < order_of(plan, Kind.START, "a")


def named(digest, **names):
    return app("s", *(service(n, container_name=c) for n, c in names.items()), digest=digest)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"db": "pg"}, {"postgres": "pg"}),
        ({"a": "x", "b": "y"}, {"a": "y", "b": "x"}),
        ({"a": "x", "b": "y", "c": "z"}, {"a": "y", "b": "z", "c": "x"}),
        ({"a": "x", "b": None}, {"a": None, "b": "x"}),
    ],
    ids=["renamed", "swapped", "passed round", "moved"],
)
def test_names_pass_from_one_service_to_another(before, after):
    plan = planned((named("1", **before),), (named("2", **after),))
    created = {each.name for each in plan.actions if each.kind is Kind.CREATE}
    assert {name for name in after.values() if name} <= created


def test_a_renamed_service_keeps_serving_until_its_successor_is_there():
    plan = planned((named("1", db="pg"),), (named("2", postgres="pg"),))
    assert order_of(plan, Kind.RENAME, "db") < order_of(plan, Kind.CREATE, "postgres")
    assert order_of(plan, Kind.CREATE, "postgres") < order_of(plan, Kind.STOP, "db")


def test_a_name_passes_between_two_apps_that_swap():
    def pair(one, two, digest):
        return (
            app("one", service("a", container_name=one), digest=f"{digest}1"),
            app("two", service("b", container_name=two), digest=f"{digest}2"),
        )

    planned(pair("x", "y", "a"), pair("y", "x", "b"))


def test_a_name_and_a_port_pass_together():
    before = app(
        "s",
        service("a", container_name="x", ports=port(1)),
        service("b", container_name="y", ports=port(2)),
        digest="1",
    )
    after = app(
        "s",
        service("a", container_name="y", ports=port(2)),
        service("b", container_name="x", ports=port(1)),
        digest="2",
    )
    planned((before,), (after,))
