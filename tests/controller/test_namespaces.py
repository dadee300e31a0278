"""Services that live in another one's namespace: created once for a new parent, restarted after one that restarted."""

import itertools

import pytest
from simulation import tampering

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome
from tests.story import Scenario

APP = "vpn/compose.yaml"
SLOW = {"gate:1": ImageBehaviour(healthcheck=True, healthy_after_s=8.0)}
QUICK = "    deploy: {update_config: {monitor: 1ms}}\n    restart: always\n"
WAITS = "    depends_on: {gate: {condition: service_healthy}}\n"
JOINS = {
    "network": "network_mode: 'service:gate'",
    "ipc": "ipc: 'service:gate'",
    "pid": "pid: 'service:gate'",
    "volumes": "volumes_from: [gate]",
}


def gate(value=1, more=""):
    return f"  gate:\n    image: gate:1\n    environment: {{V: '{value}'}}\n{QUICK}{more}"


def side(join=JOINS["network"], *, name="side", waits=WAITS):
    return f"  {name}:\n    image: side:1\n    {join}\n{QUICK}{waits}"


def app(*services):
    return {APP: "services:\n" + "".join(services)}


def up(*services, images=SLOW):
    story = Scenario(images)
    story.commit(app(*services))
    assert story.sync().exit_code == 0
    return story


def interrupted(story, looks=2):
    """One run of the service that yields to something more urgent while it waits for a gate."""
    count = itertools.count()
    return story.reconciler.run(trigger="event", control=RunControl(should_yield=lambda: next(count) > looks))


def live(story):
    """The only running container of each service, by its name in the file."""
    found = [each for each in story.world.containers.values() if each.up]
    by_service = {each.labels["com.docker.compose.service"]: each for each in found}
    assert len(by_service) == len(found), [each.name for each in found]
    return by_service


def creates(reports, service):
    return [
        result.action.name
        for report in reports
        for result in report.results
        if result.action.kind is Kind.CREATE
        and result.action.service == service
        and result.outcome is Outcome.DONE
    ]


@pytest.mark.parametrize("join", JOINS)
def test_a_child_is_created_once_for_a_parent_that_is_still_being_proved(join):
    story = up(gate(), side(JOINS[join]))
    story.commit(app(gate(2), side(JOINS[join])))
    reports = [interrupted(story) for _ in range(6)]
    reports.append(story.sync())
    assert len(creates(reports, "side")) == 1
    assert story.plan().actions == ()
    now = live(story)
    bound = {*filter(None, (now["side"].joins,)), *now["side"].joins_too, *now["side"].volumes_from}
    assert now["gate"].id in bound
    assert story.plan().holds == ()


def test_a_chain_of_two_is_created_once_for_a_parent_that_is_still_being_proved():
    inner = side("network_mode: 'service:side'", name="inner", waits="")
    story = up(gate(), side(), inner)
    story.commit(app(gate(2), side(), inner))
    reports = [interrupted(story) for _ in range(6)]
    reports.append(story.sync())
    assert (len(creates(reports, "side")), len(creates(reports, "inner"))) == (1, 1)
    now = live(story)
    assert (now["side"].joins, now["inner"].joins) == (now["gate"].id, now["side"].id)


def test_a_child_of_a_parent_with_replicas_stays_with_the_one_that_it_lives_in():
    story = up(gate(more="    scale: 2\n"), side())
    gates = {each.id: each for each in story.world.containers.values() if each.image == "gate:1"}
    child = live_one(story, "side")
    (other,) = [each for identity, each in gates.items() if identity != child.joins]
    requests.remove(story.world, other)
    story.sync()
    assert live_one(story, "side").id == child.id
    requests.remove(story.world, gates[child.joins])
    story.sync()
    assert live_one(story, "side").id != child.id
    assert story.plan().actions == ()


def live_one(story, service):
    (found,) = [
        each
        for each in story.world.containers.values()
        if each.up and each.labels["com.docker.compose.service"] == service
    ]
    return found


def test_a_gateway_that_git_changes_ten_times_in_five_minutes_is_nobodys_fight():
    story = up(gate(), side(), images={})
    for value in range(2, 12):
        story.commit(app(gate(value), side()))
        assert story.sync().exit_code == 0
        story.clock.sleep(20)
    requests.remove(story.world, live_one(story, "gate"))
    assert story.sync().exit_code == 0
    assert live(story)["side"].joins == live(story)["gate"].id


def restart(story, service="gate"):
    """`docker restart`, a second later than all else."""
    story.clock.sleep(1)
    story.plan()  # its host notices that time has passed
    container = live_one(story, service)
    requests.stop(story.world, container, killed=False)
    requests.start(story.world, container)


def restarts(report):
    return [result.action.service for result in report.results if result.action.kind is Kind.RESTART]


@pytest.mark.parametrize("join", ["network", "ipc", "pid"])
def test_a_child_is_restarted_after_a_gateway_that_was_restarted_by_hand(join):
    story = up(gate(), side(JOINS[join]), images={})
    child = live_one(story, "side").id
    restart(story)
    report = story.sync()
    assert restarts(report) == ["side"]
    assert "has lost the namespace" in report.results[0].action.reason
    assert live_one(story, "side").id == child
    assert live_one(story, "side").started_at >= live_one(story, "gate").started_at
    assert story.plan().actions == ()


def test_a_child_is_restarted_after_a_gateway_that_its_engine_restarted():
    story = up(gate(), side(), images={})
    story.clock.sleep(5)
    story.plan()
    tampering.kill(story.world, live_one(story, "gate"))
    assert restarts(story.sync()) == ["side"]


def test_a_child_is_restarted_after_a_gateway_that_we_started_again_and_after_its_proof():
    story = up(gate(), side())
    story.clock.sleep(5)
    requests.stop(story.world, live_one(story, "gate"), killed=False)
    report = story.sync()
    kinds = [(result.action.kind, result.action.service) for result in report.results]
    assert kinds == [(Kind.START, "gate"), (Kind.WAIT_HEALTHY, "gate"), (Kind.RESTART, "side")]
    assert report.exit_code == 0


def test_a_child_of_volumes_alone_loses_nothing_and_is_left_alone():
    story = up(gate(), side(JOINS["volumes"]), images={})
    restart(story)
    assert restarts(story.sync()) == []


def test_a_child_that_was_started_after_its_parent_is_left_alone():
    story = up(gate(), side(), images={})
    restart(story)
    restart(story, "side")
    assert story.sync().results == ()


def test_a_chain_is_restarted_in_order():
    story = up(gate(), side(), side("network_mode: 'service:side'", name="inner", waits=""), images={})
    restart(story)
    # On a real Engine no two starts are at the same moment.
    story.reconciler.engines.by_name()["h1"].settings = type(story.fleet.settings)(latency_s=0.1)
    assert restarts(story.sync()) == ["side", "inner"]
    assert story.plan().actions == ()


def test_with_drift_warn_a_lost_namespace_is_reported_and_left():
    story = Scenario()
    story.commit({APP: "x-gitops: {drift: warn}\n" + app(gate(), side())[APP]})
    story.sync()
    restart(story)
    report = story.sync()
    assert restarts(report) == []
    assert any("has lost the namespace" in hold.reason for hold in report.final_status.plan.holds)


def test_a_gateway_in_a_crash_loop_does_not_take_its_child_along_for_ever():
    story = up(gate(), side(), images={})
    count = 0
    for _ in range(60):
        story.clock.sleep(9)
        restart(story)
        count += len(restarts(story.sync()))
    assert 2 <= count <= 8
    story.clock.sleep(400)
    story.sync()
    assert live_one(story, "side").started_at >= live_one(story, "gate").started_at
