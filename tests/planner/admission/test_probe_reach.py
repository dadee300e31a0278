"""A probe that could not reach a container holds its app before anything is touched."""

import pytest

from gitops_orch.model.app import Port, Readiness
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, host, kinds, replace, seen, service, world

TCP = Readiness(port=8080)
PUBLISHED = Port(target=8080, published=80)


def plan_on(url, *services):
    shop = app("shop", *services)
    return make_plan(world(shop, observed={"h1": seen()}, hosts=(replace(host(), url=url),)))


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("unix:///var/run/docker.sock", service(readiness=TCP)),
        ("tcp://h1:2376", service(readiness=TCP, ports=(PUBLISHED,))),
        ("tcp://h1:2376", service(readiness=TCP, ports=(replace(PUBLISHED, published=None),))),
        ("ssh://root@h1", service(readiness=TCP, compose={"network_mode": "host"})),
        ("ssh://root@h1", service(readiness=Readiness(command=("true",)))),
    ],
)
def test_a_container_that_can_be_asked_is_rolled_out(url, asked):
    assert "start" in kinds(plan_on(url, asked))


@pytest.mark.parametrize(
    ("url", "asked", "why"),
    [
        ("tcp://h1:2376", service(readiness=TCP), "port 8080 is not published"),
        (
            "ssh://h1",
            service(readiness=TCP, ports=(replace(PUBLISHED, host_ip="127.0.0.1"),)),
            "is not published",
        ),
        ("ssh://h1", service(readiness=TCP, ports=(replace(PUBLISHED, protocol="udp"),)), "is not published"),
        ("unix:///x", service(readiness=TCP, compose={"network_mode": "none"}), "it has no network"),
    ],
)
def test_one_that_cannot_be_asked_is_held_with_the_way_out(url, asked, why):
    plan = plan_on(url, asked)
    assert plan.actions == ()
    assert why in plan.holds[0].reason
    assert "publish the port, or use readiness.exec" in plan.holds[0].reason
    assert plan.holds[0].error


def test_a_container_in_the_network_of_another_is_asked_by_the_ports_of_that_one():
    joined = service("api", readiness=TCP, compose={"network_mode": "service:proxy"})
    assert "start" in kinds(plan_on("tcp://h1:2376", service("proxy", ports=(PUBLISHED,)), joined))
    assert plan_on("tcp://h1:2376", service("proxy"), joined).actions == ()
