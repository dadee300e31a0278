"""Data that passes from one service to another is never in the hands of two at once."""

import pytest
from planner import builders
from planner.builders import app, container, foreign, kinds, replace, seen, world

from gitops_orch.model.app import Hold, Prune, Volume
from gitops_orch.model.observed import ObservedMount, ObservedVolume, State
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan


def service(name, *mounts, **fields):
    """A service that mounts `key` or `/path` at `/0`, `/1` ..., with `:ro` read-only."""
    volumes = [
        {
            "type": "bind" if each.startswith("/") else "volume",
            "source": each.removesuffix(":ro"),
            "target": f"/{place}",
            "read_only": each.endswith(":ro"),
        }
        for place, each in enumerate(mounts)
    ]
    keys = tuple(each["source"] for each in volumes if each["type"] == "volume")
    writable = any(not each["read_only"] for each in volumes)
    compose = {"volumes": volumes, **fields.pop("compose", {})}
    return builders.service(name, compose=compose, volumes=keys, writable=writable, **fields)


def stack(name, digest, *services, external=False, **fields):
    """An app whose volumes are all called by their keys, as with `name:` or `external: true`."""
    keys = {key for each in services for key in each.volumes}
    volumes = tuple(Volume(key=key, name=key, external=external) for key in sorted(keys))
    return app(name, *services, digest=digest, volumes=volumes, **fields)


def running(of, **fields):
    return [
        container(
            of,
            each.name,
            mounts=tuple(
                ObservedMount(
                    kind=row["type"],
                    source=row["source"],
                    target=row["target"],
                    writable=not row["read_only"],
                )
                for row in each.compose["volumes"]
            ),
            volumes=each.volumes,
            **fields,
        )
        for each in of.services
    ]


def planned(before, after, *others, **fields):
    old = [each for of in before for each in running(of)]
    volumes = tuple(ObservedVolume(name=each.name) for of in (*before, *after) for each in of.volumes)
    host = seen("h1", *old, *others, apps=after, volumes=volumes)
    return make_plan(world(*after, observed={"h1": host}, **fields))


def waits_for(plan, kind, service_name):
    """All steps that come before the step of that kind."""
    by_id = {action.id: action for action in plan.actions}
    todo = [each for each in plan.actions if (each.kind, each.service) == (kind, service_name)]
    assert todo, kinds(plan)
    found = set()
    while todo:
        action = todo.pop()
        todo += [by_id[each] for each in (*action.after, *action.follows) if each not in found]
        found |= {*action.after, *action.follows}
    return {(by_id[each].kind, by_id[each].service) for each in found}


PLACES = {"a volume": "data", "a directory of the host": "/srv/data", "another volume": "rows"}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("external", [False, True], ids=["named", "external"])
def test_data_that_passes_to_another_app_is_started_on_after_the_old_user_stopped(place, external):
    before = (
        stack("one", "1", service("a", place), external=external),
        stack("two", "1", service("b"), external=external),
    )
    after = (
        stack("one", "2", service("a"), external=external),
        stack("two", "2", service("b", place), external=external),
    )
    plan = planned(before, after)
    assert plan.holds == ()
    assert (Kind.STOP, "a") in waits_for(plan, Kind.START, "b")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_data_that_passes_to_another_service_is_started_on_after_the_old_user_stopped(place):
    before = (stack("s", "1", service("a", place), service("b")),)
    after = (stack("s", "2", service("a"), service("b", place)),)
    assert (Kind.STOP, "a") in waits_for(planned(before, after), Kind.START, "b")


def test_the_new_user_serves_on_until_the_old_one_has_stopped():
    before = (stack("s", "1", service("a", "data"), service("b", "mine")),)
    after = (stack("s", "2", service("a"), service("b", "mine", "data")),)
    assert (Kind.STOP, "a") in waits_for(planned(before, after), Kind.STOP, "b")


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")], ids=str)
def test_two_apps_that_swap_their_data_both_wait(names):
    one, two = names
    before = (stack(one, "1", service("a", "x")), stack(two, "1", service("b", "y")))
    after = (stack(one, "2", service("a", "y")), stack(two, "2", service("b", "x")))
    plan = planned(before, after)
    assert plan.holds == ()
    assert (Kind.STOP, "a") in waits_for(plan, Kind.START, "b")
    assert (Kind.STOP, "b") in waits_for(plan, Kind.START, "a")


def test_the_data_of_an_app_that_left_git_passes_on_once_it_has_stopped():
    old, new = stack("one", "1", service("a", "data")), stack("two", "2", service("b", "data"))
    assert (Kind.STOP, "a") in waits_for(planned((old,), (new,)), Kind.START, "b")


def test_two_services_that_have_a_volume_in_one_commit_share_it():
    before = (stack("s", "1", service("a", "data")), stack("t", "1", service("b")))
    after = (stack("s", "2", service("a", "data", "more")), stack("t", "2", service("b", "data")))
    plan = planned(before, after)
    assert plan.holds == ()
    assert (Kind.STOP, "a") not in waits_for(plan, Kind.START, "b")


@pytest.mark.parametrize(("old", "new"), [("data:ro", "data"), ("data", "data:ro")], ids=["old", "new"])
def test_one_that_only_reads_is_no_second_writer(old, new):
    before = (stack("one", "1", service("a", old)), stack("two", "1", service("b")))
    after = (stack("one", "2", service("a")), stack("two", "2", service("b", new)))
    plan = planned(before, after)
    assert (Kind.STOP, "a") not in waits_for(plan, Kind.START, "b")


def test_data_of_an_app_that_is_held_is_not_given_to_another():
    old = stack("one", "1", service("a", "data"))
    held = replace(stack("one", "2", service("a")), hold=Hold(reason="by hand"))
    plan = planned((old,), (held, stack("two", "2", service("b", "data"))))
    assert "start" not in kinds(plan)
    [hold] = [each for each in plan.holds if each.app.name == "two"]
    assert hold.error
    assert "volume data is in use on h1 by container one-a-1" in hold.reason
    assert "which stays" in hold.reason


def test_an_app_that_went_back_keeps_its_data_to_itself():
    old, new = stack("one", "1", service("a", "data")), stack("one", "2", service("a"))
    other = stack("two", "2", service("b", "data"))
    chosen = (
        TargetRelease(app=old, commit="0" * 40, role=Role.ROLLBACK),
        TargetRelease(app=other, commit="1" * 40),
    )
    plan = planned((old,), (old, other), targets=chosen, heads={new.key: new, other.key: other})
    assert "start" not in kinds(plan)
    assert any("volume data is in use" in hold.reason for hold in plan.holds)


def test_an_app_that_went_back_and_shares_on_purpose_keeps_nobody_back():
    old, new = (stack("one", digest, service("a", "data")) for digest in "12")
    other = stack("two", "2", service("b", "data"))
    chosen = (
        TargetRelease(app=old, commit="0" * 40, role=Role.ROLLBACK),
        TargetRelease(app=other, commit="1" * 40),
    )
    plan = planned((old,), (old, other), targets=chosen, heads={new.key: new, other.key: other})
    assert "start" in kinds(plan)


def test_a_service_that_prune_keeps_keeps_its_data():
    before = (stack("s", "1", service("db", "data")),)
    after = (replace(stack("s", "2", service("postgres", "data")), prune=Prune.NEVER),)
    plan = planned(before, after)
    assert "start" not in kinds(plan)
    assert any("volume data is in use on h1 by container s-db-1" in hold.reason for hold in plan.holds)


def test_a_container_of_a_person_does_not_keep_a_volume_from_an_app():
    mount = ObservedMount(kind="volume", source="data", target="/0")
    there = foreign("backup", mounts=(mount,), volumes=("data",))
    assert "start" in kinds(planned((), (stack("two", "2", service("b", "data")),), there))


def test_one_that_has_stopped_writes_nothing():
    old = stack("one", "1", service("a", "data"))
    held = replace(stack("one", "2", service("a")), hold=Hold(reason="by hand"))
    stopped = running(old, state=State.EXITED)
    plan = planned((), (held, stack("two", "2", service("b", "data"))), *stopped)
    assert "start" in kinds(plan)
