"""A host that is down, or that hangs, is unknown: the others go on, and it catches up with what is current then."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from integration.world import World, compose, on, service
from lab.host import LabHost

FAILURES: dict[str, Callable[[LabHost], AbstractContextManager[None]]] = {
    "is stopped": LabHost.stopped,
    "accepts and never answers": LabHost.paused,
}


def apps(version: int) -> dict[str, str]:
    return {
        f"apps/{name}/compose.yaml": compose(
            {"api": service(environment={"VERSION": str(version)}, restart="unless-stopped")},
            **{"x-gitops": on(host)},
        )
        for name, host in (("one", "h1"), ("two", "h2"), ("three", "h3"))
    }


def version(world: World, app: str) -> str:
    return next(
        entry.partition("=")[2]
        for entry in world.one(f"{app}/api").environment
        if entry.startswith("VERSION=")
    )


@pytest.mark.parametrize("failure", FAILURES)
def test_others_converge_while_one_engine(fleet: World, failure: str):
    fleet.commit(apps(1))
    fleet.deploy()
    lost = fleet.hosts["h2"]
    before = fleet.one("two/api")

    with FAILURES[failure](lost):
        fleet.commit(apps(2))
        reply = fleet.sync()
        fleet.commit(apps(3))

    assert reply.exit_code == 3, reply.text
    assert reply.document["unknown_hosts"] == ["h2"]
    assert [reply.app(name)["sync"] for name in ("one", "two", "three")] == ["in-sync", "unknown", "in-sync"]
    assert (version(fleet, "one"), version(fleet, "three")) == ("2", "2")
    assert fleet.one("two/api").id == before.id

    back = fleet.converge()

    assert [version(fleet, name) for name in ("one", "two", "three")] == ["3", "3", "3"]
    made = [
        action["name"] for action in back.actions if action["kind"] == "create" and action["host"] == "h2"
    ]
    assert made == [fleet.one("two/api").name]  # straight to the third commit, without the second


def test_an_app_is_not_started_elsewhere_because_its_host_is_silent(fleet: World):
    fleet.commit({"apps/web/compose.yaml": compose({"front": service()})})
    fleet.deploy()
    front = fleet.one("web/front")

    with fleet.hosts[front.host].stopped():
        reply = fleet.sync()
        assert reply.exit_code == 3, reply.text
        elsewhere = [name for name in fleet.hosts if name != front.host]
        assert [seen for name in elsewhere for seen in fleet.containers(name)] == []


def test_nothing_of_an_app_that_left_git_is_forgotten_on_a_host_that_was_down(fleet: World):
    keep = {"apps/keep/compose.yaml": compose({"api": service()}, **{"x-gitops": on("h1")})}
    gone = {"apps/gone/compose.yaml": compose({"api": service()}, **{"x-gitops": on("h2")})}
    fleet.commit(keep | gone)
    fleet.deploy()

    with fleet.hosts["h2"].stopped():
        fleet.commit({"apps/gone/compose.yaml": None})
        assert fleet.sync().exit_code == 3

    fleet.converge()

    assert [seen.service for seen in fleet.ours()] == ["keep/api"]
