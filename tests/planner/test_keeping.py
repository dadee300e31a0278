"""What a plan must not do to data, to what serves, and to what an operator said to keep."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitops_orch.model.app import AppKey, Drift, Prune, Volume
from gitops_orch.model.observed import Details, ObservedVolume, State
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import COMMIT, app, container, foreign, kinds, seen, service, steps, world

VOLUMES = (Volume(key="data", name="shop_data"),)
ON_HOST = (ObservedVolume(name="shop_data", owner=AppKey(namespace="default", name="shop")),)
OTHER_COMMAND = {"command": ["other"]}


def database(name="db", **fields):
    return service(name, volumes=("data",), writable=True, **fields)


def after(plan, kind):
    """What the one action of a kind waits for, itself or through others."""
    actions = {action.id: action for action in plan.actions}
    waiting = [action for action in plan.actions if action.kind.value == kind]
    assert len(waiting) == 1
    found = set()
    while waiting:
        for before in waiting.pop().after:
            found.add(before.split("/")[0])
            waiting.append(actions[before])
    return found


def fallback(of):
    return (TargetRelease(app=of, commit="b" * 40, role=Role.ROLLBACK, reason="went back"),)


def test_a_service_that_got_another_name_stops_before_its_successor_starts_on_its_data():
    old = app("shop", service("web"), database("db"), digest="old", volumes=VOLUMES)
    new = app("shop", service("web"), database("store"), digest="new", volumes=VOLUMES)
    running = (container(old, "web"), container(old, "db", volumes=("shop_data",)))
    plan = make_plan(world(new, observed={"h1": seen("h1", *running, apps=(new,), volumes=ON_HOST)}))
    assert after(plan, "start") == {"create", "stop"}
    assert after(plan, "remove") == {"create", "stop", "start", "wait_healthy"}


def test_a_service_that_shares_no_data_serves_until_its_successor_is_proved():
    old, new = (app("shop", service(name), digest=name) for name in ("old", "new"))
    other = app("blog")
    running = (container(old, "old"), container(other))
    plan = make_plan(world(new, other, observed={"h1": seen("h1", *running, apps=(new, other))}))
    assert after(plan, "stop") == {"create", "start", "wait_healthy"}


def test_what_failed_is_not_taken_up_by_going_back_though_it_is_made_the_same():
    good, bad = app("shop", digest="good"), app("shop", digest="bad")
    there = container(bad)
    failed = replace(there, name=f"{there.name}-failed", state=State.EXITED, details=Details(exit_code=1))
    observed = {"h1": seen("h1", failed, apps=(good,))}
    plan = make_plan(
        world(observed=observed, targets=fallback(good), failed={good.key: {"bad": "it exited"}})
    )
    assert kinds(plan) == ["create", "start", "wait_healthy"]


def test_services_that_were_spread_come_together_where_data_is():
    shop = app("shop", service("web"), database("db"), volumes=VOLUMES)
    observed = {
        "h1": seen("h1", container(shop, "web"), apps=(shop,)),
        "h2": seen("h2", container(shop, "db", volumes=("shop_data",)), apps=(shop,), volumes=ON_HOST),
    }
    plan = make_plan(world(shop, observed=observed))
    assert [(a.service, a.host) for a in plan.actions if a.kind.value == "create"] == [("web", "h2")]
    assert [(a.service, a.host) for a in plan.actions if a.kind.value == "stop"] == [("web", "h1")]


def test_services_that_were_spread_do_not_come_together_away_from_data():
    shop = app("shop", database("aa"), database("db"), volumes=VOLUMES)
    observed = {
        "h1": seen("h1", container(shop, "aa", volumes=("shop_data",)), apps=(shop,), volumes=ON_HOST),
        "h2": seen("h2", container(shop, "db", volumes=("shop_data",)), apps=(shop,), volumes=ON_HOST),
    }
    plan = make_plan(world(shop, observed=observed))
    assert plan.actions == ()
    assert "db would leave h2 without its data" in plan.holds[0].reason


def test_what_prune_keeps_is_no_loss_that_the_budget_counts():
    many = [app(f"a{number:02}") for number in range(12)]
    observed = {"h1": seen("h1", *map(container, many), apps=tuple(many))}
    plan = make_plan(world(*many[:6], observed=observed, prune_default=Prune.NEVER))
    assert (plan.actions, plan.refusals) == ((), ())


def test_going_back_from_a_release_with_many_new_services_is_within_the_budget():
    others = [app(f"a{number}") for number in range(8)]
    good = app("shop", service("s0"), digest="good")
    bad = app("shop", *(service(f"s{number}") for number in range(6)), digest="bad")
    running = [*map(container, others), *(container(bad, f"s{number}") for number in range(6))]
    chosen = (*(TargetRelease(app=each, commit=COMMIT) for each in others), *fallback(good))
    observed = {"h1": seen("h1", *running, apps=(*others, bad))}
    plan = make_plan(world(observed=observed, targets=chosen, failed={bad.key: {"bad": "it exited"}}))
    assert plan.refusals == ()
    assert plan.actions


def test_an_app_that_says_so_keeps_a_service_that_left_git():
    old = app("shop", service("web"), service("gone"), digest="old")
    for prune, word in ((Prune.NEVER, "never"), (Prune.CONFIRM, "Allow-Prune: default/shop")):
        new = app("shop", service("web"), digest="new", prune=prune)
        observed = {"h1": seen("h1", container(old, "web"), container(old, "gone"), apps=(new,))}
        plan = make_plan(world(new, observed=observed))
        assert plan.actions == ()
        assert word in plan.holds[0].reason
    plan = make_plan(world(new, observed=observed, allowed_prunes=frozenset({"shop"})))
    assert kinds(plan) == ["stop", "remove"]


def test_going_back_leaves_what_passed_its_gate_serving_until_it_is_replaced_in_its_turn():
    good = app("shop", service("web", replicas=3), digest="good")
    bad = app("shop", service("web", replicas=3, compose=OTHER_COMMAND), digest="bad")
    crashed = container(bad, "web", 3, state=State.EXITED, details=Details(exit_code=1))
    running = (container(bad, "web", 1), container(bad, "web", 2), container(good, "web", 3), crashed)
    observed = {"h1": seen("h1", *running, apps=(good,))}
    plan = make_plan(
        world(observed=observed, targets=fallback(good), failed={good.key: {"bad": "it exited"}})
    )
    one = ["create", "start", "wait_healthy", "stop", "remove"]
    assert kinds(plan) == ["rename", *one, *one]


def test_a_replacement_that_broke_off_is_finished_although_drift_is_left_alone():
    old, new = (
        app("shop", service("web", writable=True, compose=more), digest=name, drift=Drift.OFF)
        for name, more in (("old", {}), ("new", OTHER_COMMAND))
    )
    stopped = container(old, "web", state=State.EXITED)
    made = container(new, "web", state=State.CREATED)
    plan = make_plan(world(new, observed={"h1": seen("h1", stopped, made, apps=(new,))}))
    assert kinds(plan) == ["start", "wait_healthy", "remove"]


def test_going_back_starts_the_old_container_although_drift_is_left_alone():
    old, new = (
        app("shop", service("web", writable=True, compose=more), digest=name, drift=Drift.WARN)
        for name, more in (("old", {}), ("new", OTHER_COMMAND))
    )
    stopped = container(old, "web", state=State.EXITED)
    crashed = container(new, "web", state=State.EXITED, details=Details(exit_code=1))
    observed = {"h1": seen("h1", stopped, crashed, apps=(new,))}
    plan = make_plan(world(observed=observed, targets=fallback(old), failed={old.key: {"new": "it exited"}}))
    assert kinds(plan) == ["rename", "start", "wait_healthy"]


def test_a_container_that_another_hand_stopped_is_left_so_where_drift_is_left_alone():
    shop = app("shop", drift=Drift.OFF)
    observed = {"h1": seen("h1", container(shop, state=State.EXITED), apps=(shop,))}
    assert make_plan(world(shop, observed=observed)).actions == ()


def test_a_project_is_adopted_although_drift_is_left_alone():
    shop = app("shop", service("web"), adopt=True, drift=Drift.WARN)
    words = {"com.docker.compose.service": "web", "com.docker.compose.container-number": "1"}
    composed = foreign("shop-web-1", project="shop", labels=words)
    plan = make_plan(world(shop, observed={"h1": seen("h1", composed, apps=(shop,))}))
    assert ("remove", "h1", "shop-web-1") in steps(plan)


@pytest.mark.parametrize("fixed", [{"container_name": "shop-web"}, {}], ids=["fixed name", "no name"])
def test_an_older_former_container_is_removed_once_and_only_after_the_new_one_is_proved(fixed):
    older, old, new = (
        app("shop", service("web", **fixed, compose={"command": [each]}), digest=each)
        for each in ("older", "old", "new")
    )
    running = container(old, "web", id="old", created_at=datetime(2026, 11, 2, tzinfo=UTC))
    kept = container(
        older, "web", id="older", state=State.EXITED, created_at=datetime(2026, 11, 1, tzinfo=UTC)
    )
    kept = replace(kept, name=f"{kept.name}-kept", details=Details(restart_policy="no"))
    observed = {"h1": seen("h1", kept, running, apps=(new,))}
    plan = make_plan(world(new, observed=observed, containers_kept=1))
    assert [each.target for each in plan.actions if each.kind is Kind.REMOVE] == ["older"]
    assert {"create", "start", "wait_healthy", "stop"} <= after(plan, "remove")
