"""What a host's containers and objects do to whole reconciles (FAULTS, E), on simulated hosts."""

import pytest
from faults.fleet_story import FleetStory, app, host
from simulation import tampering

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.action import intent_of
from gitops_orch.model.status import AppReleaseState, Outcome

CHECKED = {"healthcheck": True, "healthy_after_s": 1.0}
E10 = {
    "oom": ({"exits_after_s": 1, "exit_code": 137, "oom_killed": True}, "OOM-killed"),
    "crash loop": ({"exits_after_s": 0.2, "exit_code": 1}, "it keeps crashing"),
    "exits 0": ({"exits_after_s": 0.1}, "it keeps crashing"),
    "exits 137": ({"exits_after_s": 1, "exit_code": 137}, "it keeps crashing"),
    "cannot start": ({"start_error": "exec: no such file"}, "no such file"),
}
E11 = {
    "never leaves starting": ({"healthcheck": True, "healthy_after_s": None}, "was not healthy within 30 s"),
    "passes, then fails": ({**CHECKED, "unhealthy_after_s": 5}, "its healthcheck reports unhealthy"),
    "is unhealthy": ({"healthcheck": True, "healthy_after_s": None, "unhealthy_after_s": 3}, "unhealthy"),
}
POLICY = "rollout: {healthy_deadline: 30s}"


def web(image, monitor="10s"):
    return {
        path: text.replace("monitor: 1s", f"monitor: {monitor}")
        for path, text in app("web", image=image, policy=POLICY).items()
    }


def rolled_out(**behaviour):
    story = FleetStory({"bad:1": ImageBehaviour(**behaviour)})
    for image in ("good:1", "bad:1"):
        story.push(host("h1"), web(image))
        report = story.sync()
    return story, report


@pytest.mark.parametrize("failure", E10 | E11)
def test_e10_e11_a_container_that_fails_its_gate_leaves_the_old_one_serving(failure):
    behaviour, said = (E10 | E11)[failure]
    story, report = rolled_out(**behaviour)
    assert report.exit_code == 4
    assert [each.image for each in story.on("h1") if each.state.value == "running"] == ["good:1"]
    assert story.app(report, "web").release_state is AppReleaseState.ROLLED_BACK
    assert said in story.app(report, "web").reason
    assert story.sync().results == ()


def test_e11_without_a_healthcheck_it_must_run_for_the_whole_monitor_period():
    _, report = rolled_out(exits_after_s=9)
    assert report.exit_code == 4
    story, report = rolled_out()
    assert (report.exit_code, story.running("h1")) == (0, ["web"])


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_e16_e17_what_is_external_and_missing_holds_its_app_and_no_other(kind):
    story = FleetStory()
    mount = ', volumes: ["theirs:/data"]' if kind == "volume" else ", networks: [theirs]"
    files = {
        "web/compose.yaml": f'services: {{web: {{image: "good:1"{mount}}}}}\n{kind}s: {{theirs: {{external: true}}}}\n'
    }
    story.push(host("h1"), files, app("other"))
    report = story.sync()
    assert story.running("h1") == ["other"]
    assert f"the external {kind} theirs is not on h1; create it there" in story.app(report, "web").reason


def test_e17_a_network_that_somebody_else_uses_is_not_removed_with_its_app():
    story = FleetStory()
    story.push(host("h1"), app("web"), app("other"))
    story.sync()
    world = story.fleet.world("h1")
    tampering.run_foreign(world, "stranger", network="web_default")
    story.push(host("h1"), app("other"))
    report = story.sync()
    assert "web_default" in world.networks
    assert "used by stranger (not ours)" in story.holds(report)
    assert story.running("h1") == ["other", "stranger"]


@pytest.mark.parametrize("skew_s", [-3600.0, 3600.0])
def test_e21_a_host_whose_clock_is_an_hour_off_is_like_any_other(skew_s):
    story = FleetStory({"bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)})
    story.fleet.origin_s += skew_s
    for image, code in (("good:1", 0), ("bad:1", 4), ("good:2", 0)):
        story.push(host("h1"), web(image))
        assert story.sync().exit_code == code
    story.clock.sleep(1)
    for each in list(story.on("h1")):
        tampering.stop(story.fleet.world("h1"), each)
    assert story.kinds(story.sync()) == ["start", "wait_healthy"]
    assert story.sync().results == ()


def test_e30_a_declared_limit_is_put_back_in_place_and_a_foreign_one_recreates():
    story = FleetStory()
    story.push(host("h1"), app("web", service=", mem_limit: 64m"), app("free"))
    story.sync()
    world = story.fleet.world("h1")
    for each in list(story.on("h1")):
        requests.update(world, each, {"Memory": 32 * 1024 * 1024})
    report = story.sync()
    kinds = {r.action.app.name: [] for r in report.results}
    for result in report.results:
        kinds[result.action.app.name].append(result.action.kind.value)
    assert kinds["web"] == ["update"]
    assert "create" in kinds["free"]
    assert story.sync().results == ()


def test_c2_a_controller_that_is_told_to_stop_during_a_gate_leaves_what_the_next_one_goes_on_with():
    story = FleetStory()
    story.push(host("h1"), web("good:1"))
    story.sync()
    story.push(host("h1"), web("good:2"))
    began = story.clock.monotonic_s()
    stopped = story.reconciler.run(
        trigger="test", control=RunControl(should_stop=lambda: story.clock.monotonic_s() - began > 3)
    )
    assert any(result.outcome is Outcome.SKIPPED for result in stopped.results)
    assert "good:1" in {each.image for each in story.on("h1") if each.state.value == "running"}
    story.reconciler = story._reconciler()
    assert story.sync().exit_code == 0
    assert {each.image for each in story.on("h1") if each.state.value == "running"} == {"good:2"}


@pytest.mark.parametrize("operation", ["pull", "create", "start", "stop"])
def test_c9_a_controller_that_died_in_an_older_commit_goes_straight_to_the_newer(operation):
    story = FleetStory()
    story.push(host("h1"), web("good:1"))
    story.sync()
    story.push(host("h1"), web("good:2"))
    story.crash_at(operation, after=True)
    story.push(host("h1"), web("good:3"))
    report = story.sync()
    assert report.exit_code == 0
    intents = [intent_of(result.action) for result in report.results]
    made = {intent.image for intent in intents if intent is not None}
    assert made == {"good:3"}
    assert {each.image for each in story.on("h1") if each.state.value == "running"} == {"good:3"}
