"""A port that something else has is seen before anything is touched."""

import pytest
from planner.builders import app, container, foreign, kinds, seen, service, steps, with_fields, world

from gitops_orch.model.app import Port
from gitops_orch.model.observed import Details, State
from gitops_orch.model.plan.kinds import Stop
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import payloads


def port(published, host_ip="", protocol="tcp"):
    return Port(target=80, published=published, host_ip=host_ip, protocol=protocol)


def shop(*ports, digest="new", **fields):
    return app("shop", service("api", ports=ports, writable=True, **fields), digest=digest)


def replaced(new, *others, old=None, **fields):
    """The plan for a new release beside what runs: the old container has port 8090."""
    old = old or shop(port(8090), digest="old", image="old:1")
    return make_plan(world(new, observed={"h1": seen("h1", container(old), *others, apps=(new,))}, **fields))


def stranger(*held, **fields):
    return foreign("stranger", ports=held, **fields)


def test_a_replacement_that_wants_a_strangers_port_touches_nothing_and_names_it():
    plan = replaced(shop(port(8096)), stranger(("0.0.0.0", 8096, "tcp"), ("::", 8096, "tcp")))
    assert plan.actions == ()
    assert plan.holds[0].error
    assert plan.holds[0].reason.startswith("host port 8096 is taken on h1 by container stranger")


TAKEN = {
    "every address": (port(8096), ("127.0.0.1", 8096, "tcp")),
    "one address": (port(8096, "127.0.0.1"), ("0.0.0.0", 8096, "tcp")),
    "the same address": (port(8096, "127.0.0.1"), ("127.0.0.1", 8096, "tcp")),
    "UDP": (port(8096, protocol="udp"), ("0.0.0.0", 8096, "udp")),
    "IPv6": (port(8096, "[::1]"), ("::", 8096, "tcp")),
    "IPv6 written otherwise": (port(8096, "::1"), ("0:0:0:0:0:0:0:1", 8096, "tcp")),
}
FREE = {
    "another address": (port(8096, "127.0.0.1"), ("10.0.0.1", 8096, "tcp")),
    "another protocol": (port(8096), ("0.0.0.0", 8096, "udp")),
    "another family": (port(8096, "0.0.0.0"), ("::", 8096, "tcp")),
    "another number": (port(8096), ("0.0.0.0", 8097, "tcp")),
}


@pytest.mark.parametrize("case", TAKEN, ids=str)
def test_ports_that_exclude_each_other(case):
    wanted, held = TAKEN[case]
    assert replaced(shop(wanted), stranger(held)).actions == ()


@pytest.mark.parametrize("case", FREE, ids=str)
def test_ports_that_do_not_exclude_each_other(case):
    wanted, held = FREE[case]
    assert replaced(shop(wanted), stranger(held)).holds == ()


def test_a_range_is_as_many_ports():
    plan = replaced(shop(port(8095), port(8096), port(8097)), stranger(("0.0.0.0", 8097, "tcp")))
    assert "host port 8097" in plan.holds[0].reason


def test_a_stranger_that_restarts_takes_its_port_again():
    there = stranger(state=State.RESTARTING, details=Details(ports=(("", 8096, "tcp"),)))
    assert "host port 8096" in replaced(shop(port(8096)), there).holds[0].reason


def test_a_stranger_that_was_stopped_has_no_port():
    there = stranger(state=State.EXITED, details=Details(ports=(("", 8096, "tcp"),)))
    assert "start" in kinds(replaced(shop(port(8096)), there))


def test_a_container_of_ours_that_stays_is_named_with_its_app():
    other = app("other", service("web", ports=(port(8096),)))
    new = shop(port(8096))
    observed = {
        "h1": seen("h1", container(other, "web"), container(shop(digest="old", image="old:1")), apps=(new,))
    }
    plan = make_plan(world(new, observed=observed, invalid_apps={other.key: "it cannot be read"}))
    assert plan.actions == ()
    assert f"container {container(other, 'web').name} of default/other" in plan.holds[0].reason


def test_a_port_that_a_container_frees_in_the_same_plan_is_free():
    before = app("shop", service("web", ports=(port(8096),)), service("api"), digest="old")
    after = app("shop", service("api", ports=(port(8096),), compose={"command": ["x"]}), digest="new")
    running = [container(before, "web"), container(before, "api")]
    plan = make_plan(world(after, observed={"h1": seen("h1", *running, apps=(after,))}))
    order = [(each.kind.value, each.service) for each in plan.actions]
    assert plan.holds == ()
    assert order.index(("stop", "web")) < order.index(("start", "api"))


def test_an_app_whose_new_port_is_taken_is_healed_at_the_release_that_runs():
    old = shop(port(8090), digest="old", image="old:1")
    new = shop(port(8096))
    lost = container(old, state=State.EXITED)
    observed = {"h1": seen("h1", lost, stranger(("0.0.0.0", 8096, "tcp")), apps=(new,))}
    the_world = world(
        new, observed=observed, running={new.key: TargetRelease(app=old, commit="c" * 40, role=Role.WAITING)}
    )
    specs = {**the_world.specs.by_service, **world(old).specs.by_service}
    plan = make_plan(with_fields(the_world, specs=specs))
    assert steps(plan, "start") == [("start", "h1", lost.name)]
    assert plan.holds[0].error
    assert "host port 8096" in plan.holds[0].reason


@pytest.mark.parametrize("state", [State.RUNNING, State.EXITED])
def test_while_a_port_is_taken_no_rollout_that_broke_off_is_carried_on(state):
    """Nothing that runs is replaced for a release that Git has no more: what is stopped serves, and all else stays."""
    begun = shop(port(8091), digest="begun", image="old:2")
    old = shop(port(8090), digest="old", image="old:1")
    there = container(old, state=state, details=Details(ports=(("", 8090, "tcp"),)))
    new = shop(port(8096))
    observed = {"h1": seen("h1", there, stranger(("0.0.0.0", 8096, "tcp")), apps=(new,))}
    mixture = TargetRelease(app=begun, commit="c" * 40, role=Role.WAITING, is_partial=True)
    the_world = world(new, observed=observed, running={new.key: mixture})
    plan = make_plan(
        with_fields(the_world, specs={**the_world.specs.by_service, **world(begun).specs.by_service})
    )
    assert steps(plan) == ([] if state is State.RUNNING else [("start", "h1", there.name)])


def test_what_was_stopped_for_a_port_that_is_taken_now_serves_again():
    old = shop(port(8090), digest="old", image="old:1")
    stopped = container(old, state=State.EXITED, details=Details(ports=(("", 8090, "tcp"),)))
    observed = {"h1": seen("h1", stopped, stranger(("0.0.0.0", 8096, "tcp")), apps=(old,))}
    plan = make_plan(world(shop(port(8096)), observed=observed))
    assert steps(plan) == [("start", "h1", stopped.name)]


def test_with_its_old_port_taken_too_nothing_is_tried():
    old = shop(port(8090), digest="old", image="old:1")
    stopped = container(old, state=State.EXITED, details=Details(ports=(("", 8090, "tcp"),)))
    both = stranger(("0.0.0.0", 8096, "tcp"), ("0.0.0.0", 8090, "tcp"))
    plan = make_plan(world(shop(port(8096)), observed={"h1": seen("h1", stopped, both, apps=(old,))}))
    assert plan.actions == ()


def test_two_ports_of_one_service_do_not_make_it_stop_first():
    new = app("shop", service("api", ports=(port(8096),)), digest="new")
    old = app("shop", service("api", ports=(port(8090),), image="old:1"), digest="old")
    order = kinds(replaced(new, old=old))
    assert order.index("start") < order.index("stop")


@pytest.mark.parametrize(("old_port", "asked"), [(8090, (("", 8096, "tcp"),)), (8096, ())])
def test_the_engine_is_asked_for_a_port_that_no_container_has_before_the_old_one_is_stopped(old_port, asked):
    plan = replaced(shop(port(8096)), old=shop(port(old_port), digest="old", image="old:1"))
    assert [each.ports for each in payloads(plan, Stop)] == [asked]
