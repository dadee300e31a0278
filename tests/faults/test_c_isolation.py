"""C11: a mistake of ours that one app or one host brings to light stays with that app or host."""

from collections.abc import Callable, Iterator, MutableMapping
from itertools import pairwise

import pytest
from faults.fleet_story import FleetStory, app, host, on
from structlog.testing import capture_logs

from gitops_orch.controller.execute import gates
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.errors import INTERNAL_ERROR
from gitops_orch.manifest.app import compile_app
from gitops_orch.model.status import AppHealth, Sync
from gitops_orch.planner import plan

OTHERS = ("one", "two", "three", "four")


def commit(story: FleetStory, *images: str) -> None:
    """All apps; `images` are those of the apps named poison, poison2..."""
    poisoned = [app(f"poison{number or ''}", image=image) for number, image in enumerate(images)]
    story.push(host("h1"), *(app(name) for name in OTHERS), *poisoned)


class Trap:
    """Makes a function of ours fail where an app named poison is at stake."""

    def __init__(
        self, patch: pytest.MonkeyPatch, owner: object, name: str, named: Callable[..., str]
    ) -> None:
        self.set, self.sprung = True, 0
        real = getattr(owner, name)

        def trapped(*args: object, **kwargs: object) -> object:
            if self.set and "poison" in named(*args):
                self.sprung += 1
                raise KeyError("poison")
            return real(*args, **kwargs)

        patch.setattr(owner, name, trapped)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, object]]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def planning(monkeypatch: pytest.MonkeyPatch) -> Trap:
    return Trap(monkeypatch, plan, "held_reason", lambda chosen, _: chosen.app.key.name)


def test_c11_apps_that_cannot_be_planned_stop_no_other_and_are_told_by_name(planning: Trap):
    story = FleetStory()
    commit(story, "good:1", "good:1")
    report = story.sync()
    assert story.running("h1") == sorted(OTHERS)
    for name in ("poison", "poison1"):
        row = story.app(report, name)
        assert (row.sync, row.health) == (Sync.UNKNOWN, AppHealth.UNKNOWN)
        assert INTERNAL_ERROR in row.reason
        assert "KeyError: 'poison'" in row.reason
    assert report.exit_code == 3
    assert [story.app(report, name).sync for name in OTHERS] == [Sync.IN_SYNC] * len(OTHERS)


def test_c11_what_runs_of_it_is_left_alone_and_it_is_tried_again_with_longer_and_longer_waits(planning: Trap):
    story = FleetStory()
    planning.set = False
    commit(story, "good:1")
    assert story.sync().exit_code == 0
    planning.set = True
    tries = []
    for _ in range(60):
        before = planning.sprung
        story.sync()
        if planning.sprung > before:
            tries.append(story.clock.monotonic_s())
        story.clock.sleep(5)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits[:4] == sorted(set(waits[:4]))
    assert len(tries) < 8
    assert "poison" in story.running("h1")
    planning.set = False
    story.clock.sleep(300)
    assert story.sync().exit_code == 0


def test_c11_another_release_of_it_is_tried_at_once(planning: Trap):
    story = FleetStory()
    commit(story, "good:1")
    story.sync()
    planning.set = False
    commit(story, "good:2")
    assert story.sync().exit_code == 0
    assert "poison" in story.running("h1")


STEPS = {
    "create": (SimulatedEngine, "create", lambda _, container: container.name),
    "start": (SimulatedEngine, "start", lambda engine, container: engine.world.find(container).name),
    "gate": (gates, "evaluate_gate", lambda _gate, _watch, seen, *_: seen.name),
}


@pytest.mark.parametrize("step", STEPS)
def test_c11_a_step_that_breaks_is_trouble_of_its_app_alone(monkeypatch: pytest.MonkeyPatch, step: str):
    trap = Trap(monkeypatch, *STEPS[step])
    story = FleetStory()
    commit(story, "good:1")
    report = story.sync()
    assert set(OTHERS) <= set(story.running("h1"))
    assert INTERNAL_ERROR in story.app(report, "poison").reason
    assert trap.sprung < 6
    assert [story.app(report, name).sync for name in OTHERS] == [Sync.IN_SYNC] * len(OTHERS)
    trap.set = False
    story.clock.sleep(300)
    assert story.sync().exit_code == 0
    assert "poison" in story.running("h1")


def test_c11_a_host_that_cannot_be_made_sense_of_is_unknown_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
):
    real = SimulatedEngine.observe

    def observe(engine: SimulatedEngine) -> object:
        if engine.name == "poison":
            raise KeyError("poison")
        return real(engine)

    monkeypatch.setattr(SimulatedEngine, "observe", observe)
    story = FleetStory()
    story.push(host("poison"), host("h2"), app("one", policy=on("poison")), app("two", policy=on("h2")))
    report = story.sync()
    assert story.host(report, "poison").state == "unknown"
    assert INTERNAL_ERROR in story.host(report, "poison").reason
    assert (story.running("poison"), story.running("h2")) == ([], ["two"])


def test_c11_a_file_that_cannot_be_compiled_is_told_and_what_runs_of_it_stays(
    monkeypatch: pytest.MonkeyPatch,
):
    story = FleetStory()
    commit(story, "good:1")
    assert story.sync().exit_code == 0
    real = compile_app.load_compose

    def load(request: object) -> object:
        if "poison" in request.path:
            raise RecursionError
        return real(request)

    monkeypatch.setattr(compile_app, "load_compose", load)
    story.push(host("h1"), *(app(name, image="good:2") for name in OTHERS), app("poison", image="good:2"))
    report = story.sync()
    images = {each.labels["com.docker.compose.project"]: each.image for each in story.on("h1") if each.up}
    assert images == {**dict.fromkeys(OTHERS, "good:2"), "poison": "good:1"}
    assert any(
        problem.position.path == "poison/compose.yaml" and INTERNAL_ERROR in problem.message
        for problem in report.final_status.problems
    )
