"""A volume whose definition changed: what a plan says of it, and what it does once Git agrees."""

import re
from dataclasses import replace

import pytest

from gitops_orch.model.app import Volume
from gitops_orch.model.observed import ObservedVolume, State
from gitops_orch.model.rules.labels import DEFINITION_LABEL
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, container, foreign, kinds, seen, service, steps, world

OLD = Volume(key="data", name="shop_data")
NEW = Volume(key="data", name="shop_data", compose={"driver_opts": {"type": "nfs"}})
OTHER = Volume(key="data", name="shop_data", compose={"driver_opts": {"type": "tmpfs"}})
WORDS = re.compile(r"removes-data-[0-9a-f]{12}")


def shop(volume=NEW, words=(), **fields):
    database = service("db", volumes=("data",), writable=True)
    made = app("shop", service("web"), database, volumes=(volume,), **fields)
    return replace(made, replace_volumes={"data": tuple(words)} if words else {})


def there(of=OLD, *, owner=True, made="1", **labels):
    return ObservedVolume(
        name="shop_data",
        owner=shop().key if owner else None,
        creation=made,
        labels={DEFINITION_LABEL: of.definition, **labels},
    )


def plan_of(wanted, volume=None, *more, hosts=("h1",), **fields):
    volume = volume or there()
    running = (
        container(wanted, "web"),
        container(wanted, "db", volumes=("shop_data",)),
        *more,
    )
    observed = {name: seen(name, *running, apps=(wanted,), volumes=(volume,)) for name in hosts}
    return make_plan(world(wanted, observed=observed, **fields))


def words_for(volume=NEW, of=None):
    [hold] = plan_of(shop(volume), of).holds
    [words] = WORDS.findall(hold.reason)
    return words


def test_without_a_word_in_git_it_is_reported_with_the_words_to_write():
    plan = plan_of(shop())
    assert plan.actions == ()
    assert "never replaced on h1 without a word in Git" in plan.holds[0].reason
    assert f"x-gitops.replace_volumes: {{data: [{words_for()}]}}" in plan.holds[0].reason


def test_with_the_words_in_git_its_users_go_then_the_volume_and_all_is_made_anew():
    plan = plan_of(shop(words=[words_for()]))
    assert [row[0] for row in steps(plan)] == [
        "stop",
        "remove",
        "remove_volume",
        "create_volume",
        "create",
        "start",
        "wait_healthy",
    ]
    assert {row[2].rpartition("-")[0] for row in steps(plan, "stop", "remove", "create")} == {"shop-db-1"}
    assert plan.holds == ()


def test_each_step_waits_for_the_one_before_it():
    plan = plan_of(shop(words=[words_for()]))
    ids = [action.id for action in plan.actions]
    assert len(ids) > 2
    assert all(before in action.after for before, action in zip(ids, plan.actions[1:], strict=False))


def test_the_loss_of_the_data_is_named_plainly():
    plan = plan_of(shop(words=[words_for()]))
    losing = [action for action in plan.actions if action.kind.value in ("stop", "remove", "remove_volume")]
    assert {action.kind.value for action in losing} == {"stop", "remove", "remove_volume"}
    assert all("ALL ITS DATA REMOVED" in action.reason for action in losing)
    [created] = [action for action in plan.actions if action.kind.value == "create"]
    assert created.reason == "volume shop_data is recreated"


def test_the_words_do_not_hold_for_a_later_change():
    plan = plan_of(shop(OTHER, words=[words_for()]))
    assert plan.actions == ()
    assert words_for(OTHER) != words_for(NEW)


def test_the_words_do_not_hold_for_the_volume_that_was_made_in_its_stead():
    """A revert, and a revert of that, bring the words back: by then the name is another volume's."""
    assert plan_of(shop(words=[words_for()]), there(made="2")).actions == ()


def test_the_words_do_not_hold_on_another_host():
    wanted = shop(words=[words_for()])
    observed = {
        "h2": seen(
            "h2",
            container(wanted, "web"),
            container(wanted, "db", volumes=("shop_data",)),
            apps=(wanted,),
            volumes=(there(),),
        )
    }
    plan = make_plan(world(wanted, observed=observed))
    assert plan.actions == ()
    assert "on h2" in plan.holds[0].reason


def test_words_that_have_done_their_work_do_nothing_more():
    plan = plan_of(shop(words=[words_for()]), there(NEW, made="2"))
    assert (plan.actions, plan.holds) == ((), ())


def test_a_volume_that_a_stranger_mounts_stays():
    plan = plan_of(shop(words=[words_for()]), None, foreign(volumes=("shop_data",)))
    assert plan.actions == ()
    assert plan.holds[0].error
    assert "stranger on h1 uses it too" in plan.holds[0].reason


@pytest.mark.parametrize(
    "kept", [there(owner=False), replace(there(), owner=app("other").key), replace(there(), labels={})]
)
def test_a_volume_that_is_not_the_apps_own_or_has_no_record_is_never_touched(kept):
    plan = plan_of(shop(words=[words_for()]), kept)
    assert "remove_volume" not in kinds(plan)


def test_an_external_volume_is_never_touched():
    plan = plan_of(shop(replace(NEW, external=True), words=[words_for()]))
    assert "remove_volume" not in kinds(plan)


def test_stopped_containers_that_mount_it_go_too():
    wanted = shop(words=[words_for()])
    stopped = replace(
        container(wanted, "db", state=State.EXITED, volumes=("shop_data",), release="before"),
        id="old",
        name="old",
    )
    plan = plan_of(wanted, None, stopped)
    [gone] = [action for action in plan.actions if action.kind.value == "remove_volume"]
    assert "remove/h1/old" in gone.after


def test_what_a_crash_left_half_done_is_finished():
    wanted = shop(words=[words_for()])
    observed = {"h1": seen("h1", container(wanted, "web"), apps=(wanted,), volumes=(there(),))}
    plan = make_plan(world(wanted, observed=observed))
    assert kinds(plan) == ["remove_volume", "create_volume", "create", "start", "wait_healthy"]


def test_images_are_pulled_before_anything_goes():
    wanted = shop(words=[words_for()])
    observed = {
        "h1": seen(
            "h1",
            container(wanted, "web"),
            container(wanted, "db", volumes=("shop_data",)),
            apps=(wanted,),
            volumes=(there(),),
            images=(),
        )
    }
    plan = make_plan(world(wanted, observed=observed))
    assert kinds(plan)[0] == "pull"
    [stop] = [action for action in plan.actions if action.kind.value == "stop" and "db" in action.name]
    assert any(each.startswith("pull/") for each in stop.after)
