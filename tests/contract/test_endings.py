"""What every engine reports of a container that has ended: its own program did, or somebody asked for it."""

import pytest
from contract.making import app_with, intent

from gitops_orch.model.observed import EndedBy, Health, State


def running(world, app):
    container = world.engine.create(intent(app))
    world.engine.start(container)
    return container


def ended(world, container):
    world.wait("the end", lambda: world.engine.inspect(container).state is State.EXITED)
    return world.engine.inspect(container).details


@pytest.mark.parametrize(("image", "code"), [("stub:crash", 1), ("stub:exit0", 0)])
def test_a_program_that_ends_by_itself_was_ended_by_itself(world, key, image, code):
    details = ended(world, running(world, app_with(key, image=image)))
    assert (details.ended_by, details.exit_code) == (EndedBy.ITSELF, code)


@pytest.mark.parametrize("image", ["stub:1", "stub:stubborn"])
def test_a_container_that_is_stopped_was_ended_by_a_request(world, key, image):
    container = running(world, app_with(key, image=image, stop_grace_period="1s"))
    world.engine.stop(container)
    assert ended(world, container).ended_by is EndedBy.REQUEST


def test_a_container_that_is_stopped_and_runs_again_was_ended_by_nothing(world, key):
    container = running(world, app_with(key))
    world.engine.stop(container)
    world.engine.start(container)
    assert world.engine.inspect(container).details.ended_by is EndedBy.UNKNOWN


def test_the_observation_of_a_host_knows_who_ended_a_container_too(world, key):
    stopped = running(world, app_with(key))
    world.engine.stop(stopped)
    ended(world, stopped)
    found = {each.id: each.details.ended_by for each in world.engine.observe().containers if each.owner}
    assert found[stopped] is EndedBy.REQUEST


def test_a_healthy_container_has_no_output_of_its_check(world, key):
    container = running(world, app_with(key, image="stub:healthy-1"))
    world.wait("health", lambda: world.engine.inspect(container).health is Health.HEALTHY)
    assert world.engine.inspect(container).details.check_output == ""
