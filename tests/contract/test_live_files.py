"""What every engine promises about files that are changed in place, and signals (engine/base.py)."""

from dataclasses import replace

import pytest
from contract.making import app_with, file_set, intent
from contract.test_containers import created, running

from gitops_orch.errors import NotFound
from gitops_orch.model.names import live_record_name, live_volume_name
from gitops_orch.model.observed import State


def live(**fields):
    return replace(file_set(**fields), live="0123456789ab")


def seen(world, key):
    return {v.name: v.files for v in world.engine.observe().volumes if v.owner == key}


def test_a_live_file_set_has_a_name_that_does_not_depend_on_its_content(world, key):
    for digest in ("ab" * 32, "cd" * 32):
        world.engine.put_files(key, live(digest=digest), image="stub:1")
        assert seen(world, key) == {live_volume_name(key.project, "0123456789ab"): None}


def test_it_counts_as_brought_once_it_is_recorded(world, key):
    files = live()
    world.engine.put_files(key, files, image="stub:1")
    world.engine.record_live(key, files)
    world.engine.record_live(key, files)
    assert files.digest in seen(world, key).values()


def test_a_change_takes_the_record_of_the_former_content_away(world, key):
    before, after = live(digest="ab" * 32), live(digest="cd" * 32, content=b"y")
    world.engine.put_files(key, before, image="stub:1")
    world.engine.record_live(key, before)
    world.engine.put_files(key, after, image="stub:1")
    assert set(seen(world, key).values()) == {None}
    world.engine.record_live(key, after)
    assert set(seen(world, key).values()) == {None, after.digest}


@pytest.mark.parametrize("directory", [True, False])
def test_a_container_shows_the_live_set_that_it_mounts(world, key, directory):
    files = live(directory=directory)
    world.engine.put_files(key, files, image="stub:1")
    container = created(world, app_with(key, files=(files,)))
    assert world.engine.inspect(container).volumes == (live_volume_name(key.project, "0123456789ab"),)


def test_a_container_with_a_linked_file_is_found_again(world, key):
    files = live(directory=False)
    world.engine.put_files(key, files, image="stub:1")
    wanted = intent(app_with(key, files=(files,)))
    assert world.engine.create(wanted) == world.engine.create(wanted)


def test_a_record_can_be_removed(world, key):
    files = live()
    world.engine.put_files(key, files, image="stub:1")
    world.engine.record_live(key, files)
    world.engine.remove_volume(live_record_name(key.project, "0123456789ab", files.digest))
    assert set(seen(world, key).values()) == {None}


def test_a_signal_leaves_a_container_that_can_take_it_running(world, key):
    container = running(
        world, app_with(key, command=["sh", "-c", "trap : HUP; while true; do sleep 1; done"])
    )
    world.engine.signal(container, "SIGHUP")
    assert world.engine.inspect(container).state is State.RUNNING


def test_a_signal_to_a_container_that_does_not_run_is_already_so(world, key):
    container = created(world, app_with(key))
    world.engine.signal(container, "SIGHUP")
    assert world.engine.inspect(container).state is State.CREATED


def test_a_signal_to_an_absent_container_is_not_found(world):
    with pytest.raises(NotFound, match="h1"):
        world.engine.signal("absent", "SIGHUP")
