"""Services on a schedule, on a clock that is moved by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from simulation.memory_history import MemoryHistory
from story import Scenario

from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import HostUnreachable
from gitops_orch.model.observed import State

BACKUP = """
services:
  backup:
    image: backup:{version}
    {more}
    x-gitops: {{job: {{schedule: "{schedule}", {job}}}}}
  web: {{image: 'web:1'}}
"""
QUICK = {f"backup:{n}": ImageBehaviour(exits_after_s=30.0) for n in (1, 2)}
FAILING = {"backup:1": ImageBehaviour(exits_after_s=30.0, exit_code=3)}
LONG = {"backup:1": ImageBehaviour(exits_after_s=5400.0)}
OTHER = {"other/compose.yaml": "services: {idle: {image: 'idle:1'}}"}
HOLD = "\nx-gitops: {hold: {reason: not now}}\n"


def files(schedule="0 * * * *", job="timezone: UTC", version=1, more="", tail=""):
    text = BACKUP.format(schedule=schedule, job=job, version=version, more=more)
    return {"shop/compose.yaml": text + tail, **OTHER}


def deployed(images=QUICK, **how) -> Scenario:
    """A story at seven minutes past midnight, with the schedule deployed."""
    story = Scenario(images)
    story.commit(files(**how))
    story.clock.sleep(7 * 60)
    assert story.sync().exit_code == 0
    return story


def at(story: Scenario, text: str) -> None:
    """Let time pass until an hour and minute of the story's days, such as `1 03:00`."""
    day, _, clock = text.partition(" ")
    hour, minute = clock.split(":")
    then = datetime(2026, 1, int(day), int(hour), int(minute), tzinfo=UTC)
    story.clock.sleep((then - story.clock.now()).total_seconds())


def runs(story: Scenario) -> list[str]:
    """Return the scheduled times of all runs that were started."""
    there = [
        each for each in story.world.containers.values() if each.labels["gitops-orch.service"] == "backup"
    ]
    times = [
        datetime.fromtimestamp(int(each.labels["gitops-orch.slot"]) * 60, UTC)
        for each in there
        if each.started_at is not None
    ]
    return [time.strftime("%-d %H:%M") for time in sorted(times)]


def live(story: Scenario) -> list:
    return [
        each
        for each in story.world.containers.values()
        if each.image.startswith("backup") and each.state is State.RUNNING
    ]


def status(story: Scenario):
    return next(app for app in story.reconciler.read_status().apps if app.key.name == "shop")


def test_nothing_runs_when_a_schedule_first_appears():
    story = deployed()
    assert runs(story) == []
    assert (status(story).sync.value, status(story).health.value) == ("in-sync", "healthy")
    assert story.plan().actions == ()


def test_a_run_is_due_at_its_time_and_once():
    story = deployed()
    at(story, "1 00:59")
    assert story.plan().actions == ()
    at(story, "1 01:00")
    plan = story.plan()
    assert [action.kind.value for action in plan.actions] == ["pull", "create", "start"]
    assert "scheduled for 2026-01-01 01:00 UTC" in plan.actions[-1].reason
    report = story.sync()
    assert report.exit_code == 0
    assert len(live(story)) == 1
    assert story.plan().actions == ()
    story.clock.sleep(600)
    assert story.sync().results == ()
    assert runs(story) == ["1 01:00"]


def test_the_time_to_wake_is_the_next_one():
    story = deployed()
    assert story.reconciler.read_status().wake_at == datetime(2026, 1, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("lost", [False, True])
def test_a_controller_that_comes_back_neither_repeats_nor_loses_a_run(lost):
    story = deployed()
    at(story, "1 01:00")
    story.sync()
    if lost:
        story.history = MemoryHistory("")
    story.reconciler = story._reconciler()
    story.clock.sleep(60)
    assert story.sync().results == ()
    at(story, "1 02:10")
    story.sync()
    assert runs(story) == ["1 01:00", "1 02:00"]


@pytest.mark.parametrize("operation", ["pull", "create", "start"])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("lost", [False, True])
def test_a_crash_at_any_step_neither_repeats_nor_loses_a_run(operation, after, lost):
    story = deployed()
    at(story, "1 01:00")
    story.sync()
    at(story, "1 02:00")
    story.commit(files(version=2))
    story.crash_at(operation, after=after)
    if lost:
        story.history = MemoryHistory("")
        story.reconciler = story._reconciler()
    story.clock.sleep(60)
    story.sync()
    story.sync()
    assert runs(story) == ["1 01:00", "1 02:00"]
    assert story.plan().actions == ()


@pytest.mark.parametrize("answered", [True, False])
def test_a_run_whose_container_is_gone_before_anybody_looks_is_not_repeated(monkeypatch, answered):
    story = deployed()
    at(story, "1 01:00")
    start, started = SimulatedEngine.start, []

    def start_and_lose(engine, container):
        start(engine, container)
        started.append(container)
        story.world.containers = {
            key: each for key, each in story.world.containers.items() if each.image != "backup:1"
        }
        if not answered:
            raise HostUnreachable("no answer")

    monkeypatch.setattr(SimulatedEngine, "start", start_and_lose)
    story.sync()
    story.sync()
    assert len(started) == 1


def test_of_the_times_that_were_missed_the_last_one_runs():
    story = deployed()
    at(story, "1 05:20")
    report = story.sync()
    assert runs(story) == ["1 05:00"]
    assert any("4 earlier times were missed" in each.action.reason for each in report.results)
    assert story.sync().results == ()


def test_a_time_that_was_missed_by_too_much_is_told_and_not_made_up_for():
    story = deployed(schedule="0 9,17 * * *")
    at(story, "2 03:00")
    report = story.sync()
    assert runs(story) == []
    (hold,) = report.final_status.plan.holds
    assert "17:00 UTC was missed" in hold.reason
    assert status(story).sync.value == "in-sync"
    at(story, "2 09:00")
    story.sync()
    assert runs(story) == ["2 09:00"]


def test_a_clock_that_jumps_makes_no_burst_and_no_repetition():
    story = deployed(schedule="*/5 * * * *")
    at(story, "1 01:00")
    story.sync()
    story.clock.sleep(60)
    story.clock.skew(3600.0)
    story.sync()
    assert runs(story) == ["1 01:00", "1 02:00"]
    story.clock.skew(-3600.0)
    story.clock.sleep(60)
    assert story.sync().results == ()


def test_a_changed_schedule_does_not_run_at_once():
    story = deployed()
    at(story, "1 03:30")
    story.sync()
    story.commit(files(schedule="*/10 * * * *"))
    story.clock.sleep(60)
    story.sync()
    assert runs(story) == ["1 03:00"]
    at(story, "1 03:40")
    story.sync()
    assert runs(story) == ["1 03:00", "1 03:40"]


def test_a_changed_service_leaves_a_run_alone_that_is_under_way():
    story = deployed(LONG)
    at(story, "1 01:00")
    story.sync()
    (run,) = live(story)
    story.commit(files(more="environment: {A: '1'}"))
    story.sync()
    assert live(story) == [run]
    assert story.plan().actions == ()


def test_forbid_waits_for_the_run_that_is_under_way():
    story = deployed(LONG)
    at(story, "1 01:00")
    story.sync()
    at(story, "1 02:00")
    assert story.sync().results == ()
    at(story, "1 02:31")
    story.sync()
    assert runs(story) == ["1 01:00", "1 02:00"]


def test_allow_runs_beside_it():
    story = deployed(LONG, job="concurrency: allow")
    at(story, "1 01:00")
    story.sync()
    at(story, "1 02:00")
    story.sync()
    assert len(live(story)) == 2


def test_replace_stops_it_first():
    story = deployed(LONG, job="concurrency: replace")
    at(story, "1 01:00")
    story.sync()
    at(story, "1 02:00")
    report = story.sync()
    assert story.kinds(report) == ["create", "stop", "start"]
    assert len(live(story)) == 1
    assert "the next run takes its place" in [each.action.reason for each in report.results]


def test_a_run_is_stopped_at_its_deadline():
    story = deployed(LONG, job="deadline: 10m")
    at(story, "1 01:00")
    story.sync()
    assert story.reconciler.read_status().wake_at == datetime(2026, 1, 1, 1, 10, tzinfo=UTC)
    at(story, "1 01:11")
    report = story.sync()
    assert story.kinds(report) == ["stop"]
    assert "deadline of 600 s" in report.results[0].action.reason
    assert live(story) == []
    assert status(story).health.value == "degraded"
    assert "was stopped at its deadline" in status(story).reason


@pytest.mark.parametrize(("history", "kept"), [(3, 3), (1, 1), (0, 1)])
def test_so_many_finished_runs_are_kept(history, kept):
    story = deployed(job=f"history: {history}")
    for hour in range(1, 7):
        at(story, f"1 {hour:02}:00")
        story.sync()
        story.clock.sleep(60)
        story.sync()
    assert runs(story) == [f"1 {hour:02}:00" for hour in range(7 - kept, 7)]
    assert story.plan().actions == ()


def test_a_run_that_fails_is_told_and_fails_no_release():
    story = deployed(FAILING)
    at(story, "1 01:00")
    assert story.sync().exit_code == 0
    story.clock.sleep(60)
    report = story.sync()
    assert (report.exit_code, report.status) == (0, "in-sync")
    row = status(story)
    assert (row.sync.value, row.health.value, row.release_state.value) == ("in-sync", "degraded", "stable")
    assert "exited with code 3" in row.reason
    story.fleet.registry.push("backup:2", ImageBehaviour(exits_after_s=30.0))
    story.commit(files(version=2))
    story.sync()
    at(story, "1 02:00")
    story.sync()
    story.clock.sleep(60)
    assert status(story).health.value == "healthy"


def test_a_release_becomes_stable_though_the_last_run_failed():
    story = deployed(FAILING)
    at(story, "1 01:00")
    story.sync()
    story.clock.sleep(60)
    story.commit(files(more="environment: {A: '1'}"))
    story.sync()
    assert status(story).release_state.value == "stable"
    digest = status(story).release
    assert next(each.digest for each in story.history.releases()) == digest


def test_a_run_that_cannot_be_started_is_a_failed_run():
    story = deployed({"backup:1": ImageBehaviour(start_error="no such command")})
    at(story, "1 01:00")
    report = story.sync()
    assert report.exit_code == 0
    assert any("no such command" in each.note for each in report.results)
    assert story.plan().actions == ()
    assert "could not be started" in status(story).reason


def test_an_image_that_cannot_be_pulled_is_tried_again():
    story = deployed()
    at(story, "1 01:00")
    story.fleet.registry.outage = "503"
    assert story.sync().exit_code == 1
    story.fleet.registry.outage = ""
    story.clock.sleep(60)
    assert story.sync().exit_code == 0
    assert runs(story) == ["1 01:00"]


def test_a_held_app_runs_nothing():
    story = deployed()
    story.commit(files(tail=HOLD))
    at(story, "1 01:00")
    story.sync()
    assert runs(story) == []


def test_a_service_that_left_git_goes_with_its_runs():
    story = deployed(LONG)
    at(story, "1 01:00")
    story.sync()
    story.commit({"shop/compose.yaml": "services: {web: {image: 'web:1'}}", **OTHER})
    story.sync()
    assert runs(story) == []
    assert story.plan().actions == ()


def test_an_app_that_left_git_goes_with_its_runs():
    story = deployed()
    at(story, "1 01:00")
    story.sync()
    story.commit(OTHER)
    story.sync()
    assert runs(story) == []


def test_a_run_has_the_networks_and_volumes_that_it_asks_for():
    story = deployed(
        more="volumes: [data:/data]\n    networks: [back]", tail="volumes: {data: {}}\nnetworks: {back: {}}"
    )
    at(story, "1 01:00")
    assert story.sync().exit_code == 0
    (run,) = live(story)
    assert (run.volumes, "shop_back" in run.networks) == (("shop_data",), True)
    assert story.plan().actions == ()


def test_an_image_that_moved_is_pulled_as_its_policy_says():
    story = deployed(more="pull_policy: always")
    for hour in (1, 2):
        at(story, f"1 {hour:02}:00")
        assert "pull" in story.kinds(story.sync())


def test_a_service_that_runs_on_a_schedule_no_more_is_a_service():
    story = deployed()
    at(story, "1 01:00")
    story.sync()
    story.clock.sleep(60)
    story.commit(
        {"shop/compose.yaml": "services: {backup: {image: 'web:1'}, web: {image: 'web:1'}}", **OTHER}
    )
    assert story.sync().exit_code == 0
    assert len(story.world.containers) == 3
    assert story.plan().actions == ()


def test_times_are_those_of_the_time_zone():
    story = deployed(schedule="30 3 * * *", job="timezone: Europe/Berlin")
    at(story, "1 02:29")
    assert story.plan().actions == ()
    at(story, "1 02:30")
    assert "03:30 CET" in story.plan().actions[-1].reason


def test_a_year_of_runs_needs_no_more_than_what_is_kept():
    story = deployed(schedule="0 0 * * *", job="history: 2")
    for _ in range(40):
        story.clock.sleep(timedelta(days=1).total_seconds())
        story.sync()
        story.clock.sleep(120)
        story.sync()
    assert len(runs(story)) == 2
