"""A first release that fails, with nothing to go back to: it stays up, is degraded, and becomes stable when it does well."""

import pytest
from story import Scenario

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import begin
from gitops_orch.model.observed import State
from gitops_orch.model.release import ReleaseState

LATE_S = 400
IMAGES = {
    "loops:1": ImageBehaviour(
        exits_after_s=1, exit_code=3, exits_max=14
    ),  # beyond 5 restarts, and then it stays
    "ends:1": ImageBehaviour(exits_after_s=1, exit_code=3),
    "slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=LATE_S),
    "soon:1": ImageBehaviour(healthcheck=True, healthy_after_s=30),
    "job:1": ImageBehaviour(exits_after_s=2),
    "broken:1": ImageBehaviour(start_error="executable file not found"),
}


@pytest.fixture
def story():
    return Scenario(IMAGES)


def compose(web="loops:1", restart="always", more=""):
    return f"""
        services:
          web: {{image: "{web}", restart: "{restart}", deploy: {{update_config: {{monitor: 5s}}}}}}
          {more}
        """


def deploy(story, **fields):
    story.commit({"shop/compose.yaml": compose(**fields)})
    return story.sync()


def shop(report):
    return next(row for row in report.final_status.apps if row.key.name == "shop")


def pass_until_stable(story):
    """Sync once a minute, until all is well."""
    for _ in range(30):
        story.clock.sleep(60)
        report = story.sync()
        if report.exit_code == 0:
            return report
    raise AssertionError(shop(report))


def test_its_container_keeps_its_restart_policy_and_is_not_touched(story):
    report = deploy(story)
    assert report.exit_code == 4
    row = shop(report)
    assert (row.health.value, row.release_state.value, row.sync.value) == (
        "degraded",
        "failed",
        "out-of-sync",
    )
    assert "keeps crashing" in row.reason
    web = story.containers()["web"]
    assert (web.restart_policy, web.up) == ("always", True)
    again = story.sync()
    assert (again.exit_code, story.kinds(again)) == (4, [])


@pytest.mark.parametrize("image", ["loops:1", "slow:1"])
def test_it_becomes_stable_when_it_does_well(story, image):
    first = deploy(story, web=image)
    assert first.exit_code == 4
    made = story.containers()["web"].id

    report = pass_until_stable(story)

    row = shop(report)
    assert (row.health.value, row.release_state.value, row.sync.value) == ("healthy", "stable", "in-sync")
    assert story.containers()["web"].id == made
    (release,) = story.history.releases(row.key)
    assert release.state is ReleaseState.STABLE
    assert not story.plan().actions


@pytest.mark.parametrize("bad", ["ends:1", "broken:1"])
@pytest.mark.parametrize("restarts_controller", [False, True])
def test_once_stable_it_is_where_a_later_release_that_fails_goes_back_to(story, bad, restarts_controller):
    deploy(story, web="slow:1")
    pass_until_stable(story)
    if restarts_controller:
        story.restart()

    report = deploy(story, web=bad)

    assert (report.exit_code, shop(report).release_state.value) == (4, "rolled-back")
    assert [each.image for each in story.world.containers.values() if each.up] == ["slow:1"]


def test_a_moment_without_a_crash_does_not_make_it_stable(story):
    deploy(story, web="ends:1")
    for _ in range(40):
        story.clock.sleep(7)
        report = story.sync()
        assert report.exit_code == 4
        assert shop(report).health.value == "degraded"


def test_what_ended_and_is_not_restarted_is_not_started_again_each_pass(story):
    assert deploy(story, web="ends:1", restart="no").exit_code == 4
    web = story.containers()["web"]
    began = web.started_at
    for _ in range(5):
        story.clock.sleep(120)
        report = story.sync()
        assert (report.exit_code, story.kinds(report)) == (4, [])
    assert (web.state, web.started_at) == (State.EXITED, began)


def test_a_job_that_failed_is_not_run_again_each_pass(story):
    job = 'migrate: {image: "ends:1", deploy: {mode: replicated-job}}'
    assert deploy(story, web="good:1", more=job).exit_code == 4
    began = story.containers()["migrate"].started_at
    for _ in range(5):
        story.clock.sleep(120)
        assert story.sync().exit_code == 4
    assert story.containers()["migrate"].started_at == began


def test_what_does_not_need_the_failed_one_is_brought_up_all_the_same(story):
    others = 'api: {image: "good:1"}\n          zoo: {image: "good:1", depends_on: [web]}'
    report = deploy(story, more=others)
    assert report.exit_code == 4
    assert {name for name, each in story.containers().items() if each.up} == {"web", "api", "zoo"}
    assert shop(pass_until_stable(story)).release_state.value == "stable"


def test_what_waits_for_its_health_is_not_started_before(story):
    waits = 'zoo: {image: "good:1", depends_on: {web: {condition: service_healthy}}}'
    deploy(story, web="slow:1", more=waits)
    for _ in range(3):
        story.clock.sleep(10)
        story.sync()
        assert "zoo" not in story.containers() or story.containers()["zoo"].state is State.CREATED
    pass_until_stable(story)
    assert story.containers()["zoo"].up


def test_what_waits_for_a_job_that_failed_is_not_started(story):
    waits = """migrate: {image: "ends:1", deploy: {mode: replicated-job}}
          zoo: {image: "good:1", depends_on: {migrate: {condition: service_completed_successfully}}}"""
    deploy(story, web="good:1", more=waits)
    began = story.containers()["migrate"].started_at
    for _ in range(3):
        story.clock.sleep(400)
        assert story.sync().exit_code == 4
        assert not story.containers()["zoo"].up
    assert story.containers()["migrate"].started_at == began


def test_an_update_after_it_replaces_it(story):
    deploy(story, web="ends:1")
    report = deploy(story, web="good:1")
    assert report.exit_code == 0
    (web,) = [each for each in story.world.containers.values() if each.up]
    assert web.image == "good:1"


def test_an_app_that_depends_on_it_waits(story):
    story.commit(
        {
            "shop/compose.yaml": compose(web="ends:1"),
            "blog/compose.yaml": 'services: {blog: {image: "good:1"}}\nx-gitops: {depends_on: [shop]}',
        }
    )
    story.sync()
    assert not story.containers()["blog"].up


def test_a_container_that_a_hand_started_again_counts_as_any_other(story):
    deploy(story, web="ends:1", restart="no")
    web = story.containers()["web"]
    web.behaviour = ImageBehaviour()
    begin(web, story.clock.monotonic_s())
    assert shop(pass_until_stable(story)).release_state.value == "stable"


def starts_of(report, service):
    return [
        result
        for result in report.results
        if result.action.service == service and result.action.kind.value == "start" and result.error
    ]


@pytest.mark.parametrize(
    "others",
    [
        """zoo: {image: "good:1", depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: "job:1", restart: "no"}""",
        'zoo: {image: "good:1", pre_start: [{command: ["true"], image: "job:1"}]}',
        """zoo: {image: "good:1", depends_on: {api: {condition: service_healthy}}}
          api: {image: "soon:1"}""",
    ],
    ids=["after a job", "after pre_start", "after what is healthy later"],
)
def test_that_others_are_begun_late_and_do_well_starts_nothing_again_that_cannot_be_started(story, others):
    tried = starts_of(deploy(story, web="broken:1", more=others), "web")
    for _ in range(3):
        story.clock.sleep(400)
        report = story.sync()
        assert report.exit_code == 4
        tried += starts_of(report, "web")
    assert story.containers()["zoo"].up
    assert len(tried) == 1
    assert shop(report).release_state.value == "failed"


def stop(story, container):
    requests.stop(story.world, container, killed=False)


def pause_and_stop(story, container):
    requests.pause(story.world, container)
    requests.stop(story.world, container, killed=True)


def crash(story, _container):
    story.world.crash(story.world.now + 5, exit_code=143)


@pytest.mark.parametrize("stop", [stop, pause_and_stop, crash], ids=["stopped", "paused", "daemon"])
def test_what_somebody_stopped_is_started_again_and_has_its_time_to_become_healthy(story, stop):
    deploy(story, web="slow:1")
    web = story.containers()["web"]
    stop(story, web)
    story.clock.sleep(30)
    story.sync()
    assert web.up
    assert shop(pass_until_stable(story)).release_state.value == "stable"


@pytest.mark.parametrize("restart", ["always", "unless-stopped", "on-failure:9"])
def test_a_run_in_which_it_fails_and_then_becomes_stable_ends_in_sync(restart):
    story = Scenario({"once:1": ImageBehaviour(exits_after_s=1, exit_code=3, exits_max=1), **IMAGES})
    web = f"{{image: 'once:1', restart: '{restart}'}}"
    once = f"services: {{web: {web}}}\nx-gitops: {{rollout: {{restarts_max: 0}}}}"
    other = "services: {api: {image: 'soon:1'}}"  # what the same run goes on waiting for
    story.commit({"shop/compose.yaml": once, "blog/compose.yaml": other})
    report = story.sync()
    assert [each.action.app.name for each in report.results if each.gate_failed] == ["shop"]
    assert shop(report).release_state.value == "stable"
    assert (report.status, report.exit_code) == ("in-sync", 0)
    assert not report.reasons


@pytest.mark.parametrize("image", ["loops:1", "slow:1", "broken:1"])
def test_a_run_of_it_is_failed_and_not_rolled_back(story, image):
    report = deploy(story, web=image)
    assert (report.status, report.exit_code) == ("failed", 4)
    assert story.sync().status == "failed"


def test_a_run_in_which_another_app_goes_back_is_rolled_back(story):
    story.commit({"blog/compose.yaml": compose(web="good:1")})
    assert story.sync().status == "in-sync"
    story.commit({"blog/compose.yaml": compose(), "shop/compose.yaml": compose()})
    report = story.sync()
    assert (report.status, report.exit_code) == ("rolled-back", 4)
    assert shop(report).release_state.value == "failed"


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("image", ["ends:1", "slow:1"])
def test_without_its_history_a_release_whose_gate_was_interrupted_does_not_count_as_stable(
    story, image, killed
):
    deploy(story, web=image, restart="no")
    story.lose_state()
    web = story.containers()["web"]
    requests.stop(story.world, web, killed=True)

    def stop_at_its_gate(event):
        if event.kind == "started" and event.action.kind.value == "wait_healthy":
            requests.stop(story.world, web, killed=killed)

    story.reconciler.run(trigger="test", control=RunControl(progress=stop_at_its_gate))
    states = {each.state for each in story.history.releases(None)}
    assert ReleaseState.STABLE not in states
