"""A release that fails: how far it gets, what is gone back to, and what the file says about it."""

from datetime import timedelta

import pytest
from simulation import tampering
from story import Scenario

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import end
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX
from gitops_orch.model.observed import State
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import FailureKind

IMAGES = {"crash:1": ImageBehaviour(exits_after_s=1, exit_code=3), "late:1": ImageBehaviour()}


def compose(image="good:1", value="1", *, update="", top="", replicas=3, ports=""):
    return f"""
        {top}
        services:
          web:
            image: {image}
            environment: {{VALUE: "{value}"}}
            restart: always
            {ports}
            deploy: {{replicas: {replicas}, update_config: {{monitor: 5s{update}}}}}
        """


@pytest.fixture
def story():
    return Scenario(IMAGES)


def deploy(story, **fields):
    story.commit({"shop/compose.yaml": compose(**fields)})
    return story.sync()


def running(story):
    return sorted((c.owner.slot, c.image, c.environment[0]) for c in story.world.containers.values() if c.up)


def named(story, suffix):
    return [c for c in story.world.containers.values() if c.name.endswith(suffix)]


def shop(report):
    return next(row for row in report.final_status.apps if row.key.name == "shop")


def test_going_back_takes_up_the_very_containers_that_served_before(story):
    deploy(story, value="1")
    before = {c.id for c in story.world.containers.values()}
    deploy(story, value="2")
    assert {c.id for c in named(story, RETAINED_SUFFIX)} == before
    assert all(c.restart_policy == "no" and c.state is State.EXITED for c in named(story, RETAINED_SUFFIX))
    deploy(story, value="1")
    back = {c.id: c for c in story.world.containers.values() if c.up}
    assert set(back) == before
    assert {c.restart_policy for c in back.values()} == {"always"}
    assert not any(c.name.endswith(RETAINED_SUFFIX) for c in back.values())


ALONE = "services: {{web: {{image: 'good:1', container_name: web, environment: {{VALUE: '{}'}}}}}}"
WITH_DATA = """
    services:
      web: {{image: 'good:1', container_name: web, environment: {{VALUE: '{}'}}, volumes: ['data:/data']}}
    volumes: {{data: }}
    """
WITH_CHILD = """
    services:
      web: {{image: 'good:1', container_name: web, environment: {{VALUE: '{}'}}, ports: ['80:80']}}
      side: {{image: 'good:1', container_name: side, network_mode: service:web}}
    """


@pytest.mark.parametrize("text", [ALONE, WITH_DATA, WITH_CHILD])
def test_one_with_a_name_of_its_own_is_gone_back_to_as_well(story, text):
    for value in ("1", "2", "1", "2", "3", "1"):
        story.commit({"shop/compose.yaml": text.format(value)})
        report = story.sync()
        assert (report.exit_code, story.plan().actions) == (0, ()), report.results
        web = [c for c in story.world.containers.values() if c.up and c.name == "web"]
        assert [f"VALUE={value}" in c.environment for c in web] == [True]


def test_a_release_that_fails_at_its_second_container_is_undone_at_the_first_too(story):
    deploy(story)
    before = {c.id for c in story.world.containers.values()}

    def crash_the_second(event):
        if event.kind == "started" and event.action.kind is Kind.WAIT_HEALTHY and event.action.slot == 2:
            end(
                story.world.find(event.action.target), story.clock.monotonic_s(), exit_code=1, oom_killed=True
            )

    story.commit({"shop/compose.yaml": compose(value="2")})
    report = story.reconciler.run(trigger="test", control=RunControl(progress=crash_the_second))
    assert [r.action.slot for r in report.results if r.gate_failed] == [2]
    assert {c.id for c in story.world.containers.values() if c.up} == before
    assert (report.exit_code, shop(report).release_state.value) == (4, "rolled-back")
    assert story.plan().actions == ()


def test_a_failure_within_the_ratio_does_not_stop_the_rollout(story):
    deploy(story)
    report = deploy(story, image="crash:1", update=", max_failure_ratio: 1.0")
    failed = [r for r in report.results if r.gate_failed]
    assert len(failed) == 3
    assert all(r.failure is FailureKind.TOLERATED for r in failed)
    assert report.exit_code in {1, 4}
    assert not named(story, FAILED_SUFFIX)
    assert len([row for row in running(story) if row[1] == "good:1"]) == 3


def test_the_first_failure_beyond_the_ratio_stops_it(story):
    deploy(story)
    report = deploy(story, image="crash:1", update=", max_failure_ratio: 0.4")
    assert [r.failure for r in report.results if r.gate_failed] == [FailureKind.TOLERATED, FailureKind.GATE]
    assert report.exit_code == 4
    assert running(story) == [(slot, "good:1", "VALUE=1") for slot in (1, 2, 3)]


@pytest.mark.parametrize(
    ("top", "update"),
    [
        ("x-gitops: {rollback: hold}", ""),
        ("x-gitops: {rollback: 'off'}", ""),
        ("", ", failure_action: pause"),
    ],
)
def test_a_release_that_is_not_to_be_undone_stops_where_it_failed(story, top, update):
    deploy(story, top=top, update=update, replicas=2)
    report = deploy(story, image="crash:1", top=top, update=update, replicas=2)
    assert report.exit_code == 4
    assert shop(report).release_state.value == "failed"
    assert [row for row in running(story) if row[1] == "good:1"] == [
        (slot, "good:1", "VALUE=1") for slot in (1, 2)
    ]
    assert bool(named(story, FAILED_SUFFIX)) == ("off" not in top)
    again = story.sync()
    assert [r for r in again.results if r.action.kind.value == "create"] == []


def test_a_stop_first_service_that_stops_where_it_failed_serves_with_what_it_had(story):
    ports = 'ports: ["8080:80"]'
    deploy(story, top="x-gitops: {rollback: hold}", replicas=1, ports=ports)
    deploy(story, image="crash:1", top="x-gitops: {rollback: hold}", replicas=1, ports=ports)
    assert running(story) == [(1, "good:1", "VALUE=1")]
    assert story.plan().actions == ()


def test_a_canary_waits_for_its_promotion_and_a_revert_takes_it_back(story):
    top = "x-gitops: {rollout: {canary: 1, auto_promote: false}}"
    deploy(story, top=top)
    report = deploy(story, value="2", top=top)
    assert report.exit_code == 0
    assert len(running(story)) == 4
    assert (shop(report).sync.value, shop(report).release_state.value) == ("held", "held")
    deploy(story, value="1", top=top)
    assert running(story) == [(slot, "good:1", "VALUE=1") for slot in (1, 2, 3)]


def test_a_canary_that_is_promoted_becomes_the_release(story):
    top = "x-gitops: {rollout: {canary: 1, auto_promote: false}}"
    deploy(story, top=top)
    report = deploy(story, value="2", top=top)
    story.history.accept(report.final_status.commit)
    report = story.sync()
    assert report.exit_code == 0
    assert running(story) == [(slot, "good:1", "VALUE=2") for slot in (1, 2, 3)]
    assert shop(report).release_state.value == "stable"


def test_a_rollback_that_fails_is_not_rolled_back_and_is_tried_again_later(story):
    ports = 'ports: ["8080:80"]'  # so that the old one stops first, and must start again
    deploy(story, replicas=1, ports=ports)

    def crash_each(event):
        if event.kind == "started" and event.action.kind is Kind.WAIT_HEALTHY:
            end(
                story.world.find(event.action.target), story.clock.monotonic_s(), exit_code=1, oom_killed=True
            )

    story.commit({"shop/compose.yaml": compose(value="2", replicas=1, ports=ports)})
    report = story.reconciler.run(trigger="test", control=RunControl(progress=crash_each))
    assert (report.exit_code, shop(report).release_state.value) == (1, "rolled-back")
    assert "tried again at" in " ".join(hold.reason for hold in report.final_status.plan.holds)
    assert set(story.history.failed_digests(shop(report).key)) == {report.first_plan.actions[0].release}
    story.clock.sleep(60)
    assert (story.sync().exit_code, running(story)) == (4, [(1, "good:1", "VALUE=1")])


def test_a_restart_while_nobody_waited_for_it_does_not_fail_a_release(story):
    """What a gate saw before it was left counts only where another run goes on with it."""
    deploy(story, replicas=1)
    story.commit({"shop/compose.yaml": compose(value="2", replicas=1)})
    story.reconciler.run(trigger="test", control=RunControl(should_yield=lambda: True))
    until = story.clock.now() + timedelta(seconds=30)
    story.history.hold(AppKey(namespace="default", name="shop"), Hold(reason="somebody looks", until=until))
    story.sync()
    (new,) = (c for c in story.world.containers.values() if c.up and "VALUE=2" in c.environment)
    tampering.kill(story.world, new)
    story.clock.sleep(60)

    report = story.sync()

    assert new.restart_count == 1
    assert (report.exit_code, shop(report).release_state.value) == (0, "stable")
