"""Networks whose file says a subnet, beside networks to which the Engine gives one."""

import pytest

from gitops_orch.model.app import Network
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, replace, service, world

V4 = {"ipam": {"config": [{"subnet": "192.168.203.0/24"}]}}
V6 = {"driver": "bridge", "ipam": {"config": [{"subnet": "fd00:203::/64"}]}}


def plan_of(*services, **networks):
    """Return the created networks, by key, each with the keys of the networks that it waits for."""
    all_of_them = tuple(Network(key=key, name=f"shop_{key}", compose=body) for key, body in networks.items())
    plan = make_plan(world(replace(app("shop", *services), networks=all_of_them)))
    made = {action.id: action for action in plan.actions if action.kind.value == "create_network"}
    return {
        action.name.removeprefix("shop_"): {made[each].name[5:] for each in action.after if each in made}
        for action in made.values()
    }


@pytest.mark.parametrize("fixed", [V4, V6], ids=["v4", "v6"])
def test_a_network_without_a_subnet_cannot_take_the_subnet_of_another(fixed):
    web = service("web", networks=("aweb", "default", "noinet"))
    found = plan_of(web, aweb={}, default=fixed, noinet={"internal": True, "ipam": {"config": []}})
    assert found == {"aweb": {"default"}, "default": set(), "noinet": {"default"}}


def test_the_network_with_the_subnet_comes_first_where_a_later_service_uses_it():
    found = plan_of(service("a", networks=("front",)), service("z", networks=("mail",)), front={}, mail=V4)
    assert found == {"front": {"mail"}, "mail": set()}


def test_networks_that_all_have_a_subnet_wait_for_none():
    found = plan_of(service("web", networks=("one", "two")), one=V4, two=V6)
    assert found == {"one": set(), "two": set()}
