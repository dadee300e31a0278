"""A volume that its Engine does not list any more, while a container of ours has its data, is never made again silently."""

import pytest
from planner import builders
from planner.builders import app, container, foreign, seen, service, steps, world

from gitops_orch.model.app import Volume
from gitops_orch.model.observed import ObservedMount, ObservedVolume, State
from gitops_orch.planner.plan import make_plan

DATA = Volume(key="data", name="shop_data")
ANONYMOUS = "ab" * 32


def shop(*, volumes=(DATA,), image="stub:1", **fields):
    entries = [{"type": "volume", "source": "data", "target": "/data"}]
    db = service("db", image=image, compose={"volumes": entries}, volumes=("data",), writable=True)
    web = service("web", image=image)
    return builders.replace(app("shop", db, web, **fields), volumes=tuple(volumes))


def mounting(source, *, writable=True):
    return (ObservedMount(kind="volume", source=source, target="/data", writable=writable),)


def planned(new, *containers, listed=(), **fields):
    host = builders.replace(seen("h1", *containers, apps=(new,)), volumes=tuple(listed))
    return make_plan(world(new, observed={"h1": host}, **fields))


LOST = {
    "a named one": mounting("shop_data"),
    "an anonymous one": mounting(ANONYMOUS),
    "one that is mounted for reading": mounting("shop_data", writable=False),
}


@pytest.mark.parametrize("state", [State.RUNNING, State.EXITED])
@pytest.mark.parametrize("lost", LOST, ids=str)
def test_nothing_is_replaced_on_to_an_empty_volume(lost, state):
    old = shop(image="old:1", digest="old")
    there = container(old, "db", mounts=LOST[lost], state=state)
    plan = planned(shop(digest="new"), there)
    assert plan.actions == ()
    (hold,) = plan.holds
    assert hold.error
    for word in (there.name, LOST[lost][0].source[:12], "/data", "h1", "gitops-orch accept"):
        assert word in hold.reason
    assert ("only in that container" in hold.reason) is (state is State.RUNNING)


def test_it_is_seen_before_anything_is_to_be_replaced():
    new = shop()
    plan = planned(new, container(new, "db", mounts=mounting("shop_data")), container(new, "web"))
    assert ("create_volume", "h1", "shop_data") not in steps(plan)
    assert "volume shop_data" in plan.holds[0].reason


def test_a_renamed_service_does_not_start_on_an_empty_volume_either():
    old = shop(digest="old")
    postgres = builders.replace(old.service("db"), name="postgres")
    new = builders.replace(old, services=(postgres,), digest="new")
    assert planned(new, container(old, "db", mounts=mounting("shop_data"))).actions == ()


def test_what_is_adopted_counts_too():
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}
    there = foreign("shop-db-1", project="shop", labels=labels, mounts=mounting("shop_data"))
    plan = planned(shop(adopt=True), there)
    assert plan.actions == ()
    assert "container shop-db-1" in plan.holds[0].reason


def test_a_person_may_accept_the_loss():
    new = shop(digest="new")
    there = container(shop(image="old:1", digest="old"), "db", mounts=mounting("shop_data"))
    assert ("create_volume", "h1", "shop_data") in steps(planned(new, there, accepted=True))


FINE = {
    "it is listed": (mounting("shop_data"), {"listed": (ObservedVolume(name="shop_data"),)}, {}),
    "the container is a former generation": (
        mounting("shop_data"),
        {},
        {"name": "x-kept", "state": State.EXITED},
    ),
    "the container never ran": (mounting("shop_data"), {}, {"state": State.CREATED}),
    "it only carries files from Git": (mounting("shop_files_ab", writable=False), {}, {}),
    "it is a directory of the host": (
        (ObservedMount(kind="bind", source="/srv/data", target="/data"),),
        {},
        {},
    ),
}


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_volume_is_made_where_no_data_is_lost(case):
    mounts, fields, there = FINE[case]
    new = shop()
    plan = planned(new, builders.replace(container(new, "db", mounts=mounts), **there), **fields)
    assert plan.actions
    assert plan.holds == ()
