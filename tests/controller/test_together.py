"""An app goes back with another one only where that one needs what it has, and only to where it is no longer in the way."""

import pytest
from planner.builders import COMMIT, app, service

from gitops_orch.controller.together import go_back_together
from gitops_orch.model.app import Placement, Port
from gitops_orch.planner.world import Chosen, Role


def having(name, *, ports=(), container_name=None, digest="head", hosts=()):
    made = service(
        "web", ports=tuple(Port(target=80, published=p) for p in ports), container_name=container_name
    )
    return app(name, made, digest=digest, placement=Placement(hosts=hosts))


def chosen(of, role=Role.HEAD):
    return Chosen(app=of, commit=COMMIT, role=role)


def roles(former, *choices):
    found = go_back_together(choices, lambda of: former.get(of.key.name))
    return {each.app.key.name: (each.role, each.app.digest) for each in found}


@pytest.mark.parametrize("had", [{"ports": (1,)}, {"container_name": "pg"}], ids=["port", "name"])
def test_what_has_what_another_one_goes_back_to_goes_back_too(had):
    failed = chosen(having("a", digest="old", **had), Role.FALLBACK)
    former = {"b": chosen(having("b", digest="old", ports=(9,)))}
    assert roles(former, failed, chosen(having("b", **had)))["b"] == (Role.WAITING, "old")


def test_three_that_passed_ports_round_go_back_all():
    failed = chosen(having("a", ports=(1,), digest="old"), Role.FALLBACK)
    former = {
        "b": chosen(having("b", ports=(2,), digest="old")),
        "c": chosen(having("c", ports=(3,), digest="old")),
    }
    found = roles(former, failed, chosen(having("c", ports=(2,))), chosen(having("b", ports=(1,))))
    assert {name: role for name, (role, _) in found.items()} == {
        "a": Role.FALLBACK,
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
    failed = chosen(having("a", ports=(1,), digest="old", hosts=("h1",)), Role.FALLBACK)
    assert roles(former, failed, chosen(other))["b"][0] is Role.HEAD
