"""`x-gitops.reload`: a changed file is put in place and the signal sent; the container stays."""

import pytest
from story import Scenario

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome

COMPOSE = """
services:
  web:
    image: web:1
    x-gitops: {reload: SIGHUP}
    volumes: ["./conf:/etc/app:ro"]
    configs: [{source: main, target: /etc/main.conf}]
  other:
    image: web:1
    volumes: ["./conf:/etc/app:ro"]
configs:
  main: {file: main.conf}
"""


def files(conf="one", main="one", compose=COMPOSE, **more):
    return {"shop/compose.yaml": compose, "shop/conf/a.txt": conf, "shop/main.conf": main, **more}


@pytest.fixture
def story():
    made = Scenario()
    made.commit(files())
    assert made.sync().exit_code == 0
    return made


def live_contents(story):
    return [v.content for v in story.world.volumes.values() if "_live_" in v.name and v.content]


def test_the_first_deployment_sends_no_signal_and_leaves_nothing_to_do(story):
    assert story.containers()["web"].signals == ()
    assert story.plan().actions == ()


def test_a_changed_file_sends_the_signal_and_recreates_nothing(story):
    before, contents = story.containers(), live_contents(story)
    story.commit(files(main="two"))
    report = story.sync()
    after = story.containers()
    assert story.kinds(report) == ["put_files", "exec", "wait_healthy", "create_volume"]
    assert "SIGHUP because /etc/main.conf changed" in report.results[1].action.reason
    assert (after["web"].id, after["web"].signals) == (before["web"].id, ("SIGHUP",))
    assert after["other"].id == before["other"].id
    assert live_contents(story) != contents
    assert story.plan().actions == ()


def test_another_service_with_the_same_files_is_recreated(story):
    before = story.containers()
    story.commit(files(conf="two"))
    story.sync()
    after = story.containers()
    assert after["web"].id == before["web"].id
    assert after["other"].id != before["other"].id


def test_going_back_to_the_former_content_is_a_change_too(story):
    story.commit(files(main="two"))
    story.sync()
    story.commit(files(main="one"))
    story.sync()
    assert story.containers()["web"].signals == ("SIGHUP", "SIGHUP")
    assert story.plan().actions == ()


@pytest.mark.parametrize("operation", ["put_files", "signal", "record_live"])
@pytest.mark.parametrize("after", [True, False])
def test_a_crash_at_any_step_ends_with_the_new_content_and_the_signal(story, operation, after):
    before = story.containers()["web"].id
    story.commit(files(main="two"))
    story.crash_at(operation, after=after)
    story.sync()
    web = story.containers()["web"]
    assert (web.id, set(web.signals)) == (before, {"SIGHUP"})
    assert story.plan().actions == ()


def test_a_stopped_container_is_started_and_not_signalled(story):
    web = story.containers()["web"]
    story.reconciler.engines.by_name()["h1"].stop(web.id)
    story.commit(files(main="two"))
    report = story.sync()
    assert "exec" not in story.kinds(report)
    assert story.containers()["web"].id == web.id
    assert story.plan().actions == ()


def test_a_container_that_does_not_survive_the_new_file_takes_the_release_back():
    story = Scenario({"web:1": ImageBehaviour(exit_code=1)})
    story.commit(files())
    story.sync()
    web = story.containers()["web"]
    first = live_contents(story)
    story.commit(files(main="bad"))
    # A process that ends at the signal: its image decides that it ends a moment after.
    web.exits_at = story.world.now + 1
    report = story.sync()
    assert report.status == "rolled-back"
    assert live_contents(story) == first


def test_replicas_are_told_one_after_the_other_so_that_a_bad_file_ends_at_the_first():
    story = Scenario({"web:1": ImageBehaviour(exit_code=1)})
    three = COMPOSE.replace("x-gitops: {reload", "deploy: {replicas: 3}\n    x-gitops: {reload")
    story.commit(files(compose=three))
    story.sync()
    webs = [c for c in story.world.containers.values() if c.owner.service == "web"]
    story.commit(files(main="bad", compose=three))
    webs[0].exits_at = story.world.now + 1
    report = story.sync()
    assert report.status == "rolled-back"
    bad = report.first_plan.actions[0].release
    assert [
        r.action.slot
        for r in report.results
        if r.action.kind is Kind.EXEC and r.action.release == bad and r.outcome is Outcome.DONE
    ] == [1]
    before = [len(c.signals) for c in webs]
    story.commit(files(main="good", compose=three))
    assert story.sync().exit_code == 0
    assert [len(c.signals) for c in webs] == [count + 1 for count in before]


def test_a_change_of_anything_else_recreates_it(story):
    before = story.containers()["web"].id
    story.commit(files(compose=COMPOSE.replace("configs: [{", "environment: {A: 1}\n    configs: [{")))
    story.sync()
    assert story.containers()["web"].id != before
    assert story.plan().actions == ()


def test_what_no_service_keeps_live_any_more_is_removed():
    story = Scenario(containers_kept=0)
    story.commit(files())
    story.sync()
    story.commit(files(compose=COMPOSE.replace("    x-gitops: {reload: SIGHUP}\n", "")))
    story.sync()
    story.sync()
    assert [name for name in story.world.volumes if "_live_" in name] == []


def test_a_single_file_of_a_read_only_service_is_recreated_for_and_validate_says_so():
    story = Scenario()
    compose = COMPOSE.replace("configs: [{", "read_only: true\n    configs: [{")
    story.commit(files(compose=compose))
    report = story.sync()
    before = story.containers()["web"].id
    warnings = [str(p) for p in report.final_status.problems]
    assert any("a change of /etc/main.conf recreates the container" in line for line in warnings)
    story.commit(files(main="two", compose=compose))
    story.sync()
    assert story.containers()["web"].id != before
