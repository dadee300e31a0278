"""Services that end with 0 and that nothing restarts have done their work; and dependencies that are there already."""

import pytest
from simulation import tampering
from story import Scenario

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import end
from gitops_orch.model.observed import EndedBy, Health, State

IMAGES = {
    "init:1": ImageBehaviour(exits_after_s=0.2),
    "chown:1": ImageBehaviour(exits_after_s=90),
    "bad:1": ImageBehaviour(exits_after_s=0.2, exit_code=2),
    "redis:1": ImageBehaviour(healthcheck=True),
}


@pytest.fixture
def story():
    return Scenario(IMAGES)


def compose(image="init:1", restart="", value="1"):
    return f"""
        services:
          web: {{image: "good:1", restart: always}}
          init: {{image: "{image}", {restart} environment: {{VALUE: "{value}"}}}}
        """


def deploy(story, **fields):
    story.commit({"shop/compose.yaml": compose(**fields)})
    return story.sync()


def shop(report):
    return next(row for row in report.final_status.apps if row.key.name == "shop")


@pytest.mark.parametrize("restart", ["", 'restart: "no",', "restart: on-failure,"])
def test_one_that_ends_with_0_is_done_and_runs_once_per_spec(story, restart):
    assert deploy(story, restart=restart).exit_code == 0
    init = story.containers()["init"]
    began = init.started_at
    for _ in range(3):
        story.clock.sleep(700)
        report = story.sync()
        assert (report.exit_code, story.kinds(report)) == (0, [])
    assert shop(report).health.value == "healthy"
    assert (init.state, init.started_at) == (State.EXITED, began)

    assert deploy(story, restart=restart, value="2").exit_code == 0
    assert story.containers()["init"].id != init.id
    assert story.containers()["init"].state is State.EXITED


def test_one_that_ends_after_its_gate_is_done_as_well(story):
    assert deploy(story, image="chown:1").exit_code == 0
    story.clock.sleep(100)
    report = story.sync()
    assert (report.exit_code, story.kinds(report), shop(report).health.value) == (0, [], "healthy")


def test_one_that_ends_with_another_code_fails(story):
    assert deploy(story, image="bad:1").exit_code == 4


def test_a_service_that_a_hand_stopped_is_not_done(story):
    deploy(story, image="good:1")
    tampering.stop(story.world, story.containers()["init"])
    assert story.containers()["init"].exit_code == 0
    assert story.sync().exit_code == 0
    assert story.containers()["init"].up


def test_a_daemon_that_restarts_does_not_run_what_is_done_again(story):
    deploy(story)
    began = story.containers()["init"].started_at
    story.world.crash(story.clock.monotonic_s() + 5)
    story.clock.sleep(10)
    assert story.sync().exit_code == 0
    assert story.containers()["init"].started_at == began
    assert story.containers()["web"].up


def test_a_daemon_that_ends_a_service_with_0_does_not_make_it_done(story):
    deploy(story, image="good:1")
    init = story.containers()["init"]
    end(init, story.world.now, exit_code=0, ended_by=EndedBy.DAEMON)
    assert story.sync().exit_code == 0
    assert init.up


def with_job(value):
    return f"""
        services:
          web: {{image: "good:1", restart: always, depends_on: {{init: {{condition: service_completed_successfully}}}}}}
          init: {{image: "init:1", environment: {{VALUE: "{value}"}}}}
        """


def gone_back_to(story, first, began):
    """Tell whether a container that was kept is the service's again, and was not run again."""
    there = story.world.containers[first.id]
    return not there.name.endswith("-kept") and there.started_at == began


@pytest.mark.parametrize("seen_between", [True, False])
@pytest.mark.parametrize("restarts_after", ["first", "second"])
def test_a_job_that_was_done_before_a_daemon_restarted_is_gone_back_to(story, restarts_after, seen_between):
    made = []
    for value in ("first", "second"):
        story.commit({"shop/compose.yaml": with_job(value)})
        assert story.sync().exit_code == 0
        made.append(story.containers()["init"])
        if restarts_after == value:
            story.world.crash(story.clock.monotonic_s() + 5)
            story.clock.sleep(10)
            if seen_between:
                assert story.sync().exit_code == 0
    began = made[0].started_at

    story.commit({"shop/compose.yaml": with_job("first")})
    report = story.sync()
    assert report.exit_code == 0
    assert "run_job" not in story.kinds(report)
    assert gone_back_to(story, made[0], began)
    assert story.plan().actions == ()


def test_a_one_shot_that_is_kept_for_going_back_stays_done_over_a_restart_of_its_daemon(story):
    deploy(story, value="1")
    first = story.containers()["init"]
    began = first.started_at
    deploy(story, value="2")
    story.world.crash(story.clock.monotonic_s() + 5)
    story.clock.sleep(10)
    assert story.sync().exit_code == 0
    assert deploy(story, value="1").exit_code == 0
    assert gone_back_to(story, first, began)


# -- dependencies that are there already


def with_redis(value="1"):
    return f"""
        services:
          redis: {{image: "redis:1"}}
          app:
            image: good:1
            environment: {{VALUE: "{value}"}}
            depends_on: {{redis: {{condition: service_healthy}}}}
        """


def roll(story, value):
    story.commit({"shop/compose.yaml": with_redis(value)})
    return story.sync()


def test_one_that_is_unhealthy_is_restarted_and_healthy_before_what_waits_for_it_starts(story):
    roll(story, "1")
    redis = story.containers()["redis"]
    tampering.make_unhealthy(story.world, redis)

    report = roll(story, "2")

    assert report.exit_code == 0
    order = [(r.action.kind.value, r.action.service) for r in report.results]
    assert order.index(("restart", "redis")) < order.index(("wait_healthy", "redis"))
    assert order.index(("wait_healthy", "redis")) < order.index(("start", "app"))
    assert redis.health is Health.HEALTHY


def test_one_that_stays_unhealthy_keeps_the_new_release_waiting_and_does_not_fail_it(story):
    roll(story, "1")
    redis, app = story.containers()["redis"], story.containers()["app"]
    redis.behaviour = ImageBehaviour(healthcheck=True, healthy_after_s=None, unhealthy_after_s=1)
    tampering.make_unhealthy(story.world, redis)

    report = roll(story, "2")

    assert report.exit_code == 1
    assert "unhealthy" in shop(report).reason
    assert app.up
    states = {release.state.value for release in story.history.releases(shop(report).key)}
    assert states
    assert "failed" not in states

    redis.behaviour = IMAGES["redis:1"]
    requests.stop(story.world, redis, killed=False)
    for _ in range(20):
        story.clock.sleep(60)
        report = story.sync()
        if report.exit_code == 0:
            break
    assert report.exit_code == 0
    assert story.containers()["app"].environment == ("VALUE=2",)
