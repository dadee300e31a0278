"""Whoever has a port, what serves is not stopped for it."""

import pytest
from simulation.tampering import run_foreign

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from gitops_orch.model.status import Outcome
from tests.story import Scenario

MINUTES = 4


@pytest.fixture
def story() -> Scenario:
    return Scenario({"shop:1": ImageBehaviour()})


def files(port: int, *, command: str = "sleep 100000") -> dict[str, str]:
    return {
        "apps/shop/compose.yaml": f"""
            services:
              web:
                image: shop:1
                command: {command}
                ports: ["{port}:80"]
                volumes: ["data:/data"]
            volumes: {{data: }}
            """
    }


def deployed(story, port=8090):
    story.commit(files(port))
    assert story.sync().exit_code == 0
    return story.containers()["web"].id


def starts(story):
    return [event.action for event in story.world.events if event.action in {"start", "stop", "die"}]


def test_a_strangers_port_leaves_what_serves_alone_for_as_long_as_it_takes(story):
    old = deployed(story)
    squatter = run_foreign(story.world, "stranger", ports=(("0.0.0.0", 8096, "tcp"),))
    story.commit(files(8096))
    story.world.events.clear()
    for _ in range(MINUTES * 6):
        report = story.sync()
        assert report.exit_code == 1
        assert report.results == ()
        story.clock.sleep(10)
    assert starts(story) == []
    (app,) = report.final_status.apps
    assert app.reason.startswith("host port 8096 is taken on h1 by container stranger")
    del story.world.containers[squatter.id]
    assert story.sync().exit_code == 0
    assert old not in {each.id for each in story.world.containers.values() if each.state is State.RUNNING}


def test_a_process_that_has_the_port_is_found_before_what_serves_is_stopped(story):
    old = deployed(story)
    story.world.host_ports.add(("0.0.0.0", 8096, "tcp"))
    story.commit(files(8096))
    story.world.events.clear()
    for _ in range(MINUTES * 6):
        story.sync()
        story.clock.sleep(10)
    report = story.sync()
    assert starts(story) == []
    assert story.world.containers[old].state is State.RUNNING
    assert "host port 8096 is taken on h1 by a process" in report.final_status.apps[0].reason
    story.world.host_ports.clear()
    story.clock.sleep(600)
    assert story.sync().exit_code == 0


def test_what_only_a_start_finds_out_puts_the_old_one_back_in_the_same_run(story, monkeypatch):
    old = deployed(story)
    story.commit(files(8096))
    monkeypatch.setattr("gitops_orch.engine.simulated.requests.check_ports", lambda *_: None)
    story.world.host_ports.add(("0.0.0.0", 8096, "tcp"))
    report = story.sync()
    assert [each.outcome for each in report.results if each.action.kind.value == "start"] == [
        Outcome.FAILED,
        Outcome.DONE,
    ]
    assert story.world.containers[old].state is State.RUNNING
    assert "8096" in report.final_status.apps[0].reason


def test_a_port_passes_from_a_service_to_another_in_one_run(story):
    story.commit(
        {
            "apps/shop/compose.yaml": """
            services:
              a: {image: "shop:1", ports: ["8090:80"]}
              b: {image: "shop:1"}
            """
        }
    )
    story.sync()
    story.commit(
        {
            "apps/shop/compose.yaml": """
            services:
              a: {image: "shop:1"}
              b: {image: "shop:1", ports: ["8090:80"]}
            """
        }
    )
    assert story.sync().exit_code == 0
    assert story.plan().actions == ()
