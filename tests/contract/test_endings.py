"""What every engine reports of a container that has ended: its own program did, or somebody asked for it."""

import pytest
from contract.making import app_with, running

from gitops_orch.model.observed import EndedBy, Health, State

LATE_S = 1.0


def ended(world, container):
    world.wait("the end", lambda: world.engine.inspect(container).state is State.EXITED)
    return world.engine.inspect(container).details


@pytest.mark.parametrize(("image", "code"), [("stub:crash", 1), ("stub:exit0", 0)])
def test_a_program_that_ends_by_itself_was_ended_by_itself(any_world, key, image, code):
    details = ended(any_world, running(any_world, app_with(key, image=image)))
    assert (details.ended_by, details.exit_code) == (EndedBy.ITSELF, code)


@pytest.mark.parametrize("image", ["stub:1", "stub:stubborn"])
def test_a_container_that_is_stopped_was_ended_by_a_request(any_world, key, image):
    container = running(any_world, app_with(key, image=image, stop_grace_period="1s"))
    any_world.engine.stop(container)
    assert ended(any_world, container).ended_by is EndedBy.REQUEST


def test_a_container_that_is_stopped_and_runs_again_was_ended_by_nothing(any_world, key):
    container = running(any_world, app_with(key))
    any_world.engine.stop(container)
    any_world.engine.start(container)
    assert any_world.engine.inspect(container).details.ended_by is EndedBy.UNKNOWN


def test_the_observation_of_a_host_knows_who_ended_a_container_too(any_world, key):
    stopped = running(any_world, app_with(key))
    any_world.engine.stop(stopped)
    ended(any_world, stopped)
    found = {each.id: each.details.ended_by for each in any_world.engine.observe().owned}
    assert found[stopped] is EndedBy.REQUEST


@pytest.mark.parametrize("image", ["stub:1", "stub:crash"])
def test_what_ended_before_the_engine_started_was_ended_by_the_engine(any_world, key, image):
    container = running(any_world, app_with(key, image=image))
    if image == "stub:crash":
        ended(any_world, container)  # that it ended by itself is forgotten
    any_world.restart()
    assert ended(any_world, container).ended_by is EndedBy.DAEMON


def test_what_an_engine_brings_back_was_ended_by_nothing(any_world, key):
    container = running(any_world, app_with(key, restart="unless-stopped"))
    any_world.restart()
    any_world.wait("its return", lambda: any_world.engine.inspect(container).state is State.RUNNING)
    assert any_world.engine.inspect(container).details.ended_by is EndedBy.UNKNOWN


def test_a_program_that_ends_after_the_engine_was_restarted_was_ended_by_itself(any_world, key):
    any_world.restart()
    container = running(any_world, app_with(key, image="stub:crash"))
    assert ended(any_world, container).ended_by is EndedBy.ITSELF


def test_who_ended_a_container_is_known_at_once(any_world, key):
    """Within the second for which an Engine would still wait for events, on the fastest of three ends."""

    def late_s():
        container = running(any_world, app_with(key, image="stub:exit0"))
        details = ended(any_world, container)
        late = (any_world.clock.now() - details.finished_at).total_seconds()
        any_world.engine.remove(container)
        return late if details.ended_by is EndedBy.ITSELF else LATE_S

    assert min(late_s() for _ in range(3)) < LATE_S


def test_a_healthy_container_has_no_output_of_its_check(any_world, key):
    container = running(any_world, app_with(key, image="stub:healthy-1"))
    any_world.wait("health", lambda: any_world.engine.inspect(container).health is Health.HEALTHY)
    assert any_world.engine.inspect(container).details.check_output == ""


def test_an_unhealthy_container_has_what_its_check_printed(any_world, key):
    container = running(any_world, app_with(key, image="stub:complains"))
    any_world.wait("a verdict", lambda: any_world.engine.inspect(container).health is Health.UNHEALTHY)
    assert any_world.engine.inspect(container).details.check_output.strip() == "database is locked"


def test_a_check_that_fails_in_silence_has_no_output(any_world, key):
    container = running(any_world, app_with(key, image="stub:unhealthy"))
    any_world.wait("a verdict", lambda: any_world.engine.inspect(container).health is Health.UNHEALTHY)
    assert any_world.engine.inspect(container).details.check_output == ""
