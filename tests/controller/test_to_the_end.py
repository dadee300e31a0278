"""One sync goes to the end: what one app creates and another uses comes and goes in one run, or a sentence says why not."""

import pytest

from gitops_orch.model.status import Outcome
from tests.story import Scenario

USER, OWNER = "app/compose.yaml", "zproxy/compose.yaml"
MONITOR = "    deploy: {update_config: {monitor: 1ms}}\n"


def app(uses, top, *, name="web"):
    return f"services:\n  {name}:\n    image: web:1\n{MONITOR}    {uses}\n{top}\n"


NETWORK_USER = app("networks: [edge]", "networks: {edge: {external: true}}")
NETWORK_OWNER = app("networks: [edge]", "networks: {edge: {name: edge}}")
VOLUME_USER = app("volumes: ['rows:/rows:ro']", "volumes: {rows: {external: true}}")
VOLUME_OWNER = app("volumes: ['rows:/rows']", "volumes: {rows: {name: rows}}")
A_TO_B = app("networks: [a, b]", "networks: {a: {name: a}, b: {name: b, external: true}}")
B_TO_A = app("networks: [a, b]", "networks: {a: {name: a, external: true}, b: {name: b}}")
PAIRS = {
    "a network": {USER: NETWORK_USER, OWNER: NETWORK_OWNER},
    "a volume": {USER: VOLUME_USER, OWNER: VOLUME_OWNER},
    "a network of an app that comes first by name": {
        "aproxy/compose.yaml": NETWORK_OWNER,
        USER: NETWORK_USER,
    },
    "a network of each other": {USER: A_TO_B, OWNER: B_TO_A},
}


@pytest.mark.parametrize("pair", PAIRS)
def test_one_sync_creates_what_one_app_declares_and_another_uses(pair):
    story = Scenario()
    story.commit(PAIRS[pair])
    report = story.sync()
    assert (report.exit_code, report.status) == (0, "in-sync")
    assert {each.state.value for each in story.world.containers.values()} == {"running"}
    assert story.plan().actions == ()


@pytest.mark.parametrize("pair", PAIRS)
def test_one_sync_removes_both_and_no_network_before_its_user(pair):
    story = Scenario()
    others = {"other/compose.yaml": "services:\n  web: {image: web:1, scale: 8}\n"}
    story.commit(PAIRS[pair] | others)
    assert story.sync().exit_code == 0
    story.commit(others)
    report = story.sync()
    assert (report.exit_code, report.status) == (0, "in-sync")
    assert {result.outcome for result in report.results} == {Outcome.DONE}
    assert {"a", "b", "edge"}.isdisjoint(story.world.networks)
    assert {each.labels["gitops-orch.app"] for each in story.world.containers.values()} == {"other"}


@pytest.mark.parametrize("operation", ["create_network", "create", "start"])
@pytest.mark.parametrize("after", [False, True])
def test_what_a_killed_controller_left_is_finished_by_one_sync(operation, after):
    story = Scenario()
    story.commit(PAIRS["a network"])
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    assert story.plan().actions == ()


@pytest.mark.parametrize("operation", ["stop", "remove", "remove_network"])
def test_what_a_killed_controller_left_of_a_removal_is_finished_by_one_sync(operation):
    story = Scenario()
    others = {"other/compose.yaml": "services:\n  web: {image: web:1, scale: 8}\n"}
    story.commit(PAIRS["a network"] | others)
    story.sync()
    story.commit(others)
    story.crash_at(operation, after=True)
    assert story.sync().exit_code == 0
    assert "edge" not in story.world.networks


def test_a_user_whose_owner_is_held_says_which_app_declares_the_network():
    story = Scenario()
    story.commit({USER: NETWORK_USER, OWNER: "x-gitops: {hold: {reason: later}}\n" + NETWORK_OWNER})
    report = story.sync()
    row = next(row for row in report.final_status.apps if row.key.name == "app")
    assert report.exit_code == 1
    assert "external network edge is not on h1" in row.reason
    assert "default/zproxy declares it" in row.reason


def test_a_network_that_nobody_declares_says_what_to_type():
    story = Scenario()
    story.commit({USER: NETWORK_USER})
    (row,) = story.sync().final_status.apps
    assert "docker network create edge" in row.reason


def test_a_network_that_a_remaining_app_uses_stays_and_says_who_uses_it():
    story = Scenario()
    others = {"other/compose.yaml": "services:\n  web: {image: web:1, scale: 8}\n"}
    story.commit(PAIRS["a network"] | others)
    story.sync()
    story.commit({USER: NETWORK_USER} | others)
    report = story.sync()
    row = next(row for row in report.final_status.apps if row.key.name == "zproxy")
    assert "app default/app" in row.reason
    assert "edge" in story.world.networks
    assert report.exit_code == 0


def test_every_app_that_is_not_in_sync_or_not_healthy_says_why():
    story = Scenario()
    story.commit({USER: app("environment: {A: '1'}", "")})
    (row,) = story.reconciler.read_status().apps
    assert "steps are left, the first is: pull" in row.reason
    story.sync()
    story.commit({"other/compose.yaml": app("environment: {A: '1'}", "")})
    going = next(row for row in story.reconciler.read_status().apps if row.key.name == "app")
    assert going.reason.startswith("its app left Git; ")
