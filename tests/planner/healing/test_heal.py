"""What is unhealthy is restarted; what healing does not help is left alone, and the reason says so."""

import pytest

from gitops_orch.model.app import Drift, FailureAction, UpdatePolicy
from gitops_orch.model.display.same_reason import stable_part
from gitops_orch.model.heal import HealedField, HealRecord
from gitops_orch.model.observed import Details, Health, State
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.status import app_statuses
from tests.planner.builders import app, container, foreign, kinds, replace, seen, service, spec_of, world

SHOP = app("shop", service("api", replicas=2))
OFTEN = (200.0, 150.0, 100.0, 50.0, 1.0)
RENAMED = replace(container(SHOP, slot=2), name="renamed")


def healed(path, *, of=SHOP, slot=2, ages=OFTEN, **fields):
    what = {"spec_hash": spec_of(of, "api").hash, "release": of.digest, **fields}
    key = HealedField(app=of.key, service="api", slot=slot, host="h1", path=path)
    return {key: HealRecord(ages_s=ages, **what)}


def world_with(second=None, *, of=SHOP, others=(), first=None, **fields):
    there = (first or container(of), *((second,) if second else ()), *others)
    return world(of, observed={"h1": seen("h1", *there, apps=(of,))}, **fields)


def plan_with(second=None, **fields):
    return make_plan(world_with(second, **fields))


def sick(of=SHOP, **fields):
    return container(of, slot=2, health=Health.UNHEALTHY, **fields)


def test_an_unhealthy_container_is_restarted_with_the_reason():
    plan = plan_with(sick())
    assert kinds(plan) == ["restart"]
    assert plan.actions[0].target == sick().id
    assert plan.actions[0].reason == "its healthcheck reports unhealthy"


def test_nothing_is_restarted_during_a_rollout_of_its_app():
    older = container(SHOP, spec="older", release="older")
    assert "restart" not in kinds(plan_with(sick(), first=older))
    assert "restart" not in kinds(plan_with(sick(), ungated=frozenset({SHOP.key})))


@pytest.mark.parametrize("update", [{"failure_action": FailureAction.CONTINUE}, {"failure_ratio_max": 0.5}])
def test_what_may_fail_without_failing_its_release_is_tried_again_by_a_restart(update):
    shop = app("shop", service("api", replicas=2, update=UpdatePolicy(**update)))
    there = world_with(sick(shop), of=shop, ungated=frozenset({shop.key}))
    assert "restart" in kinds(make_plan(there))


def test_what_was_unhealthy_before_a_release_is_no_fault_of_that_release():
    newer = replace(SHOP, digest="newer")
    there = world_with(sick(), of=newer, first=container(SHOP), ungated=frozenset({newer.key}))
    assert "restart" in kinds(make_plan(there))


def test_what_keeps_a_stable_release_from_being_finished_is_restarted():
    settled = frozenset({SHOP.key})
    unproved = make_plan(world_with(sick(), stable_heads=settled, ungated=settled))
    assert "restart" in kinds(unproved)
    replaced = container(SHOP, spec="older", release="older", slot=2, state=State.EXITED)
    beside = make_plan(world_with(sick(), others=(replace(replaced, name="older"),), stable_heads=settled))
    assert "restart" in kinds(beside)
    spent = healed("health")
    assert "restart" not in kinds(
        make_plan(world_with(sick(), stable_heads=settled, ungated=settled, heals=spent))
    )


@pytest.mark.parametrize("drift", [Drift.WARN, Drift.OFF])
def test_nothing_is_restarted_where_the_file_says_to_leave_what_runs_alone(drift):
    shop = replace(SHOP, drift=drift)
    plan = plan_with(sick(shop), of=shop)
    assert plan.actions == ()
    assert "its healthcheck reports unhealthy" in plan.holds[0].reason


def test_after_five_restarts_it_is_left_alone_and_shown_as_degraded():
    there = world_with(sick(), heals=healed("health"))
    plan = make_plan(there)
    row = app_statuses(there, plan)[0]
    assert plan.actions == ()
    assert "restarted 5 times within 300 s, and its healthcheck reports unhealthy again" in row.reason
    assert "gitops-orch retry default/shop" in row.reason
    assert (row.sync.value, row.health.value) == ("out-of-sync", "degraded")
    assert [(hold.error, hold.stopped) for hold in plan.holds] == [(True, True)]


def test_the_others_are_healed_all_the_same():
    gone = container(SHOP, state=State.EXITED)
    plan = plan_with(sick(), first=gone, heals=healed("health"))
    assert kinds(plan) == ["start", "wait_healthy"]
    assert plan.actions[0].target == gone.id


def test_what_is_changed_again_each_time_is_a_fight():
    plan = plan_with(RENAMED, heals=healed("name"))
    assert plan.actions == ()
    assert plan.holds[0].subject == "renamed on h1"
    assert "name was repaired 5 times within 300 s" in plan.holds[0].reason
    assert "another tool or person changes it; it is left alone until 01:00" not in plan.holds[0].reason
    assert stable_part(plan.holds[0].reason).endswith("another tool or person changes it")


def test_a_fight_about_one_field_leaves_the_others_to_be_healed():
    paused = replace(RENAMED, state=State.PAUSED)
    assert kinds(plan_with(paused, heals=healed("name"))) == ["unpause"]


@pytest.mark.parametrize(
    "changed",
    [{"spec_hash": "another"}, {"release": "another"}, {"ages": OFTEN[1:]}, {"slot": 1}],
    ids=["the service", "the app", "not so often", "another slot"],
)
def test_healing_goes_on_where_it_is_not_the_same(changed):
    assert kinds(plan_with(RENAMED, heals=healed("name", **changed))) == ["rename"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (foreign("wt", image="containrrr/watchtower:1.7@sha256:ab"), "likely watchtower (container wt)"),
        (foreign("ui", image="portainer/portainer-ce"), "likely portainer-ce (container ui)"),
        (
            foreign("theirs", labels={"gitops-orch.instance": "blue"}),
            "likely the gitops-orch instance blue (container theirs)",
        ),
    ],
)
def test_the_likely_actor_is_named(other, named):
    plan = plan_with(RENAMED, others=(other, foreign("web", image="nginx")), heals=healed("name"))
    assert named in plan.holds[0].reason
    assert "nginx" not in plan.holds[0].reason


def test_one_that_does_not_run_is_not_suspected():
    off = foreign("wt", image="containrrr/watchtower", state=State.EXITED)
    assert "likely" not in plan_with(RENAMED, others=(off,), heals=healed("name")).holds[0].reason


def test_a_container_that_is_removed_again_and_again_is_not_made_again_and_its_network_stays():
    lone = app("shop", service("api"))
    there = world(lone, observed={"h1": seen("h1", apps=(lone,))}, heals=healed("container", of=lone, slot=1))
    plan = make_plan(there)
    assert plan.actions == ()
    assert "container was repaired 5 times" in plan.holds[0].reason


def test_a_container_of_another_image_that_comes_back_again_and_again_is_left_as_it_is():
    other = container(SHOP, slot=2, image_id="sha256:other", image="other:1")
    theirs = replace(other, owner=replace(other.owner, image_digest="sha256:ours"))
    assert "create" in kinds(plan_with(theirs))
    assert plan_with(theirs, heals=healed("image")).actions == ()


def stopped(code):
    return container(SHOP, slot=2, state=State.EXITED, details=Details(exit_code=code))


def test_a_container_that_ended_again_waits_before_it_is_started():
    plan = plan_with(stopped(3), heals=healed("state", ages=(25.0, 5.0)))
    assert plan.actions == ()
    assert plan.holds[0].reason == "it is stopped (exit code 3), 3 times in a row; tried again at 00:00:15Z"
    assert kinds(plan_with(stopped(3), heals=healed("state", ages=(45.0, 20.0)))) == [
        "start",
        "wait_healthy",
    ]


def test_one_that_crashes_is_tried_again_for_ever_and_one_that_ends_in_order_is_not():
    long_ago = (400.0, 390.0, 370.0, 340.0, 301.0)
    crashed = plan_with(stopped(3), heals=healed("state", ages=long_ago))
    ended = plan_with(stopped(0), heals=healed("state", ages=long_ago))
    assert kinds(crashed) == ["start", "wait_healthy"]
    assert ended.actions == ()
    assert "ended each time in order: by itself, or from outside" in ended.holds[0].reason
