"""Hooks: commands around starts and stops, and containers that come before others."""

from dataclasses import replace

import pytest
from simulation import tampering
from story import Scenario

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State

WEB = """
services:
  web:
    image: web:{version}
    environment: {{A: "{value}"}}
    {more}
"""
GREETED = "post_start: [{command: [warm, up], user: root}, {command: [announce]}]\n    pre_stop: [{command: [drain]}]"


OTHER = {"other/compose.yaml": "services: {idle: {image: 'idle:1'}}"}


def files(version=1, value=1, more=""):
    return {"shop/compose.yaml": WEB.format(version=version, value=value, more=more), **OTHER}


def deployed(more="", images=None) -> Scenario:
    story = Scenario(images)
    story.commit(files(more=more))
    assert story.sync().exit_code == 0
    return story


def names(story: Scenario) -> list[str]:
    return sorted(each.name for each in story.world.containers.values())


def web(story: Scenario):
    return story.containers()["web"]


def test_commands_follow_a_start_in_their_order_and_the_gate_follows_them():
    story = Scenario()
    story.commit(files(more=GREETED))
    report = story.sync()
    assert story.kinds(report)[-5:] == ["create", "start", "exec", "exec", "wait_healthy"]
    assert web(story).commands == ("warm up", "announce")
    assert story.plan().actions == ()


def test_a_container_that_is_replaced_is_told_before_it_stops():
    story = deployed(GREETED)
    old = web(story)
    story.commit(files(value=2, more=GREETED))
    report = story.sync()
    kinds = story.kinds(report)
    assert kinds.index("wait_healthy") < kinds.index("stop")
    assert kinds[kinds.index("stop") - 1] == "exec"
    assert old.commands[-1] == "drain"
    assert web(story).commands == ("warm up", "announce")


def test_a_changed_hook_recreates_nothing_and_counts_from_then_on():
    story = deployed(GREETED)
    before = web(story).id
    changed = GREETED.replace("drain", "leave")
    story.commit(files(more=changed))
    assert story.plan().actions == ()
    story.sync()
    assert web(story).id == before
    story.commit(files(value=2))
    old = web(story)
    story.sync()
    assert old.commands[-1] == "drain"  # as it was made with


def test_what_left_git_is_told_by_what_it_was_made_with():
    story = deployed(GREETED)
    old = web(story)
    story.commit(OTHER)
    story.sync()
    assert old.id not in story.world.containers
    assert old.commands[-1] == "drain"


def test_a_stop_by_another_hand_is_mended_with_the_commands_of_a_start():
    story = deployed(GREETED)
    story.reconciler.engines.by_name()["h1"].stop(web(story).id)
    story.sync()
    assert web(story).commands == ("warm up", "announce", "warm up", "announce")
    assert story.plan().actions == ()


def test_a_command_that_fails_after_a_start_takes_the_release_back():
    story = deployed()
    old = web(story)
    story.commit(files(value=2, more="post_start: [{command: ['false']}]"))
    report = story.sync()
    assert (report.status, report.exit_code) == ("rolled-back", 4)
    assert old.state is State.RUNNING
    assert any("post_start `false` in" in result.error for result in report.results)
    assert story.sync().exit_code == 4
    assert story.plan().actions == ()


def test_a_command_that_does_not_end_takes_the_release_back():
    story = deployed()
    story.commit(files(value=2, more="post_start: [{command: [sleep, '900']}]"))
    report = story.sync()
    assert report.status == "rolled-back"
    assert any("did not end within 300 s" in result.error for result in report.results)


def test_a_container_that_ends_before_its_commands_takes_the_release_back():
    story = Scenario({"web:2": ImageBehaviour(exits_after_s=0.0, exit_code=3)})
    story.commit(files())
    story.sync()
    story.commit(files(version=2, more=GREETED))
    assert story.sync().status == "rolled-back"


def test_a_command_that_fails_before_a_stop_is_noted_and_nothing_more():
    story = deployed("pre_stop: [{command: ['false']}]")
    story.commit(files(value=2, more="pre_stop: [{command: ['false']}]"))
    report = story.sync()
    assert report.exit_code == 0
    (note,) = [result.note for result in report.results if result.note]
    assert "pre_stop `false` in" in note
    assert len([c for c in story.world.containers.values() if c.up]) == 2


@pytest.mark.parametrize("operation", ["start", "run_exec"])
@pytest.mark.parametrize("after", [True, False])
def test_commands_are_not_lost_in_a_crash(operation, after):
    story = Scenario()
    story.commit(files(more=GREETED))
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    assert web(story).commands[-2:] == ("warm up", "announce")
    assert story.plan().actions == ()


def test_a_gate_that_is_taken_up_again_by_the_same_process_does_not_repeat_them():
    story = Scenario({"web:1": ImageBehaviour(healthcheck=True, healthy_after_s=30.0)})
    story.commit(files(more=GREETED))
    looks = iter(range(100))
    story.reconciler.run(trigger="test", control=RunControl(should_yield=lambda: next(looks) > 3))
    assert web(story).commands == ("warm up", "announce")
    assert story.sync().exit_code == 0
    assert web(story).commands == ("warm up", "announce")


# -- pre_start

MIGRATED = (
    "pre_start: [{command: [migrate, up], image: 'tool:1', environment: {STEP: '1'}}, {command: ['true']}]"
)
TOOL = {"tool:1": ImageBehaviour(exits_after_s=2.0), "bad:1": ImageBehaviour(exits_after_s=1.0, exit_code=7)}


def test_containers_that_come_before_run_one_after_the_other_and_are_removed():
    story = Scenario(TOOL)
    story.commit(files(more=MIGRATED))
    report = story.sync()
    steps = [each.action.kind.value for each in report.results if each.action.service == "web"]
    assert steps[-8:] == [
        *("create", "run_job", "create", "run_job", "start", "wait_healthy", "remove", "remove")
    ]
    assert sorted(story.containers()) == ["idle", "web"]
    assert story.plan().actions == ()


def test_a_container_that_comes_before_is_like_the_services_own_but_for_what_must_not_be_there_twice():
    story = Scenario({"tool:1": ImageBehaviour(exits_after_s=1.0, exit_code=1)})
    more = (
        "labels: {traefik.enable: 'true'}\n    ports: ['8080:80']\n    volumes: [data:/data]\n    " + MIGRATED
    )
    story.commit(files(more=more + "\nvolumes: {data: {}}"))
    story.sync()
    found = story.containers()["web.pre_start.1"]
    assert set(found.environment) >= {"A=1", "STEP=1"}
    assert (found.ports, found.command) == ((), ("migrate", "up"))
    assert "traefik.enable" not in found.labels
    assert found.volumes == ("shop_data",)
    assert found.networks["shop_default"] == ("shop-web.pre_start.1-1", "web.pre_start.1")


@pytest.mark.parametrize("more", ["", "ports: ['8080:80']", "container_name: fixed"])
def test_one_that_fails_leaves_the_old_container_serving_and_is_kept(more):
    story = Scenario(TOOL)
    story.commit(files(more=more))
    story.sync()
    old = web(story)
    started_at = old.started_at
    story.commit(files(value=2, more=f"{more}\n    pre_start: [{{command: [x], image: 'bad:1'}}]"))
    report = story.sync()
    assert (report.status, report.exit_code) == ("rolled-back", 4)
    assert (old.state, old.started_at) == (State.RUNNING, started_at)
    assert any("exited with code 7" in result.error for result in report.results)
    (kept,) = [each for each in story.world.containers.values() if ".pre_start.1" in each.name]
    assert kept.exit_code == 7
    assert kept.name.endswith("-failed")
    assert story.plan().actions == ()
    story.commit(files(value=3, more=more))
    assert story.sync().exit_code == 0
    assert not [each for each in names(story) if "pre_start" in each]


def test_the_message_of_a_pre_start_that_fails_names_it_and_its_command_without_secrets():
    story = Scenario(TOOL)
    command = "[migrate, up, --token, hunter2]"
    story.commit(files(more=f"pre_start: [{{command: {command}, image: 'bad:1'}}]"))
    failed = [each.error for each in story.sync().results if each.gate_failed]
    assert failed
    assert all("pre_start `migrate up --token ***`: it exited with code 7" in each for each in failed)
    shop = next(row for row in story.reconciler.read_status().apps if row.key.name == "shop")
    assert "pre_start `migrate up --token ***`: it exited with code 7" in shop.reason


@pytest.mark.parametrize("operation", ["create", "start", "remove", "pull"])
@pytest.mark.parametrize("after", [True, False])
def test_a_crash_at_any_step_ends_with_the_service_and_nothing_left_over(operation, after):
    story = Scenario(TOOL)
    story.commit(files(more=MIGRATED))
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    story.sync()
    assert sorted(story.containers()) == ["idle", "web"]
    assert story.plan().actions == ()


def test_a_container_that_stays_runs_nothing_before_it_again():
    story = Scenario(TOOL)
    story.commit(files(more=MIGRATED))
    story.sync()
    story.reconciler.engines.by_name()["h1"].stop(web(story).id)
    assert story.kinds(story.sync()) == ["start", "wait_healthy"]


def test_what_comes_before_is_removed_with_its_app():
    story = Scenario({"tool:1": ImageBehaviour(exits_after_s=1.0, exit_code=1)})
    story.commit(files(more=MIGRATED))
    story.sync()
    assert [name for name in names(story) if "pre_start" in name]
    story.commit(OTHER)
    story.sync()
    assert [name for name in names(story) if name.startswith("shop")] == []


# -- containers that end, restart or are stopped around a command

HOOKED = "restart: {restart}\n    post_start: [{{command: [warm, up]}}, {{command: [sleep, '3']}}]"


class Once:
    """Does something to the service's container right before its first command is run, or while it runs."""

    def __init__(self, story: Scenario, befall) -> None:
        self.story, self.befall = story, befall

    def decide(self, _host, operation):
        if operation == "run_exec" and self.befall is not None:
            befall, self.befall = self.befall, None
            befall(self.story.world, web(self.story))


def crash(world, _container):
    world.crash(world.now + 5, exit_code=143)


def interrupted(befall, restart="always") -> Scenario:
    """The second release of an app that was stable, to which something happens at its first command."""
    story = deployed()
    story.commit(files(value=2, more=HOOKED.format(restart=restart)))
    story.fleet.faults = Once(story, befall)
    story.reconciler = story._reconciler()
    return story


@pytest.mark.parametrize("exits", [1, 3, 5])
def test_a_command_waits_for_a_container_that_its_policy_restarts(exits):
    image = ImageBehaviour(exits_after_s=0.5, exit_code=1, exits_max=exits)
    story = deployed(images={"web:2": image})
    story.commit(files(version=2, more=HOOKED.format(restart="unless-stopped")))
    report = story.sync()
    assert (report.exit_code, web(story).restart_count) == (0, exits)
    assert web(story).commands[-1] == "sleep 3"
    assert story.plan().actions == ()


def test_a_container_that_keeps_crashing_under_its_commands_takes_the_release_back():
    story = deployed(images={"web:2": ImageBehaviour(exits_after_s=0.5, exit_code=1)})
    story.commit(files(version=2, more=HOOKED.format(restart="always")))
    report = story.sync()
    assert report.status == "rolled-back"
    assert any("keeps crashing: restarted 6 times" in result.error for result in report.results)


def test_a_run_that_yields_goes_on_counting_the_restarts():
    story = deployed(images={"web:2": ImageBehaviour(exits_after_s=0.5, exit_code=1)})
    story.commit(files(version=2, more=HOOKED.format(restart="always")))
    looks = iter(range(10_000))
    for _ in range(60):
        report = story.reconciler.run(
            trigger="test", control=RunControl(should_yield=lambda: next(looks) % 4 == 3)
        )
        if report.status == "rolled-back":
            break
    assert report.status == "rolled-back", "it is never given up"
    assert any("keeps crashing: restarted 6 times" in result.error for result in report.results)


@pytest.mark.parametrize("restart", ["always", "on-failure", '"no"'])
@pytest.mark.parametrize(
    "befall", [tampering.stop, tampering.pause, tampering.restart, tampering.remove, crash]
)
def test_what_happens_to_a_container_from_outside_is_no_verdict_on_its_command(befall, restart):
    story = interrupted(befall, restart)
    for _ in range(5):
        report = story.sync()
        assert report.status != "rolled-back"
        story.clock.sleep(60)
    assert report.exit_code == 0
    assert (web(story).state, web(story).commands[-2:]) == (State.RUNNING, ("warm up", "sleep 3"))
    assert "A=2" in web(story).environment
    assert story.plan().actions == ()


@pytest.mark.parametrize(
    "fixed", ["container_name: web", "ports: ['8080:80']", "deploy: {update_config: {order: stop-first}}"]
)
@pytest.mark.parametrize("was_stable", [True, False])
def test_a_command_that_fails_in_what_is_put_back_is_no_verdict_on_the_new_release(fixed, was_stable):
    refused = 'error gathering device information while adding custom device "/dev/x": no such file'
    story = Scenario(
        {
            "web:1": ImageBehaviour(healthcheck=not was_stable, healthy_after_s=9.0),
            "web:2": ImageBehaviour(start_error=refused),
        }
    )
    more = f"post_start: [{{command: [greet]}}]\n    {fixed}"
    story.commit(files(more=more))
    looks = iter(range(100))
    story.reconciler.run(
        trigger="test", control=RunControl(should_yield=lambda: not was_stable and next(looks) > 3)
    )
    old = web(story)
    old.behaviour = replace(old.behaviour, failing_commands=("greet",))
    story.commit(files(version=2, more=more))
    for _ in range(3):
        report = story.sync()
        assert report.exit_code == 1
        story.clock.sleep(400)
    assert old.up
    states = {
        each.commit: each.state.value for each in story.history.releases(None) if each.app.name == "shop"
    }
    assert states[report.final_status.commit] == "progressing"
