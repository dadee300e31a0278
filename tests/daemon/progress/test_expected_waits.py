"""A long stop, pull or command is no stall; a thread that hangs is one."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab.commands import wait_for

from gitops_orch.clock import SystemClock
from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.workers import ThreadWorkers
from gitops_orch.daemon.progress.expected_waits import Underway
from gitops_orch.engine.settings import PULL_DEADLINE_S
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.job import Hook
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Exec, Kind, Payload, Pull, Restart, RunJob, Start, Stop, WaitHealthy
from gitops_orch.model.plan.values import Gate
from gitops_orch.model.status import ActionResult, Outcome
from tests.story import Scenario

pytestmark = pytest.mark.waits

GRACE_S = 3
COMMAND = Gate(monitor_s=0, deadline_s=900)
STEPS = {
    "a stop with a grace period of ten minutes": (Stop(grace_s=600.0), 600),
    "a restart with one of an hour": (Restart(grace_s=3600.0), 3600),
    "a command that may take a quarter of an hour": (Exec(Hook(command=("x",)), COMMAND), 900),
    "a job": (RunJob(gate=Gate(monitor_s=0, deadline_s=7200)), 7200),
    "a gate with a long deadline": (WaitHealthy(Gate(monitor_s=60, deadline_s=1200)), 1260),
    "a pull": (Pull(image="x"), PULL_DEADLINE_S),
}


class Moments(SystemClock):
    """A clock that stands still until a test moves it."""

    at_s = 100.0

    def monotonic_s(self) -> float:
        return self.at_s


def step(payload: Payload, identity: str = "1") -> Action:
    return Action(id=identity, payload=payload, host="h1", target="x", name="x", reason="")


def begun(action: Action) -> ProgressEvent:
    return ProgressEvent(kind="started", action=action)


def ended(action: Action) -> ProgressEvent:
    result = ActionResult(action=action, outcome=Outcome.DONE, duration_ms=1)
    return ProgressEvent(kind="finished", action=action, result=result)


@pytest.mark.parametrize("name", STEPS)
def test_a_wait_is_no_stall_until_its_own_deadline_and_not_for_ever(name):
    payload, allowed_s = STEPS[name]
    clock = Moments()
    underway = Underway(clock)
    underway.note(begun(step(payload)))
    clock.at_s += allowed_s - 1
    assert underway.is_in_time()
    clock.at_s += 2
    assert not underway.is_in_time()


def test_what_has_ended_excuses_nobody():
    clock = Moments()
    underway = Underway(clock)
    stop, start = step(Stop(grace_s=600.0)), step(Start(), "2")
    for event in (begun(stop), begun(start), ended(stop)):
        underway.note(event)
    clock.at_s += 1
    assert not underway.is_in_time()


def test_a_wait_begins_again_with_whatever_else_ends():
    clock = Moments()
    underway = Underway(clock)
    underway.note(begun(step(Pull(image="x"))))
    clock.at_s += PULL_DEADLINE_S - 1
    underway.note(ended(step(Pull(image="x"), "2")))
    clock.at_s += PULL_DEADLINE_S - 1
    assert underway.is_in_time()


@pytest.fixture
def story() -> Iterator[Scenario]:
    threads = ThreadWorkers()
    yield Scenario({"db:1": ImageBehaviour(ignores_term=True)}, threads=threads)
    threads.close()


def database(image: str, more: str = "") -> dict[str, str]:
    """A database that is stopped before its successor starts, and takes three seconds for it."""
    return {
        "shop/compose.yaml": f"services:\n  db:\n    image: {image}\n    ports: ['5432:5432']\n"
        f"    stop_grace_period: {GRACE_S}s\n    deploy: {{update_config: {{monitor: 1ms}}}}\n{more}"
    }


@pytest.mark.parametrize("change", ["db:2", ""])
def test_a_run_that_waits_for_a_long_stop_gives_signs_of_life(story, change):
    story.commit(database("db:1") | {"blog/compose.yaml": "services: {web: {image: 'blog:1'}}"})
    story.sync()
    story.commit(
        {"blog/compose.yaml": "services: {web: {image: 'blog:1'}}"} | (database(change) if change else {})
    )
    underway, asked = Underway(story.clock), []
    began_s: list[
        float
    ] = []  # of the stop that is under way; a busy machine may end it later than its grace period

    def progress(event: ProgressEvent) -> None:
        underway.note(event)
        if event.action is not None and event.action.kind is Kind.STOP:
            began_s[:] = [story.clock.monotonic_s()] if event.kind == "started" else []

    def should_stop() -> bool:
        in_time = underway.is_in_time()
        if any(story.clock.monotonic_s() - each_s < GRACE_S for each_s in tuple(began_s)):
            asked.append(in_time)
        return False

    report = story.reconciler.run(
        trigger="poll", control=RunControl(progress=progress, should_stop=should_stop)
    )
    assert report.exit_code == 0
    assert asked
    assert all(asked)


def test_a_stop_that_takes_longer_than_its_grace_period_is_a_stall(story):
    story.commit(database("db:1"))
    story.sync()
    (old,) = story.world.containers.values()
    story.commit(database("db:2"))
    underway, hangs = Underway(story.clock), threading.Event()
    old.grace_s, told = 8.0, []

    def progress(event: ProgressEvent) -> None:
        # What the plan knows of the grace period is not what the Engine does: its thread hangs.
        if event.action is not None and event.action.kind is Kind.STOP:
            event = replace(event, action=replace(event.action, payload=Stop(grace_s=2.0)))
            underway.note(event)
            hangs.set()
        else:
            underway.note(event)

    def should_stop() -> bool:
        if hangs.is_set():
            told.append(underway.is_in_time())
        return bool(told) and not told[-1]

    worker = threading.Thread(
        target=story.reconciler.run,
        kwargs={"trigger": "poll", "control": RunControl(progress=progress, should_stop=should_stop)},
        daemon=True,
    )
    worker.start()
    wait_for("the stall to be seen", lambda: bool(told) and not told[-1], deadline_s=30)
    assert told[0]  # while it was within its grace period, it was none
