"""Jobs: what runs once for a release, and never again by healing, by a restart of the controller, or by going back."""

import pytest
from simulation.memory_history import MemoryHistory
from story import Scenario

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State

ONE_SHOT = """
services:
  migrate:
    image: migrate:{version}
    {job}
  web:
    image: web:{version}
    {more}
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
"""
JOB = """
services:
  load:
    image: migrate:{version}
    {job}
    deploy: {{mode: {mode}, {deploy}}}
  idle: {{image: 'idle:1'}}
"""
RUNS_S = 3.0
IMAGES = {f"migrate:{number}": ImageBehaviour(exits_after_s=RUNS_S) for number in range(1, 4)}
BAD = {**IMAGES, "migrate:2": ImageBehaviour(exits_after_s=RUNS_S, exit_code=5)}
BAD_WEB = {**IMAGES, "web:2": ImageBehaviour(exits_after_s=1.0, exit_code=1)}
HOST_2 = """
apiVersion: gitops-orch/v1
kind: Host
metadata: {name: h2}
spec: {url: "sim://h2"}
"""


def one_shot(version=1, more="", job=""):
    return {"shop/compose.yaml": ONE_SHOT.format(version=version, more=more, job=job)}


def job(version=1, mode="replicated-job", deploy="replicas: 1", job="", **files):
    text = JOB.format(version=version, mode=mode, deploy=deploy, job=job)
    return {"shop/compose.yaml": text, **files}


def deployed(files, images=IMAGES) -> Scenario:
    story = Scenario(images)
    story.commit(files)
    assert story.sync().exit_code == 0
    return story


def runs(story: Scenario) -> list[str]:
    """Return the jobs that were started at all, by image."""
    return sorted(
        each.image
        for world in story.fleet.worlds.values()
        for each in world.containers.values()
        if each.image.startswith("migrate") and each.started_at is not None
    )


def serving(story: Scenario) -> list[str]:
    """Return the images of what serves."""
    there = story.world.containers.values()
    return [e.image for e in there if e.image.startswith("web") and e.state is State.RUNNING]


def lose_state(story: Scenario) -> None:
    story.history = MemoryHistory("")
    story.reconciler = story._reconciler()


def status(story: Scenario):
    (app,) = story.reconciler.read_status().apps
    return app


def started(report) -> list[str]:
    return [each.action.name for each in report.results if each.action.kind.value == "run_job"]


# -- one-shots


def test_what_waits_for_a_one_shot_starts_once_it_has_ended_well():
    story = deployed(one_shot())
    web, migrate = story.containers()["web"], story.containers()["migrate"]
    assert web.started_at >= migrate.finished_at
    assert (migrate.state, status(story).health.value) == (State.EXITED, "healthy")
    assert story.plan().actions == ()


@pytest.mark.parametrize("lost", [False, True])
def test_a_one_shot_does_not_run_again_when_the_controller_comes_back(lost):
    story = deployed(one_shot())
    if lost:
        lose_state(story)
    story.reconciler = story._reconciler()
    assert story.sync().results == ()


@pytest.mark.parametrize("lost", [False, True])
def test_a_one_shot_does_not_run_again_when_its_container_was_removed(lost):
    story = deployed(one_shot())
    story.reconciler.engines.by_name()["h1"].remove(story.containers()["migrate"].id)
    if lost:
        lose_state(story)
    assert story.sync().exit_code == 0
    assert runs(story) == []
    assert (status(story).health.value, story.plan().actions) == ("healthy", ())


def test_healing_what_waits_for_it_does_not_run_it_again():
    story = deployed(one_shot())
    finished_at = story.containers()["migrate"].finished_at
    story.reconciler.engines.by_name()["h1"].remove(story.containers()["web"].id)
    assert started(story.sync()) == []
    assert story.containers()["migrate"].finished_at == finished_at


@pytest.mark.parametrize("more", ["", "ports: ['8080:80']", "container_name: fixed"])
def test_a_migration_that_fails_leaves_the_old_version_serving(more):
    story = deployed(one_shot(more=more), BAD)
    old = story.containers()["web"]
    started_at = old.started_at
    story.commit(one_shot(version=2, more=more))
    report = story.sync()
    assert (report.status, report.exit_code) == ("rolled-back", 4)
    assert (old.state, old.started_at) == (State.RUNNING, started_at)
    assert old.id in story.world.containers
    assert story.sync().exit_code == 4
    assert story.plan().actions == ()


@pytest.mark.parametrize("operation", ["pull", "create", "start", "stop", "rename"])
@pytest.mark.parametrize("after", [True, False])
def test_a_crash_at_any_step_runs_a_one_shot_to_its_end(operation, after):
    story = deployed(one_shot())
    story.commit(one_shot(version=2))
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    assert serving(story) == ["web:2"]
    assert story.plan().actions == ()


# -- job modes


def test_every_slot_of_a_job_must_end_well():
    story = deployed(job(deploy="replicas: 3"))
    assert runs(story) == ["migrate:1"] * 3
    assert (status(story).health.value, story.plan().actions) == ("healthy", ())


def test_an_update_of_a_job_is_a_new_container():
    story = deployed(job())
    story.commit(job(version=2))
    report = story.sync()
    assert report.exit_code == 0
    assert len(started(report)) == 1
    assert story.plan().actions == ()


def test_a_job_that_fails_fails_the_release_and_is_kept():
    story = deployed(job(), BAD)
    story.commit(job(version=2))
    report = story.sync()
    assert report.exit_code == 4
    assert any("exited with code 5" in each.error for each in report.results)
    assert any(each.name.endswith("-failed") for each in story.world.containers.values())
    assert started(story.sync()) == []
    assert story.plan().actions == ()


def test_a_job_is_tried_as_often_as_its_restart_policy_says():
    tries = "restart_policy: {condition: on-failure, max_attempts: 3}"
    story = Scenario({"migrate:1": ImageBehaviour(exits_after_s=1.0, exit_code=5)})
    story.commit(job(deploy=tries))
    assert story.sync().exit_code == 4
    (load,) = [each for each in story.world.containers.values() if each.image == "migrate:1"]
    assert load.restart_count == 3


def test_a_job_that_would_be_restarted_for_ever_ends():
    story = deployed(job(deploy="restart_policy: {condition: any}"))
    assert story.containers()["load"].restart_policy == "on-failure"


def test_a_job_has_the_deadline_that_it_asks_for():
    slow = {"migrate:1": ImageBehaviour(exits_after_s=1000.0)}
    story = Scenario(slow)
    story.commit(job())
    assert story.sync().exit_code == 4
    story = Scenario(slow)
    story.commit(job(job="x-gitops: {job: {deadline: 1h}}"))
    assert story.sync().exit_code == 0


def test_a_job_that_runs_is_progress():
    story = Scenario({"migrate:1": ImageBehaviour(exits_after_s=100.0)})
    story.commit(job())
    looks = iter(range(1000))
    story.reconciler.run(trigger="test", control=RunControl(should_yield=lambda: next(looks) > 60))
    assert status(story).health.value == "progressing"
    assert story.sync().exit_code == 0


@pytest.mark.parametrize("kept", [0, 1])
def test_going_back_runs_no_job_again(kept):
    files = one_shot(more="deploy: {update_config: {monitor: 3s}}")
    story = deployed(files, BAD_WEB)
    bad = {name: text.replace(":1", ":2") for name, text in files.items()}
    if not kept:
        for each in list(story.world.containers.values()):
            if each.image == "migrate:1":
                story.reconciler.engines.by_name()["h1"].remove(each.id)
    story.commit(bad)
    report = story.sync()
    assert report.exit_code == 4
    assert runs(story).count("migrate:2") == 1
    assert [name for name in started(report) if "migrate" in name] == started(report)[:1]
    assert serving(story) == ["web:1"]
    assert story.plan().actions == ()


def test_a_revert_in_git_runs_no_job_again():
    story = deployed(one_shot())
    story.commit(one_shot(version=2))
    story.sync()
    story.commit(one_shot(version=1))
    report = story.sync()
    assert report.exit_code == 0
    assert started(report) == []
    assert serving(story) == ["web:1"]
    assert (status(story).health.value, story.plan().actions) == ("healthy", ())


def test_a_global_job_runs_once_on_each_host_also_on_one_that_comes_later():
    story = deployed(job(mode="global-job", deploy=""))
    assert runs(story) == ["migrate:1"]
    story.commit(job(mode="global-job", deploy="", **{"hosts/h2.yaml": HOST_2}))
    assert story.sync().exit_code == 0
    assert runs(story) == ["migrate:1", "migrate:1"]
    assert story.plan().actions == ()
