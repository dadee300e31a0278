"""What every engine does with a command that is run in a container."""

import pytest
from contract.making import app_with, created, running, state

from gitops_orch.engine.base import TIMED_OUT_CODE, ExecSettings
from gitops_orch.errors import Conflict
from gitops_orch.model.observed import State


def test_a_command_tells_how_it_ended(world, key):
    container = running(world, app_with(key))
    assert world.engine.run_exec(container, ("true",)).exit_code == 0


def test_a_command_that_fails_tells_its_code(world, key):
    container = running(world, app_with(key))
    assert world.engine.run_exec(container, ("false",)).exit_code == 1


def test_a_command_that_does_not_end_is_given_up_at_its_deadline(world, key):
    container = running(world, app_with(key))
    ended = world.engine.run_exec(container, ("sleep", "20"), ExecSettings(deadline_s=1.0))
    assert ended.timed_out
    assert ended.exit_code == TIMED_OUT_CODE
    assert state(world, container) is State.RUNNING


def test_a_command_may_take_longer_than_other_calls(world, key):
    container = running(world, app_with(key))
    assert not world.engine.run_exec(container, ("sleep", "1"), ExecSettings(deadline_s=60.0)).timed_out


def test_a_command_in_a_stopped_container_is_a_conflict(world, key):
    container = created(world, app_with(key))
    with pytest.raises(Conflict):
        world.engine.run_exec(container, ("true",))


def test_a_command_ends_with_its_container(world, key):
    container = running(world, app_with(key, image="stub:brief"))
    ended = world.engine.run_exec(container, ("sleep", "20"), ExecSettings(deadline_s=60.0))
    assert (ended.exit_code, ended.timed_out) == (137, False)


def test_a_command_in_a_container_that_is_being_restarted_is_a_conflict(world, key):
    container = running(world, app_with(key, image="stub:crash", restart="always"))
    world.wait(
        "a long pause before a restart",
        lambda: (
            world.engine.inspect(container).details.restart_count > 3
            and state(world, container) is State.RESTARTING
        ),
    )
    with pytest.raises(Conflict):
        world.engine.run_exec(container, ("true",))


def test_a_command_in_a_paused_container_is_a_conflict(world, key):
    container = running(world, app_with(key))
    world.pause(container)
    with pytest.raises(Conflict):
        world.engine.run_exec(container, ("true",))
    world.engine.unpause(container)
