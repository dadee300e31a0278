"""A rollout takes no service down: four replicas on two hosts, looked at from outside fifty times a second."""

from collections.abc import Mapping

import pytest
from integration.probe import HEALTHY, Probe, probing
from integration.world import Seen, World, compose, service
from lab.commands import wait_for

WEB, SHOP = "apps/web/compose.yaml", "apps/shop/compose.yaml"
SLOT = "gitops-orch.slot"
HERE_ONLY = "127.0.0.1:1/nothing:1"  # a registry that refuses at once
REPLICAS = 4
LOOKS_SHARE_MIN = 0.25  # of what the probe manages just before, on the same machine at rest
CALM_LOOKS = 25
TWO_HOSTS = {"placement": {"hosts": ["h1", "h2"]}}


def four(image: str = "stub:healthy-1", rollout: Mapping[str, object] | None = None, **update: object) -> str:
    deploy = {"replicas": REPLICAS, "placement": {"max_replicas_per_node": 2}}
    policy = {"rollout": rollout} if rollout else {}
    front = service(image, deploy={**deploy, "update_config": {"monitor": "1ms", **update}})
    return compose({"front": front}, **{"x-gitops": {**TWO_HOSTS, **policy}})


def roll(world: World, text: str) -> tuple[list[Seen], list[Seen], Probe, int]:
    """Commit a file and sync; return the containers of before and after, what was seen of it, and the exit code."""
    before = world.ours("web/front")
    assert sorted(seen.host for seen in before) == ["h1", "h1", "h2", "h2"]
    hosts = list(world.hosts.values())[:2]
    with probing(hosts) as calm:
        wait_for("looks at rest", lambda: len(calm.looks) >= CALM_LOOKS, deadline_s=60)
    world.commit({WEB: text})
    with probing(hosts) as probe:
        reply = world.sync()
    assert probe.looks_per_s >= LOOKS_SHARE_MIN * calm.looks_per_s
    return before, world.ours("web/front"), probe, reply.exit_code


@pytest.fixture
def deployed(fleet: World) -> World:
    fleet.commit({WEB: four()})
    fleet.deploy()
    return fleet


def test_start_first_no_container_stops_before_its_successor_is_healthy(deployed: World):
    before, after, probe, exit_code = roll(deployed, four("stub:healthy-2"))

    assert exit_code == 0
    assert probe.fewest_healthy("web") >= REPLICAS
    assert {seen.image for seen in after} == {"stub:healthy-2"}
    successors = {seen.labels[SLOT]: seen for seen in after}
    for old in before:
        new = successors[old.labels[SLOT]]
        assert probe.at(new.name, HEALTHY) < probe.at(old.name, "kill")


def test_stop_first_no_more_containers_are_away_than_the_file_allows(deployed: World):
    two_at_once = four(
        "stub:healthy-2", {"max_unavailable": 2, "max_surge": 0}, order="stop-first", parallelism=2
    )
    _, after, probe, exit_code = roll(deployed, two_at_once)

    assert exit_code == 0
    assert probe.fewest_healthy("web") >= REPLICAS - 2
    assert {seen.image for seen in after} == {"stub:healthy-2"}


def test_a_release_that_fails_takes_no_container_of_the_old_one_down(deployed: World):
    before, after, probe, exit_code = roll(deployed, four("stub:unhealthy", parallelism=0))

    assert exit_code == 4
    assert probe.fewest_healthy("web") == REPLICAS
    assert [seen for seen in after if seen.state == "running"] == before
    assert not any(probe.happened(old.name, "kill") for old in before)


def test_an_image_that_one_of_two_hosts_cannot_pull_touches_nothing_on_either_and_holds_no_other_app_up(
    deployed: World,
):
    with deployed.hosts["h1"].client() as client:
        client.tag("stub:2", HERE_ONLY.removesuffix(":1"), "1")
    deployed.commit({SHOP: compose({"api": service("stub:1")})})
    deployed.deploy()

    deployed.files[SHOP] = compose({"api": service("stub:2")})  # in the same commit
    before, after, probe, exit_code = roll(deployed, four(HERE_ONLY))

    assert exit_code == 1
    assert after == before
    assert [step for step in probe.steps if step.name.startswith("web-")] == []
    assert deployed.one("shop/api").image == "stub:2"

    with deployed.hosts["h2"].client() as client:
        client.tag("stub:2", HERE_ONLY.removesuffix(":1"), "1")
    deployed.deploy()
    assert {seen.image for seen in deployed.ours("web/front")} == {HERE_ONLY}
