"""What served before is started again where its successor cannot serve; if it cannot be started either, it is backed off."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from gitops_orch.model.status import Sync
from tests.story import Scenario

OLD, NEW = ("0.0.0.0", 8090, "tcp"), ("0.0.0.0", 8096, "tcp")
SPAN_S, PASS_S = 600, 10
STARTS_MAX = 7  # in SPAN_S, with waits of 10, 20, 40, 80, 160 and 300 s
HOLDS = "x-gitops: {rollback: hold}\n"


def files(image: str, port: int, around: str = "") -> dict[str, str]:
    web = f"{{image: '{image}', restart: 'no', ports: ['{port}:80'], volumes: ['data:/data']}}"
    return {"shop/compose.yaml": f"{around}services: {{web: {web}}}\nvolumes: {{data: }}\n"}


@pytest.fixture
def story(monkeypatch) -> Scenario:
    """An app that is replaced stop-first, on a host whose Engine finds out only at a start that a port is taken."""
    monkeypatch.setattr("gitops_orch.engine.simulated.requests.check_ports", lambda *_: None)
    made = Scenario({"bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)})
    made.commit(files("good:1", 8090, HOLDS))
    assert made.sync().exit_code == 0
    return made


def start_tries(story: Scenario, name: str) -> int:
    """Go on for SPAN_S; return how often a container was tried to be started."""
    tries = 0
    for _ in range(SPAN_S // PASS_S):
        results = story.sync().results
        tries += sum(each.action.kind.value == "start" and each.action.name == name for each in results)
        story.clock.sleep(PASS_S)
    return tries


CASES = {
    "its successor cannot be started": files("good:1", 8096, HOLDS),
    "its successor failed": files("bad:1", 8097, HOLDS),
    "its successor has another image and cannot be started": files("good:2", 8096, HOLDS),
}


@pytest.mark.parametrize("tree", CASES.values(), ids=CASES)
def test_what_served_before_and_cannot_be_started_is_tried_with_backoff_and_named(story, tree):
    old = story.containers()["web"]
    story.commit(tree)
    story.world.host_ports |= {OLD, NEW}
    tries = start_tries(story, old.name)
    assert 2 <= tries <= STARTS_MAX
    report = story.sync()
    assert report.exit_code == 1
    assert any(f"start {old.name} on h1: " in reason and "8090" in reason for reason in report.reasons)
    story.world.host_ports.clear()
    story.clock.sleep(SPAN_S)
    story.sync()
    assert [each.name for each in story.world.containers.values() if each.state is State.RUNNING]


def test_why_a_stuck_app_s_former_container_cannot_serve_is_said_by_every_process(story):
    old = story.containers()["web"]
    story.commit(files("bad:1", 8097, HOLDS))
    story.world.host_ports.add(OLD)
    for _ in range(3):
        story.sync()
        story.clock.sleep(SPAN_S)
    (trouble,) = story.history.troubles().values()
    assert trouble.attempts >= 2
    assert f"start {old.name} on h1: " in trouble.reason
    story.reconciler = story._reconciler()
    (row,) = story.reconciler.read_status().apps
    assert row.sync is Sync.OUT_OF_SYNC
    assert "8090" in row.reason or "failed" in row.reason
    story.world.host_ports.clear()
    story.sync()
    assert old.state is State.RUNNING


def test_a_container_that_can_be_started_again_is_started_at_once(story):
    old = story.containers()["web"]
    story.commit(files("good:1", 8096, HOLDS))
    story.world.host_ports.add(NEW)
    story.sync()
    assert old.state is State.RUNNING
    assert story.reconciler.read_status().plan.actions == ()
