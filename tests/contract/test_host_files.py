"""What every engine promises about files from Git in binds that a container can write to (engine/base.py)."""

import hashlib
from dataclasses import replace

import pytest
from contract.making import app_with, file_set
from contract.test_containers import created

from gitops_orch.errors import NotFound
from gitops_orch.model.app import FileEntry
from gitops_orch.model.host_files import NO_FILE, FileChange, FilesWork, query_of
from gitops_orch.model.sensitive.secret import Sensitive

A = "conf/a.txt"  # what `file_set` has


def digest(content):
    return hashlib.sha256(content).hexdigest()


def bind(content=b"x", **fields):
    return file_set(content=content, writable_path="data", **fields)


def write(content, expected=None, name=A):
    before = None if expected is None else digest(expected)
    change = FileChange(name=name, expected=before, digest=digest(content))
    return FilesWork(changes=(change,), record={name: (digest(content),)}, recorded=False)


def change(world, key, files, work):
    return world.engine.change_files(key, files, work, image="stub:1")


def look(world, key, files):
    (seen,) = world.engine.read_files((query_of(key, files),), image="stub:1")
    return seen


def test_what_is_not_there_is_absent_and_a_look_does_not_create_it(world, key):
    for _ in range(2):
        seen = look(world, key, bind())
        assert (seen.present, dict(seen.copies), dict(seen.written)) == (False, {}, {})


def test_a_file_is_written_and_recorded(world, key):
    assert change(world, key, bind(), write(b"x")) == ()
    seen = look(world, key, bind())
    assert seen.present
    assert dict(seen.copies) == {A: digest(b"x")}
    assert dict(seen.written) == {A: frozenset({digest(b"x")})}
    assert world.content(key, f"data/{A}") == digest(b"x")


def test_a_single_file_is_written_and_recorded(world, key):
    files = bind(directory=False)
    assert change(world, key, files, write(b"x", name="")) == ()
    assert world.content(key, "data") == digest(b"x")
    assert dict(look(world, key, files).copies) == {"": digest(b"x")}
    created(world, app_with(key, files=(files,)))


def test_what_we_last_wrote_is_replaced(world, key):
    change(world, key, bind(), write(b"x"))
    assert change(world, key, bind(b"y"), write(b"y", expected=b"x")) == ()
    seen = look(world, key, bind(b"y"))
    assert dict(seen.copies) == {A: digest(b"y")}
    assert dict(seen.written) == {A: frozenset({digest(b"y")})}


@pytest.mark.parametrize("content", [b"by hand", b"", None])
def test_what_is_not_as_expected_is_left_alone_and_named(world, key, content):
    change(world, key, bind(), write(b"x"))
    world.write(key, f"data/{A}", content)
    assert change(world, key, bind(b"y"), write(b"y", expected=b"x")) == (A,)
    assert world.content(key, f"data/{A}") == (None if content is None else digest(content))
    assert dict(look(world, key, bind(b"y")).written) == {A: frozenset({digest(b"x")})}


def test_a_file_that_must_not_be_there_yet_is_left_alone(world, key):
    change(world, key, bind(), write(b"x", name=A))
    world.write(key, "data/b.txt", b"mine")
    assert change(world, key, bind(), write(b"x", name="b.txt")) == ("b.txt",)


def test_a_file_that_is_already_as_wanted_counts_as_written(world, key):
    change(world, key, bind(), write(b"x"))
    world.write(key, f"data/{A}", b"y")
    assert change(world, key, bind(b"y"), write(b"y", expected=b"x")) == ()
    assert dict(look(world, key, bind(b"y")).written) == {A: frozenset({digest(b"y")})}


def test_a_file_is_removed_and_its_neighbours_stay(world, key):
    change(world, key, bind(), write(b"x"))
    world.write(key, "data/conf/mine.txt", b"mine")
    gone = FilesWork(changes=(FileChange(name=A, expected=digest(b"x"), digest=None),), recorded=False)
    assert change(world, key, bind(), gone) == ()
    assert world.content(key, f"data/{A}") is None
    assert world.content(key, "data/conf/mine.txt") == digest(b"mine")
    assert dict(look(world, key, bind()).written) == {}


def test_removing_what_is_gone_is_success(world, key):
    change(world, key, bind(), write(b"x"))
    world.write(key, f"data/{A}", None)
    gone = FilesWork(changes=(FileChange(name=A, expected=digest(b"x"), digest=None),), recorded=False)
    assert change(world, key, bind(), gone) == ()


def test_a_change_by_hand_is_seen_at_the_next_look(world, key):
    change(world, key, bind(), write(b"x"))
    look(world, key, bind())
    world.write(key, f"data/{A}", b"z")
    assert dict(look(world, key, bind()).copies) == {A: digest(b"z")}


def test_files_of_the_record_are_looked_at_though_git_has_them_no_more(world, key):
    change(world, key, bind(), write(b"x"))
    other = file_set(content=b"x", writable_path="data", directory=True)
    seen = look(world, key, other)
    assert A in seen.copies


def test_a_look_with_an_image_that_is_not_on_the_host_is_not_found(world, key):
    with pytest.raises(NotFound):
        world.engine.read_files((query_of(key, bind()),), image="never-pulled:1")


def test_several_binds_are_answered_in_their_order(world, key):
    change(world, key, bind(), write(b"x"))
    other = file_set(writable_path="other")
    seen = world.engine.read_files((query_of(key, other), query_of(key, bind())), image="stub:1")
    assert [each.path for each in seen] == ["other", "data"]
    assert [each.present for each in seen] == [False, True]


def several(names, content=b"x"):
    entries = tuple(FileEntry(path=name, mode=0o644, content=Sensitive(content)) for name in names)
    return replace(bind(), entries=entries)


def work_of(*changes):
    record = {c.name: (c.digest,) for c in changes if c.digest is not None}
    return FilesWork(changes=tuple(changes), record=record, recorded=False)


def put(name, content=b"x"):
    return FileChange(name=name, expected=None, digest=digest(content))


def gone(name, content=b"x"):
    return FileChange(name=name, expected=digest(content), digest=None)


@pytest.mark.parametrize("inside", [["conf/x/a"], ["conf/x/a", "conf/x/deep/b"], ["conf/x/b/c/d"]])
def test_a_directory_that_became_a_file_gives_way_to_it_and_comes_back(world, key, inside):
    before, after = several(inside), several(["conf/x"])
    assert change(world, key, before, work_of(*map(put, inside))) == ()
    seen = look(world, key, after)
    assert (seen.copies["conf/x"], seen.below["conf/x"]) == (NO_FILE, frozenset(inside))
    assert change(world, key, after, work_of(put("conf/x"), *map(gone, inside))) == ()
    assert world.content(key, "data/conf/x") == digest(b"x")
    assert change(world, key, before, work_of(gone("conf/x"), *map(put, inside))) == ()
    assert dict(look(world, key, before).copies) == dict.fromkeys(inside, digest(b"x"))


def test_a_directory_with_a_file_that_is_not_ours_stays(world, key):
    before, after = several(["conf/x/a"]), several(["conf/x"])
    change(world, key, before, work_of(put("conf/x/a")))
    world.write(key, "data/conf/x/mine", b"mine")
    assert look(world, key, after).below["conf/x"] == {"conf/x/a", "conf/x/mine"}
    assert change(world, key, after, work_of(put("conf/x"), gone("conf/x/a"))) == ("conf/x",)
    assert world.content(key, "data/conf/x/mine") == digest(b"mine")


def test_a_file_that_was_changed_does_not_give_way_to_a_directory(world, key):
    before, after = several(["conf/x"]), several(["conf/x/a"])
    change(world, key, before, work_of(put("conf/x")))
    world.write(key, "data/conf/x", b"mine")
    assert look(world, key, after).copies["conf/x/a"] == NO_FILE
    left = change(world, key, after, work_of(put("conf/x/a"), gone("conf/x")))
    assert sorted(left) == ["conf/x", "conf/x/a"]
    assert world.content(key, "data/conf/x") == digest(b"mine")
