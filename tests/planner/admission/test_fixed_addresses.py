"""An address that a file gives a service passes from one container to another in one plan, or is seen to be taken."""

import pytest
from planner import builders
from planner.builders import app, container, foreign, seen, steps, world

from gitops_orch.model.app import Hold, Network
from gitops_orch.model.observed import Health, State
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan

V4, OTHER_V4, V6 = "172.20.0.10", "172.20.0.11", "fd00:20::a"
LAN = Network(key="lan", name="lan", external=True)


def at(address="", **more):
    """A service's body on the network `lan`, at an address or wherever the Engine puts it."""
    key = "ipv6_address" if ":" in address else "ipv4_address"
    return {"networks": {"lan": {key: address} if address else None}, **more}


def service(name, address="", **fields):
    # The address as a label too, so that the builder's hash tells containers apart as the real one does.
    compose = at(address, labels={"address": address}) | fields.pop("compose", {})
    return builders.service(name, networks=("lan",), compose=compose, **fields)


def lan_app(name, *services, **fields):
    made = app(name, *services, **fields)
    return builders.replace(made, networks=(LAN,))


def there(of, name, address="", **fields):
    """A container of an app, which the Engine gave that address, where the app's file gives it none."""
    held = {"addresses": (("lan", address),)} if address else {}
    return container(of, name, **{"networks": ("lan",), **held, **fields})


def host_of(*containers):
    lan = builders.ObservedNetwork(id="lan", name="lan")
    return {"h1": seen("h1", *containers, networks=(lan,))}


def stranger(*addresses, fixed=False, **fields):
    held = tuple(("lan", address) for address in addresses)
    return foreign("stranger", addresses=held, fixed_addresses=held if fixed else (), **fields)


def order(plan, kind, name):
    return next(n for n, a in enumerate(plan.actions) if a.kind is kind and name in {a.service, a.name})


def carried_out_in_order(plan):
    done = set()
    for action in plan.actions:
        assert done.issuperset({*action.after, *action.follows})
        done.add(action.id)
    return [hold.reason for hold in plan.holds] == []


SWAPS = {
    "two services swap": ({"a": V4, "b": OTHER_V4}, {"a": OTHER_V4, "b": V4}),
    "two IPv6 addresses": ({"a": V6, "b": "fd00:20::b"}, {"a": "fd00:20::b", "b": "fd00:20:0::a"}),
    "one moves": ({"a": V4, "b": ""}, {"a": "", "b": V4}),
    "three pass them round": (
        {"a": V4, "b": OTHER_V4, "c": "172.20.0.12"},
        {"a": OTHER_V4, "b": "172.20.0.12", "c": V4},
    ),
}


@pytest.mark.parametrize("apart", [False, True], ids=["in one app", "between apps"])
@pytest.mark.parametrize("case", SWAPS, ids=str)
def test_addresses_pass_from_one_service_to_another_in_one_plan(case, apart):
    def apps(addresses, digest):
        services = [service(name, address) for name, address in addresses.items()]
        if not apart:
            return (lan_app("s", *services, digest=digest),)
        return tuple(lan_app(f"app-{s.name}", s, digest=f"{digest}{s.name}") for s in services)

    before, after = SWAPS[case]
    old, new = apps(before, "1"), apps(after, "2")
    running = [there(each, s.name) for each in old for s in each.services]
    plan = make_plan(world(*new, observed=host_of(*running)))
    assert carried_out_in_order(plan)
    givers = {given[-1]: name for name, given in before.items() if given}
    takers = {address[-1]: name for name, address in after.items() if address}
    assert givers.keys() == takers.keys()
    assert all(
        order(plan, Kind.STOP, giver) < order(plan, Kind.START, takers[ends])
        for ends, giver in givers.items()
    )


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("fixed", [True, False], ids=["by its file", "by chance"])
def test_a_strangers_address_touches_nothing_and_is_named(address, fixed):
    old = lan_app("shop", service("api", "172.20.0.9"), digest="old")
    new = lan_app("shop", service("api", address), digest="new")
    plan = make_plan(world(new, observed=host_of(there(old, "api"), stranger(address, fixed=fixed))))
    assert plan.actions == ()
    (hold,) = plan.holds
    assert hold.error
    assert hold.reason.startswith(f"address {address} of network lan is taken on h1 by container stranger;")
    assert ("ip_range" in hold.reason) is not fixed


def test_the_same_address_of_another_network_is_free():
    new = lan_app("shop", service("api", V4))
    elsewhere = foreign("stranger", addresses=(("other", V4),), fixed_addresses=(("other", V4),))
    assert make_plan(world(new, observed=host_of(elsewhere))).holds == ()


@pytest.mark.parametrize("state", [State.EXITED, State.RESTARTING])
def test_a_container_holds_its_address_while_it_runs_or_will_at_once(state):
    asks = foreign("stranger", fixed_addresses=(("lan", V4),), state=state)
    plan = make_plan(world(lan_app("shop", service("api", V4)), observed=host_of(asks)))
    assert bool(plan.holds) is (state is State.RESTARTING)


def by_chance(*, fixed="", **fields):
    """Another app of ours, whose container has the address that `shop` asks for."""
    other = lan_app("other", service("web", fixed), **fields)
    return other, there(other, "web", V4)


def test_a_container_of_ours_that_has_it_by_chance_is_moved_in_the_same_plan():
    new = lan_app("shop", service("api", V4))
    other, holder = by_chance()
    plan = make_plan(world(new, other, observed=host_of(holder)))
    assert carried_out_in_order(plan)
    assert steps(plan, "disconnect_network", "connect_network") == [
        ("disconnect_network", "h1", holder.name),
        ("connect_network", "h1", holder.name),
    ]
    detached, attached = (order(plan, k, "web") for k in (Kind.DISCONNECT_NETWORK, Kind.CONNECT_NETWORK))
    assert order(plan, Kind.CREATE, "api") < detached < order(plan, Kind.START, "api") < attached
    assert "by chance, and default/shop api asks for it" in plan.actions[detached].reason


def test_a_service_of_the_same_app_that_depends_on_it_is_moved_too():
    new = lan_app("shop", service("web"), service("dns", V4))
    plan = make_plan(world(new, observed=host_of(there(new, "web", V4))))
    assert carried_out_in_order(plan)
    assert order(plan, Kind.START, "dns") < order(plan, Kind.CONNECT_NETWORK, "web")


STAYS = {
    "held": {"hold": Hold(reason="by hand")},
    "broken": {},
}


@pytest.mark.parametrize("case", STAYS, ids=str)
def test_a_container_of_ours_that_may_not_be_touched_is_named_with_its_app(case):
    new = lan_app("shop", service("api", V4))
    other, holder = by_chance(**STAYS[case])
    broken = {other.key: "it cannot be read"} if case == "broken" else {}
    apps = (new,) if broken else (new, other)
    plan = make_plan(world(*apps, observed=host_of(holder), invalid_apps=broken))
    assert plan.actions == ()
    (reason,) = [hold.reason for hold in plan.holds if hold.app == new.key]
    assert f"by container {holder.name} of default/other, which stays" in reason


def test_what_runs_stays_as_it_is_while_the_new_address_is_taken():
    old = lan_app("shop", service("api", "172.20.0.9"), digest="old")
    new = lan_app("shop", service("api", V4), digest="new")
    lost = there(old, "api", state=State.EXITED)
    the_world = world(
        new,
        observed=host_of(lost, stranger(V4)),
        running={new.key: TargetRelease(app=old, commit="c" * 40, role=Role.WAITING)},
    )
    specs = {**the_world.specs.by_service, **world(old).specs.by_service}
    plan = make_plan(builders.with_fields(the_world, specs=specs))
    assert steps(plan, "start") == [("start", "h1", lost.name)]


def test_the_address_of_what_is_adopted_counts_as_ours():
    new = lan_app("shop", service("api", V4), adopt=True)
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}
    held = (("lan", V4),)
    adopted = foreign(
        "shop-api-1", project="shop", labels=labels, addresses=held, fixed_addresses=held, networks=("lan",)
    )
    plan = make_plan(world(new, observed=host_of(adopted)))
    assert carried_out_in_order(plan)
    assert order(plan, Kind.STOP, "shop-api-1") < order(plan, Kind.START, "api")


def test_a_container_that_lost_its_network_waits_for_its_address():
    new = lan_app("shop", service("api", V4))
    lost = there(new, "api", networks=(), addresses=(), health=Health.NONE)
    plan = make_plan(world(new, observed=host_of(lost, stranger(V4))))
    assert plan.actions == ()
    assert "is taken on h1 by container stranger" in plan.holds[0].reason


def test_a_container_stops_for_an_address_of_another_app_once_that_one_can_be_started():
    before = (lan_app("one", service("a", V4), digest="1"), lan_app("two", service("b"), digest="1"))
    one, two = (lan_app("one", service("a"), digest="2"), lan_app("two", service("b", V4), digest="2"))
    running = [there(each, s.name) for each in before for s in each.services]
    plan = make_plan(world(one, two, observed=host_of(*running)))
    assert order(plan, Kind.CREATE, "b") < order(plan, Kind.STOP, "a") < order(plan, Kind.START, "b")
