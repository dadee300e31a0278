"""An app goes back with another one only where that one needs what it has, and only to where it is no longer in the way."""

import pytest
from planner.builders import COMMIT, app, service

from gitops_orch.controller.releases.joint_rollbacks import roll_back_together
from gitops_orch.model.app import Placement, Port, Volume
from gitops_orch.planner.inputs.world import Role, TargetRelease


def having(name, *, ports=(), container_name=None, data="", digest="head", hosts=()):
    volumes = [{"type": "volume", "source": "key", "target": "/data"}] if data else []
    made = service(
        "web",
        ports=tuple(Port(target=80, published=p) for p in ports),
        container_name=container_name,
        compose={"volumes": volumes},
    )
    named = (Volume(key="key", name=data),) if data else ()
    return app(name, made, digest=digest, placement=Placement(hosts=hosts), volumes=named)


def chosen(of, role=Role.HEAD):
    return TargetRelease(app=of, commit=COMMIT, role=role)


def roles(former, *choices, heads=()):
    """What becomes of these choices; `heads` are apps as Git has them, where that is not chosen: else without anything."""
    by_key = {each.app.key: each for each in choices}
    apps = {
        each.app.key: each.app if each.role is Role.HEAD else having(each.app.key.name) for each in choices
    } | {each.key: each for each in heads}
    found = roll_back_together(apps.values(), lambda of: by_key[of.key], lambda of: former.get(of.key.name))
    return {each.app.key.name: (each.role, each.app.digest) for each in found}


@pytest.mark.parametrize("had", [{"ports": (1,)}, {"container_name": "pg"}], ids=["port", "name"])
def test_what_has_what_another_one_goes_back_to_goes_back_too(had):
    failed = chosen(having("a", digest="old", **had), Role.ROLLBACK)
    former = {"b": chosen(having("b", digest="old", ports=(9,)))}
    assert roles(former, failed, chosen(having("b", **had)))["b"] == (Role.WAITING, "old")


def test_three_that_passed_ports_round_go_back_all():
    failed = chosen(having("a", ports=(1,), digest="old"), Role.ROLLBACK)
    former = {
        "b": chosen(having("b", ports=(2,), digest="old")),
        "c": chosen(having("c", ports=(3,), digest="old")),
    }
    found = roles(former, failed, chosen(having("c", ports=(2,))), chosen(having("b", ports=(1,))))
    assert {name: role for name, (role, _) in found.items()} == {
        "a": Role.ROLLBACK,
        "b": Role.WAITING,
        "c": Role.WAITING,
    }


@pytest.mark.parametrize(
    ("other", "former"),
    [
        (having("b", ports=(2,)), {"b": chosen(having("b", ports=(3,), digest="old"))}),
        (having("b", ports=(1,), hosts=("h2",)), {"b": chosen(having("b", digest="old"))}),
        (having("b", ports=(1,)), {}),
        (having("b", ports=(1,)), {"b": chosen(having("b", ports=(1,), digest="old"))}),
    ],
    ids=["another port", "another host", "never stable", "had it before"],
)
def test_nobody_else_goes_back(other, former):
    failed = chosen(having("a", ports=(1,), digest="old", hosts=("h1",)), Role.ROLLBACK)
    assert roles(former, failed, chosen(other))["b"][0] is Role.HEAD


def test_data_that_passed_on_goes_back():
    failed = chosen(having("a", data="rows", digest="old"), Role.ROLLBACK)
    former = {"b": chosen(having("b", digest="old"))}
    found = roles(former, failed, chosen(having("b", data="rows")), heads=(having("a"),))
    assert found["b"] == (Role.WAITING, "old")


@pytest.mark.parametrize("data", ["rows", "others"])
def test_data_that_both_have_in_git_or_that_is_another_takes_nobody_back(data):
    failed = chosen(having("a", data="rows", digest="old"), Role.ROLLBACK)
    former = {"b": chosen(having("b", digest="old"))}
    head = having("a", data="rows" if data == "rows" else "")
    assert roles(former, failed, chosen(having("b", data=data)), heads=(head,))["b"][0] is Role.HEAD


@pytest.mark.parametrize("had", [{"ports": (1,)}, {"container_name": "pg"}], ids=["port", "name"])
def test_two_apps_that_have_the_same_in_git_are_on_different_hosts_and_nothing_goes_back(had):
    failed = chosen(having("a", digest="old", **had), Role.ROLLBACK)
    former = {"b": chosen(having("b", digest="old"))}
    found = roles(former, failed, chosen(having("b", **had)), heads=[having("a", **had)])
    assert found["b"][0] is Role.HEAD


@pytest.mark.parametrize(
    "had", [{"ports": (1,)}, {"container_name": "pg"}, {"data": "rows"}], ids=["port", "name", "data"]
)
def test_what_gave_something_to_a_release_that_failed_goes_back_too(had):
    failed = chosen(having("a", digest="old"), Role.ROLLBACK)
    former = {"b": chosen(having("b", digest="old", **had))}
    by_key = {each.app.key: each for each in (failed, chosen(having("b")))}
    apps = (having("a", **had), having("b"))

    def roles_if(stable):
        found = roll_back_together(
            apps, lambda of: by_key[of.key], lambda of: former.get(of.key.name), lambda *_: stable
        )
        return {each.app.key.name: (each.role, each.app.digest) for each in found}

    assert roles_if(stable=False)["b"] == (Role.WAITING, "old")
    assert roles_if(stable=True)["b"] == (Role.HEAD, "head")
