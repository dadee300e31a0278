"""Readiness probes during a rollout: what is not ready does not replace what serves."""

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.status import AppReleaseState
from tests.story import Scenario

FILE = """
x-gitops: {{rollout: {{healthy_deadline: 60s}}}}
services:
  api:
    image: "{image}"
    deploy: {{update_config: {{monitor: 5s}}}}
    x-gitops: {{readiness: {{http: {{port: 8080, path: /ready}}}}}}
"""
IMAGES = {
    "good:1": ImageBehaviour(),
    "slow:1": ImageBehaviour(ready_after_s=20),
    "never:1": ImageBehaviour(ready_after_s=None),
    "tires:1": ImageBehaviour(unready_after_s=3),
}


def rolled_out(image):
    story = Scenario(IMAGES)
    for each in ("good:1", image):
        story.commit({"shop/compose.yaml": FILE.format(image=each)})
        report = story.sync()
    running = {c.image for c in story.world.containers.values() if c.state.value == "running"}
    return report, running


def test_a_container_is_waited_for_until_it_is_ready():
    report, running = rolled_out("slow:1")
    assert (report.exit_code, running) == (0, {"slow:1"})
    assert report.duration_ms >= 25_000


def test_one_that_is_never_ready_is_rolled_back():
    report, running = rolled_out("never:1")
    assert (report.exit_code, running) == (4, {"good:1"})
    assert report.final_status.apps[0].release_state is AppReleaseState.ROLLED_BACK
    assert "not ready: it does not serve yet" in report.final_status.apps[0].reason


def test_one_that_stops_being_ready_during_its_gate_is_rolled_back():
    report, running = rolled_out("tires:1")
    assert (report.exit_code, running) == (4, {"good:1"})
