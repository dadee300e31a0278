"""Fixed addresses that pass from one container to another, on simulated hosts that give addresses out as Engines do."""

import pytest
from simulation import tampering

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from tests.story import Scenario

NETWORK = "networks: {lan: {name: lan, ipam: {config: [{subnet: 172.20.0.0/24}]}}}"
SHARED = "networks: {lan: {name: lan, external: true}}"
FIRST = "172.20.0.2"  # what the Engine gives to the first that asks for none


@pytest.fixture
def story() -> Scenario:
    images = {"shop:1": ImageBehaviour(), "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)}
    return Scenario(images)


def on_lan(address: str = "", image: str = "shop:1", more: str = "") -> str:
    networks = f"{{lan: {{ipv4_address: {address}}}}}" if address else "[lan]"
    return f'{{image: "{image}", networks: {networks}{more}}}'


def one_app(**services: str) -> dict[str, str]:
    lines = "\n".join(f"  {name}: {text}" for name, text in services.items())
    return {"apps/s/compose.yaml": f"services:\n{lines}\n{NETWORK}"}


def two_apps(a: str, b: str) -> dict[str, str]:
    return {
        "apps/one/compose.yaml": f"services:\n  a: {a}\n{NETWORK}",
        "apps/two/compose.yaml": f"services:\n  b: {b}\n{SHARED}",
    }


def addresses(story: Scenario) -> dict[str, str]:
    return {
        each.labels["com.docker.compose.service"]: each.held["lan"][0]
        for each in story.world.containers.values()
        if each.state is State.RUNNING and "com.docker.compose.service" in each.labels
    }


def settled(story: Scenario) -> bool:
    plan = story.plan()
    return (plan.actions, plan.holds) == ((), ())


SWAPS = {
    "in one app": lambda one, two: one_app(a=on_lan(one), b=on_lan(two)),
    "of a dependent": lambda one, two: one_app(a=on_lan(one, more=", depends_on: [b]"), b=on_lan(two)),
    "of two apps": lambda one, two: two_apps(on_lan(one), on_lan(two)),
}


@pytest.mark.parametrize("where", SWAPS, ids=str)
def test_two_addresses_are_swapped_in_one_run(story, where):
    story.commit(SWAPS[where]("172.20.0.10", "172.20.0.11"))
    assert story.sync().exit_code == 0
    story.commit(SWAPS[where]("172.20.0.11", "172.20.0.10"))
    assert story.sync().exit_code == 0
    assert addresses(story) == {"a": "172.20.0.11", "b": "172.20.0.10"}
    assert settled(story)


def test_a_swap_that_fails_goes_back_as_a_whole(story):
    story.commit(one_app(a=on_lan("172.20.0.10"), b=on_lan("172.20.0.11")))
    story.sync()
    story.commit(one_app(a=on_lan("172.20.0.11", "bad:1"), b=on_lan("172.20.0.10")))
    assert story.sync().exit_code == 4
    assert addresses(story) == {"a": "172.20.0.10", "b": "172.20.0.11"}


def test_an_address_moves_to_another_app_in_one_run(story):
    story.commit(two_apps(on_lan("172.20.0.10"), on_lan()))
    story.sync()
    story.commit(two_apps(on_lan(), on_lan("172.20.0.10")))
    assert story.sync().exit_code == 0
    assert addresses(story)["b"] == "172.20.0.10"
    assert settled(story)


@pytest.mark.parametrize("also", ["", ", depends_on: [a]"], ids=["apart", "dependent"])
def test_what_has_an_address_by_chance_is_moved_and_goes_on_running(story, also):
    story.commit(one_app(a=on_lan(), b='{image: "shop:1"}'))
    story.sync()
    before = story.containers()["a"]
    assert addresses_of(before) == (FIRST,)
    story.commit(one_app(a=on_lan(), b=on_lan(FIRST, more=also)))
    assert story.sync().exit_code == 0
    after = story.containers()["a"]
    assert (after.id, after.started_at) == (before.id, before.started_at)
    assert addresses(story)["b"] == FIRST
    assert addresses(story)["a"] != FIRST
    assert settled(story)


def addresses_of(container) -> tuple[str, ...]:
    return container.held["lan"]


def test_what_was_moved_for_a_start_that_failed_is_attached_again(story):
    story.commit(one_app(a=on_lan(), b='{image: "shop:1"}'))
    story.sync()
    story.fleet.registry.push("no:1", ImageBehaviour(start_error="no such file"))
    story.commit(one_app(a=on_lan(), b=on_lan(FIRST, "no:1")))
    assert story.sync().exit_code != 0
    story.sync()
    assert "lan" in story.containers()["a"].networks


def test_a_strangers_address_touches_nothing_and_is_free_once_it_has_gone(story):
    story.commit(one_app(a=on_lan("172.20.0.10")))
    story.sync()
    stranger = tampering.run_foreign(
        story.world, "stranger", network="lan", addresses={"lan": ("172.20.0.20",)}
    )
    story.commit(one_app(a=on_lan("172.20.0.20")))
    assert story.sync().exit_code == 1
    assert addresses(story) == {"a": "172.20.0.10"}
    (hold,) = story.plan().holds
    assert "address 172.20.0.20 of network lan is taken on h1 by container stranger" in hold.reason
    requests.remove(story.world, stranger)
    assert story.sync().exit_code == 0
    assert addresses(story) == {"a": "172.20.0.20"}


@pytest.mark.parametrize("also", ["", ", depends_on: [b]"], ids=["apart", "dependent"])
def test_a_new_app_gives_nobody_by_chance_the_address_of_another(story, also):
    story.commit(one_app(a=on_lan(more=also), b=on_lan(FIRST), c=on_lan("172.20.0.4"), d=on_lan()))
    assert story.sync().exit_code == 0
    assert addresses(story) == {"a": "172.20.0.3", "b": FIRST, "c": "172.20.0.4", "d": "172.20.0.5"}


def test_a_new_app_whose_service_depends_on_what_has_its_address_by_chance_comes_up_at_the_next_look(story):
    story.commit(one_app(a=on_lan(), b=on_lan(FIRST, more=", depends_on: [a]")))
    story.sync()
    story.clock.sleep(60)
    assert story.sync().exit_code == 0
    assert addresses(story)["b"] == FIRST
