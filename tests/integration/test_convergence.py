"""Five apps on three real Engines: they converge, stay, change where Git changed, and go back with a revert."""

import time

import pytest
from integration.world import World, by_hand, compose, on, service

FIVE = {
    "apps/web/compose.yaml": compose({"front": service(), "back": service("stub:2")}),
    "apps/shop/compose.yaml": compose({"api": service(deploy={"replicas": 3})}),
    "apps/agent/compose.yaml": compose({"agent": service(deploy={"mode": "global"})}),
    "apps/store/compose.yaml": compose(
        {"db": service(volumes=["rows:/rows"])}, volumes={"rows": {}}, **{"x-gitops": on("h3")}
    ),
    "apps/health/compose.yaml": compose({"probe": service("stub:healthy-1")}, **{"x-gitops": on("h2")}),
}


def front(value: str) -> str:
    return compose({"front": service(environment={"COLOUR": value}), "back": service("stub:2")})


class TestFiveAppsOnThreeEngines:
    def test_converge_and_one_that_left_git_is_removed_with_its_network_and_nothing_else(self, fleet: World):
        fleet.commit(FIVE)

        first = fleet.converge()

        assert {row["sync"] for row in first.document["apps"]} == {"in-sync"}
        assert {row["health"] for row in first.document["apps"]} == {"healthy"}
        counts = {}
        for seen in fleet.ours():
            counts[seen.service] = counts.get(seen.service, 0) + 1
        assert counts == {
            "web/front": 1,
            "web/back": 1,
            "shop/api": 3,
            "agent/agent": 3,
            "store/db": 1,
            "health/probe": 1,
        }
        assert {seen.host for seen in fleet.ours("agent/agent")} == {"h1", "h2", "h3"}
        assert {seen.state for seen in fleet.ours()} == {"running"}
        before = fleet.ids()
        gone = {seen.name for seen in fleet.ours() if seen.service.startswith("web/")}

        fleet.commit({"apps/web/compose.yaml": None})
        fleet.converge()

        assert fleet.ids() == {name: identity for name, identity in before.items() if name not in gone}
        assert not {network for network in fleet.networks() if "web" in network}

    def test_a_changed_variable_recreates_its_service_alone_and_a_revert_brings_it_back(self, fleet: World):
        fleet.commit(FIVE | {"apps/web/compose.yaml": front("green")})
        fleet.converge()
        before = fleet.ids()
        green = fleet.one("web/front")

        fleet.commit({"apps/web/compose.yaml": front("blue")})
        fleet.converge()

        blue = fleet.one("web/front")
        assert "COLOUR=blue" in blue.environment
        assert set(fleet.ids().items()) ^ set(before.items()) == {
            (green.name, green.id),
            (blue.name, blue.id),
        }

        fleet.revert_head()
        fleet.converge()

        again = fleet.one("web/front")
        assert "COLOUR=green" in again.environment
        assert again.name == green.name
        untouched = {name: before[name] for name in before if name != green.name}
        assert untouched.items() <= fleet.ids().items()

    def test_what_is_not_ours_survives_everything(self, fleet: World):
        stranger = by_hand(fleet.hosts["h1"], "stranger")
        other = by_hand(
            fleet.hosts["h1"],
            "web-front-1-aaaaaaa",
            labels={
                "gitops-orch.instance": "another",
                "gitops-orch.app": "web",
                "gitops-orch.namespace": "default",
                "gitops-orch.service": "front",
            },
        )
        fleet.commit(
            {"apps/web/compose.yaml": front("green"), "apps/shop/compose.yaml": compose({"api": service()})}
        )
        fleet.converge()
        fleet.commit({"apps/web/compose.yaml": front("blue")})
        fleet.converge()
        fleet.commit({"apps/shop/compose.yaml": None})
        fleet.converge()

        kept = {seen.id: seen for seen in fleet.containers("h1")}
        assert kept[stranger].state == kept[other].state == "running"
        assert kept[stranger].restart_count == kept[other].restart_count == 0


class TestMoving:
    def test_an_app_without_data_runs_there_before_it_leaves_here(self, fleet: World):
        def web(host: str) -> dict[str, str]:
            return {"apps/web/compose.yaml": compose({"front": service()}, **{"x-gitops": on(host)})}

        fleet.commit(web("h1"))
        fleet.converge()
        old = fleet.one("web/front")
        began = time.time()

        fleet.commit(web("h2"))
        reply = fleet.converge()

        new = fleet.one("web/front")
        assert (old.host, new.host) == ("h1", "h2")
        assert [kind for kind in reply.kinds if "network" not in kind] == [
            "create",
            "start",
            "wait_healthy",
            "stop",
            "remove",
        ]
        happened = fleet.happened(since=began)
        assert happened.index(("h2", "start", new.name)) < happened.index(("h1", "die", old.name))

    @pytest.mark.parametrize("to", ["h2", "h3"])
    def test_an_app_with_writable_volumes_stays_and_says_why(self, fleet: World, to: str):
        def store(host: str) -> dict[str, str]:
            text = compose(
                {"db": service(volumes=["rows:/rows"])}, volumes={"rows": {}}, **{"x-gitops": on(host)}
            )
            return {"apps/store/compose.yaml": text}

        fleet.commit(store("h1"))
        fleet.converge()
        before = fleet.ids()

        fleet.commit(store(to))
        plan = fleet.run("plan")

        assert plan.actions == []
        assert any("store" in hold["subject"] and "h1" in hold["reason"] for hold in plan.document["holds"])
        fleet.sync()
        assert fleet.ids() == before
