"""A pull may take as long as it likes: it keeps nothing else waiting, and no run."""

import threading

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.controller.execute.dispatcher import Services
from gitops_orch.controller.execute.executor import Executor
from gitops_orch.controller.execute.replan import no_replan
from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.controller.workers import ThreadWorkers
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.model.app import UpdatePolicy
from gitops_orch.model.host import Host
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome, SkipReason
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, service, world

WAIT_S = 20
AT_ONCE = UpdatePolicy(monitor_s=0.0)
SLOW = app("slow", service(image="slow:1", update=AT_ONCE))
GOOD = app("good", service(image="good:1", update=AT_ONCE))
BAD = app("bad", service(image="bad:1", update=UpdatePolicy(monitor_s=WAIT_S)))


class Stage:
    """A host on real threads, to which `slow:1` comes only once it is let through."""

    def __init__(self):
        self.let_through = threading.Event()
        self.pulled = []
        self.clock = SystemClock()
        images = {
            "slow:1": ImageBehaviour(),
            "good:1": ImageBehaviour(),
            "bad:1": ImageBehaviour(exits_after_s=0.0, exit_code=1),
        }
        fleet = SimulatedFleet(clock=self.clock, registry=Registry(images))
        self.engines = {"h1": fleet.connect(Host(name="h1", url="sim://h1"))}
        self.workers = ThreadWorkers()

    def run(self, *apps, plan_anew=no_replan, **control):
        plan = make_plan(world(*apps, observed={"h1": self.engines["h1"].observe()}))
        means = Services(
            engines=lambda: self.engines, workers=self.workers, clock=self.clock, gate_progress={}
        )
        return Executor(means, RunControl(**control), plan_anew).run(plan)

    def up(self):
        return {each.owner.app.name for each in self.engines["h1"].observe().owned}


@pytest.fixture
def stage(monkeypatch):
    stage = Stage()
    pull = SimulatedEngine.pull

    def slow(engine, image, **how):
        stage.pulled.append(image)
        if image == "slow:1":
            assert stage.let_through.wait(WAIT_S)
        return pull(engine, image, **how)

    monkeypatch.setattr(SimulatedEngine, "pull", slow)
    yield stage
    stage.let_through.set()
    stage.workers.close()


def pulls(results):
    return {r.action.app.name: (r.outcome, r.skip_reason) for r in results if r.action.kind is Kind.PULL}


def test_a_run_that_only_waits_for_a_pull_yields_and_the_next_one_joins_it(stage):
    first = stage.run(SLOW, GOOD, should_yield=lambda: True)
    assert pulls(first)["slow"] == (Outcome.SKIPPED, SkipReason.RUN_STOPPED)
    assert stage.up() == {"good"}

    def let_through(event):
        if event.kind == "started" and event.action.kind is Kind.PULL:
            stage.let_through.set()

    second = stage.run(SLOW, GOOD, progress=let_through)
    assert {result.outcome for result in second} == {Outcome.DONE}
    assert stage.up() == {"good", "slow"}
    assert stage.pulled.count("slow:1") == 1


def test_a_pull_that_was_left_may_end_when_nobody_wants_it_any_more(stage):
    stage.run(SLOW, should_yield=lambda: True)
    stage.let_through.set()
    results = stage.run(GOOD)
    assert {result.outcome for result in results} == {Outcome.DONE}
    assert stage.up() == {"good"}


def test_a_release_that_failed_goes_back_though_another_apps_image_is_still_on_its_way(stage):
    def back(results, busy):
        assert {each.name for each in busy} == {"slow"}
        assert any(result.gate_failed for result in results)
        stage.let_through.set()
        return ()

    results = stage.run(SLOW, BAD, plan_anew=back)
    assert pulls(results)["slow"] == (Outcome.DONE, None)
    assert stage.pulled.count("slow:1") == 1


def test_a_run_that_is_stopped_waits_for_no_pull(stage):
    asked = []

    def after_it_began():
        asked.append(True)
        return bool(stage.pulled)

    results = stage.run(SLOW, should_stop=after_it_began)
    assert {result.outcome for result in results} == {Outcome.SKIPPED}


def test_a_pull_that_fails_fails_for_all_who_joined_it(stage, monkeypatch):
    def fail(_engine, image, **_how):
        raise OSError(f"no {image}")

    monkeypatch.setattr(SimulatedEngine, "pull", fail)
    other = app("other", service(image="slow:1", update=AT_ONCE))
    results = stage.run(SLOW, other)
    assert {outcome for outcome, _ in pulls(results).values()} == {Outcome.FAILED}
