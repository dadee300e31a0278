"""In which order and how many at once a service's containers are replaced, and what is kept of the old ones."""

from datetime import timedelta

import pytest

from gitops_orch.model.app import FailureAction, Mode, Order, Port, RolloutPolicy, UpdatePolicy
from gitops_orch.model.observed import Details, State
from gitops_orch.model.plan.action import gate_to_pass
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import COMMIT, NOW, app, container, kinds, replace, seen, service, world

NEW = {"environment": {"A": "2"}}
PORT = (Port(target=80, published=8080),)
POLICY = {"restart_policy": "always"}


def rollout(count=4, *, update=None, policy=None, fields=None, **more):
    """A service of so many replicas whose configuration changes: the plan."""
    common = {"replicas": count, "update": update or UpdatePolicy(), **(fields or {})}
    before = app("shop", service(**common), digest="old", rollout=policy or RolloutPolicy())
    after = app("shop", service(**common, compose=NEW), digest="new", rollout=policy or RolloutPolicy())
    running = [container(before, slot=slot) for slot in range(1, count + 1)]
    return make_plan(world(after, observed={"h1": seen("h1", *running, apps=(before,))}, **more))


def together(plan):
    """How many starts have how many gates of others before them, the first starts first."""
    counted = {}
    for action in plan.actions:
        if action.kind.value == "start":
            counted.setdefault(len(ancestors(plan, action, "wait_healthy")), []).append(action.slot)
    return [len(slots) for _, slots in sorted(counted.items())]


def ancestors(plan, action, kind):
    by_id = {each.id: each for each in plan.actions}
    found, ahead = set(), [action]
    while ahead:
        for before in (*(each := ahead.pop()).after, *each.follows):
            if before not in found:
                found.add(before)
                ahead.append(by_id[before])
    return {before for before in found if by_id[before].kind.value == kind}


@pytest.mark.parametrize(
    ("update", "policy", "fields", "expected"),
    [
        (UpdatePolicy(), None, {}, [1, 1, 1, 1]),
        (UpdatePolicy(parallelism=2), None, {}, [2, 2]),
        (UpdatePolicy(parallelism=3), None, {}, [3, 1]),
        (UpdatePolicy(parallelism=0), None, {}, [4]),
        (UpdatePolicy(), RolloutPolicy(surge_max=3), {}, [3, 1]),
        (UpdatePolicy(parallelism=4), RolloutPolicy(surge_max=1), {}, [1, 1, 1, 1]),
        (UpdatePolicy(), RolloutPolicy(unavailable_max=2), {}, [1, 1, 1, 1]),  # start-first needs none of it
        (UpdatePolicy(order=Order.STOP_FIRST), RolloutPolicy(unavailable_max=2), {}, [2, 2]),
        (UpdatePolicy(parallelism=2), RolloutPolicy(unavailable_max=0), {"writable": True}, [1, 1, 1, 1]),
        (UpdatePolicy(), RolloutPolicy(surge_max=0, unavailable_max=4), {}, [4]),
    ],
)
def test_as_many_containers_are_replaced_at_once_as_the_file_allows(update, policy, fields, expected):
    assert together(rollout(update=update, policy=policy, fields=fields)) == expected


def test_one_that_is_slow_to_prove_itself_keeps_back_only_its_own_lane():
    plan = rollout(update=UpdatePolicy(parallelism=2))
    gates = {a.id: a.slot for a in plan.actions if a.kind.value == "wait_healthy"}
    starts = [action for action in plan.actions if action.kind.value == "start"]
    waited_for = {a.slot: {gates[each] for each in ancestors(plan, a, "wait_healthy")} for a in starts}
    assert waited_for == {1: set(), 2: set(), 3: {1}, 4: {2}}


def test_with_a_surge_whoever_is_next_waits_until_the_old_one_has_stopped():
    plan = rollout(policy=RolloutPolicy(surge_max=2))
    starts = [action for action in plan.actions if action.kind.value == "start"]
    assert [len(ancestors(plan, start, "stop")) for start in starts] == [0, 0, 1, 1]


def test_all_are_created_before_the_first_is_stopped_or_started():
    plan = rollout()
    creates = [action for action in plan.actions if action.kind.value == "create"]
    assert len(creates) == 4
    assert not any(ancestors(plan, create, "start") | ancestors(plan, create, "stop") for create in creates)


def test_no_surge_means_stop_first_and_says_why():
    plan = rollout(count=1, policy=RolloutPolicy(surge_max=0))
    stop = next(action for action in plan.actions if action.kind.value == "stop")
    assert "because `max_surge` is 0" in stop.reason


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (UpdatePolicy(), 0),
        (UpdatePolicy(failure_ratio_max=0.3), 1),
        (UpdatePolicy(failure_ratio_max=0.5), 2),
        (UpdatePolicy(failure_action=FailureAction.CONTINUE), 4),
    ],
)
def test_the_budget_of_failures_is_a_share_of_what_is_replaced(update, expected):
    gates = [action for action in rollout(update=update).actions if action.kind.value == "wait_healthy"]
    assert {action.budget.failures_max for action in gates} == {expected}


def test_a_release_that_was_stable_is_not_on_trial_again():
    shop = app()
    observed = {"h1": seen("h1", apps=(shop,))}
    plan = make_plan(world(shop, observed=observed, stable_heads=frozenset({shop.key})))
    assert {action.budget for action in plan.actions} == {None}


def test_a_canary_proves_itself_beside_all_old_ones_and_then_the_others_follow():
    plan = rollout(policy=RolloutPolicy(canary=2))
    assert together(plan) == [2, 1, 1]
    stops = [action for action in plan.actions if action.kind.value == "stop"]
    assert len(ancestors(plan, stops[0], "wait_healthy")) == 2


def test_a_canary_that_is_not_promoted_by_itself_leaves_everything_else_alone():
    plan = rollout(policy=RolloutPolicy(canary=1, auto_promote=False))
    assert [k for k in kinds(plan) if k != "create"] == ["start", "wait_healthy"]
    assert f"`gitops-orch accept {COMMIT[:12]}` promotes it" in plan.holds[0].reason
    promoted = rollout(policy=RolloutPolicy(canary=1, auto_promote=False), accepted=True)
    assert kinds(promoted).count("stop") == 4


@pytest.mark.parametrize(
    "asking",
    [{"pull_policy": "always"}, {"pull_policy": "daily"}, {"platform": "linux/arm64"}],
    ids=["always", "daily", "platform"],
)
def test_nothing_is_pulled_again_and_again_while_a_canary_waits(asking):
    policy = RolloutPolicy(canary=1, auto_promote=False)
    before = app("shop", service(mode=Mode.GLOBAL, compose=asking), digest="old", rollout=policy)
    after = app("shop", service(mode=Mode.GLOBAL, compose=NEW | asking), digest="new", rollout=policy)
    there = {
        "h1": seen("h1", container(before), apps=(before,)),
        "h2": seen("h2", container(before), apps=(before,)),
    }
    assert kinds(make_plan(world(after, observed=there))).count("pull") == 2

    there["h1"] = seen("h1", container(before), container(after), apps=(before,))
    waiting = make_plan(world(after, observed=there))

    assert waiting.actions == ()
    assert "run as a canary" in waiting.holds[0].reason
    promoted = kinds(make_plan(world(after, observed=there, accepted=True)))
    assert "pull" in promoted
    assert "stop" in promoted


def test_what_shares_a_network_behind_a_canary_joins_a_container_that_is_there():
    def shop(digest, value):
        vpn = service("vpn", replicas=2, compose={"environment": {"A": value}})
        web = service("web", compose={"network_mode": "service:vpn"})
        return app("shop", vpn, web, digest=digest, rollout=RolloutPolicy(canary=1, auto_promote=False))

    before, after = shop("old", "1"), shop("new", "2")
    running = [container(before, "vpn"), container(before, "vpn", slot=2), container(before, "web")]
    plan = make_plan(world(after, observed={"h1": seen("h1", *running, apps=(before,))}))
    made = {a.name: a for a in plan.actions if a.kind.value == "create"}
    web = next(a for a in made.values() if a.service == "web")
    assert web.payload.container.peers["vpn"] in {*made, *(each.id for each in running)}


def test_going_back_has_no_canary():
    plan = rollout(policy=RolloutPolicy(canary=1, auto_promote=False))
    assert plan.holds
    before = app(
        "shop", service(replicas=2), digest="bad", rollout=RolloutPolicy(canary=1, auto_promote=False)
    )
    back = app("shop", service(replicas=2, compose=NEW), digest="good", rollout=before.rollout)
    chosen = (TargetRelease(app=back, commit=COMMIT, role=Role.ROLLBACK, reason="went back"),)
    running = [container(before, slot=slot) for slot in (1, 2)]
    plan = make_plan(world(targets=chosen, observed={"h1": seen("h1", *running, apps=(before,))}))
    assert kinds(plan).count("stop") == 2


def test_going_back_follows_its_own_policy():
    common = {"replicas": 4, "update": UpdatePolicy(), "rollback": UpdatePolicy(parallelism=4, monitor_s=1.0)}
    bad, good = (
        app("shop", service(**common), digest="bad"),
        app("shop", service(**common, compose=NEW), digest="good"),
    )
    chosen = (TargetRelease(app=good, commit=COMMIT, role=Role.ROLLBACK, reason="went back"),)
    running = [container(bad, slot=slot) for slot in range(1, 5)]
    plan = make_plan(world(targets=chosen, observed={"h1": seen("h1", *running, apps=(bad,))}))
    assert together(plan) == [4]
    assert {gate.monitor_s for gate in map(gate_to_pass, plan.actions) if gate} == {1.0}


# -- former generations


def test_what_is_replaced_is_kept_stopped_and_cannot_come_back_with_its_daemon():
    running = {"details": Details(restart_policy="always")}
    before, after = app(digest="old"), app("shop", service(compose=NEW), digest="new")
    observed = {"h1": seen("h1", replace(container(before), **running), apps=(before,))}
    plan = make_plan(world(after, observed=observed, containers_kept=1))
    assert kinds(plan) == ["create", "start", "wait_healthy", "update", "stop", "rename"]
    assert plan.actions[3].payload.fields == {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}
    assert plan.actions[-1].payload.new_name.endswith("-kept")


def kept(of, age_s=0, **fields):
    """A former generation of the app."""
    made = container(of, state=State.EXITED, **fields)
    return replace(made, name=f"{made.name}-kept", created_at=NOW - timedelta(seconds=age_s))


def test_a_kept_generation_changes_nothing():
    shop, former = app(digest="new"), app("shop", service(compose=NEW), digest="old")
    observed = {"h1": seen("h1", container(shop), kept(former), apps=(shop,))}
    plan = make_plan(world(shop, observed=observed, containers_kept=1))
    assert (plan.actions, plan.holds) == ((), ())


def test_one_more_generation_makes_the_oldest_go_once_the_new_one_is_proved():
    oldest, old = app(digest="oldest"), app("shop", service(compose=NEW), digest="old")
    new = app("shop", service(compose={"environment": {"A": "3"}}), digest="new")
    running = replace(container(old), created_at=NOW)
    observed = {"h1": seen("h1", running, kept(oldest, 60), apps=(new,))}
    plan = make_plan(world(new, observed=observed, containers_kept=1))
    removal = next(action for action in plan.actions if action.kind.value == "remove")
    assert removal.name == kept(oldest).name
    assert ancestors(plan, removal, "wait_healthy")


def test_going_back_starts_what_was_kept_and_makes_nothing():
    good, bad = app(digest="good"), app("shop", service(compose=NEW), digest="bad")
    chosen = (TargetRelease(app=good, commit=COMMIT, role=Role.ROLLBACK, reason="went back"),)
    observed = {"h1": seen("h1", container(bad), kept(good), apps=(good,))}
    plan = make_plan(
        world(targets=chosen, observed=observed, containers_kept=1, failed={good.key: {"bad": "it crashed"}})
    )
    assert kinds(plan) == ["rename", "start", "wait_healthy", "stop", "remove"]
    assert [a.target for a in plan.actions[:2]] == [kept(good).id] * 2


def test_what_a_release_left_that_never_was_stable_is_not_kept():
    begun, new = app(digest="begun"), app("shop", service(compose=NEW), digest="new")
    observed = {"h1": seen("h1", container(begun), apps=(new,))}
    plan = make_plan(
        world(new, observed=observed, containers_kept=1, progressing={new.key: frozenset({"begun"})})
    )
    assert kinds(plan)[-2:] == ["stop", "remove"]


def test_with_nothing_to_go_back_to_the_old_container_of_an_empty_slot_serves_again():
    old = app("shop", service(ports=PORT), digest="old")
    new = app("shop", service(ports=PORT, compose=NEW), digest="new")
    failed = container(new, details=Details(exit_code=1), state=State.EXITED)
    observed = {"h1": seen("h1", failed, container(old, state=State.EXITED), apps=(new,))}
    chosen = (TargetRelease(app=new, commit=COMMIT, role=Role.BLOCKED, reason="failed"),)
    plan = make_plan(world(targets=chosen, observed=observed, failed={new.key: {"new": "it exited"}}))
    assert kinds(plan) == ["rename", "start"]
    assert plan.actions[1].target == container(old).id
