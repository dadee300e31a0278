"""A long wait is reported now and then, with what is missing, so that it does not look like a command that hangs."""

from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.kinds import Kind
from tests.story import Scenario


def waits(images: dict[str, ImageBehaviour], more: str = "") -> list[ProgressEvent]:
    story = Scenario(images)
    story.commit({"shop/compose.yaml": f"services: {{web: {{image: 'slow:1'{more}}}}}"})
    seen: list[ProgressEvent] = []
    story.reconciler.run(trigger="test", control=RunControl(progress=seen.append))
    return [each for each in seen if each.kind == "waiting"]


def test_a_wait_for_health_is_reported_every_half_minute():
    found = waits({"slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=100)})
    assert len(found) == 3
    assert {each.action.kind for each in found} == {Kind.WAIT_HEALTHY}
    assert "30 s so far: running, starting" in found[0].message


def test_a_short_wait_is_not_reported():
    assert waits({"slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=20)}) == []


def test_what_a_probe_says_is_reported():
    probe = ", x-gitops: {readiness: {http: {port: 8080, path: /ready}}}"
    found = waits({"slow:1": ImageBehaviour(ready_after_s=40)}, probe)
    assert [each.message.count("not ready") for each in found] == [1]
