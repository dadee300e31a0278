"""A release that fails goes back at once, beside whatever is under way for other apps."""

import threading

import pytest
from story import Scenario

from gitops_orch.controller import passes
from gitops_orch.controller.execute.host_queues import HostQueues
from gitops_orch.controller.execute.replan import actions_of_idle_apps
from gitops_orch.controller.snapshot import take_snapshot
from gitops_orch.controller.workers import LANE_WORKERS_MAX, ThreadWorkers
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import HistoryError
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Start, Stop

WAIT_S = 30
MANY = LANE_WORKERS_MAX + 4
SHOP, BLOG = AppKey(namespace="default", name="shop"), AppKey(namespace="default", name="blog")


def compose(image, port="", command=""):
    return f"""
        services:
          web:
            image: {image}
            {f'ports: ["{port}:80"]' if port else ""}
            {command}
            deploy: {{update_config: {{monitor: 1ms}}}}
        """


class Stage(Scenario):
    """A host on real threads.  What takes long there takes until the bad app's old container serves again."""

    def __init__(self, monkeypatch):
        self.back = threading.Event()
        self.waited = []
        super().__init__({"crash:1": ImageBehaviour(exits_after_s=0.0, exit_code=1)}, threads=ThreadWorkers())
        start = SimulatedEngine.start

        def starting(engine, container):
            found = engine.world.find(container)
            again = found.started_at is not None
            start(engine, container)
            if found.owner.app.name == "bad" and again:
                self.back.set()

        monkeypatch.setattr(SimulatedEngine, "start", starting)

    def prolong(self, monkeypatch, operation, concerns):
        carry_out = getattr(SimulatedEngine, operation)

        def long(engine, subject, *arguments, **fields):
            if concerns(engine, subject):
                self.waited.append(self.back.wait(WAIT_S))
            return carry_out(engine, subject, *arguments, **fields)

        monkeypatch.setattr(SimulatedEngine, operation, long)

    def images(self, app):
        return {c.image for c in self.world.containers.values() if c.up and c.owner.app.name == app}


@pytest.fixture
def stage(monkeypatch):
    stage = Stage(monkeypatch)
    yield stage
    stage.back.set()
    stage.threads.close()


def is_of_slow(engine, container):
    return engine.world.find(container).owner.app.name == "slow"


@pytest.mark.parametrize("operation", ["stop", "run_exec"])
def test_a_release_goes_back_while_another_apps_step_takes_its_time(stage, monkeypatch, operation):
    hook = 'pre_stop: [{command: ["true"]}]' if operation == "run_exec" else ""
    old = {"bad": compose("good:1", 8001), "slow": compose("good:1", 8002, hook)}
    stage.commit({f"apps/{name}/compose.yaml": text for name, text in old.items()})
    assert stage.sync().exit_code == 0
    stage.prolong(monkeypatch, operation, is_of_slow)

    new = {"bad": compose("crash:1", 8001), "slow": compose("good:2", 8002, hook)}
    stage.commit({f"apps/{name}/compose.yaml": text for name, text in new.items()})
    report = stage.sync()

    assert stage.waited == [True]
    assert (stage.images("bad"), stage.images("slow")) == ({"good:1"}, {"good:2"})
    assert report.exit_code == 4
    assert stage.plan().actions == ()


def test_trouble_in_planning_anew_leaves_the_way_back_to_the_next_look(stage, monkeypatch):
    old = {"bad": compose("good:1", 8001), "slow": compose("good:1", 8002)}
    stage.commit({f"apps/{name}/compose.yaml": text for name, text in old.items()})
    stage.sync()
    looks = []

    def fails_beside_others(*arguments, **how):
        looks.append(threading.current_thread().name.startswith("host-the planner"))
        if looks[-1]:
            stage.back.set()
            raise HistoryError("the disk is full")
        return take_snapshot(*arguments, **how)

    monkeypatch.setattr(passes, "take_snapshot", fails_beside_others)
    stage.prolong(monkeypatch, "stop", is_of_slow)
    new = {"bad": compose("crash:1", 8001), "slow": compose("good:2", 8002)}
    stage.commit({f"apps/{name}/compose.yaml": text for name, text in new.items()})
    report = stage.sync()

    assert looks.count(True) == 1
    assert (stage.images("bad"), stage.images("slow")) == ({"good:1"}, {"good:2"})
    assert report.exit_code == 4
    assert [r.log for r in report.results if r.gate_failed] == ["ready"]


def test_a_release_goes_back_though_its_host_brings_in_more_images_than_it_has_workers(stage, monkeypatch):
    stage.commit({"apps/bad/compose.yaml": compose("good:1", 8001)})
    assert stage.sync().exit_code == 0
    stage.prolong(monkeypatch, "pull", lambda _, image: image.startswith("slow"))

    others = {f"apps/slow{number}/compose.yaml": compose(f"slow:{number}") for number in range(MANY)}
    stage.commit({"apps/bad/compose.yaml": compose("crash:1", 8001), **others})
    report = stage.sync()

    assert stage.waited == [True] * MANY
    assert stage.images("bad") == {"good:1"}
    assert stage.images("slow0") == {"slow:0"}
    assert report.exit_code == 4


START = Start()


def step(identity, app, *after, payload=START, follows=()):
    return Action(
        id=identity, payload=payload, host="h1", target="x", reason="", app=app, after=after, follows=follows
    )


def test_of_a_new_plan_only_apps_that_stand_on_nobody_who_is_under_way_are_taken_and_these_whole():
    news, wiki = AppKey(namespace="default", name="news"), AppKey(namespace="default", name="wiki")
    actions = [
        step("1", SHOP),
        step("2", BLOG),
        step("3", SHOP, follows=("2",)),
        step("4", news, "1"),
        step("5", wiki),
        step("6", wiki, "5"),
    ]
    assert [action.id for action in actions_of_idle_apps(actions, {BLOG})] == ["5", "6"]


def test_what_puts_a_failure_right_overtakes_what_waits_for_its_turn():
    turns = HostQueues()
    for number in range(LANE_WORKERS_MAX + 2):
        turns.add(step(str(number), BLOG))
    begun = turns.due()
    turns.add(step("back", SHOP), urgent=True)

    assert len(begun) == LANE_WORKERS_MAX
    assert turns.due() == []
    turns.end(begun[0])
    assert [action.id for action in turns.due()] == ["back"]


def test_a_stop_takes_no_turn_from_a_start():
    turns = HostQueues()
    for number in range(LANE_WORKERS_MAX):
        turns.add(step(str(number), BLOG, payload=Stop()))
    turns.add(step("start", SHOP))
    assert "start" in {action.id for action in turns.due()}


def test_an_app_of_which_nothing_waits_and_nothing_runs_is_quiet():
    turns = HostQueues()
    turns.add(step("1", SHOP))
    turns.add(step("2", BLOG))
    (first, _) = turns.due()
    turns.add(step("3", SHOP))
    turns.drop({SHOP})
    assert not turns.is_quiet(SHOP)
    turns.end(first)
    assert turns.is_quiet(SHOP)
    assert turns
