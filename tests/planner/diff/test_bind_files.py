"""Which files of a writable bind are written, removed or kept: by contents, modes, and what stands in their way."""

import dataclasses
import hashlib
import sys

import pytest

from gitops_orch.model.app import AppKey, FileEntry, FileMount, FilesPolicy
from gitops_orch.model.host_files import EXECUTABLE, NO_FILE, HostFiles, version_of
from gitops_orch.model.sensitive.secret import Sensitive
from gitops_orch.planner.diff.bind_files import CHANGED, OBSTRUCTED, decide

KEY = AppKey(namespace="default", name="shop")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def bind(mode=0o644, **files):
    entries = tuple(
        FileEntry(path=name.replace("__", "/"), mode=mode, content=Sensitive(text.encode()))
        for name, text in files.items()
    )
    return FileMount(target="/etc/x", entries=entries, directory=True, secret=False, writable_path="conf")


def seen(copies, written, **fields):
    versions = {name: frozenset({version}) for name, version in written.items()}
    return HostFiles(app=KEY, path="conf", present=True, copies=copies, written=versions, **fields)


def changes(files, there, policy=FilesPolicy.MERGE):
    return [(each.name, each.expected, each.digest) for each in decide(files, there, policy).changes]


ONE, TWO = digest("one"), digest("two")


@pytest.mark.parametrize(("mode", "before"), [(0o755, ONE), (0o644, ONE + EXECUTABLE)])
def test_another_mode_in_git_writes_the_same_content_again(mode, before):
    files, there = bind(mode, x="one"), seen({"x": ONE}, {"x": before})
    assert changes(files, there) == [("x", ONE, ONE)]
    assert changes(files, there, FilesPolicy.HOST) == []
    assert not decide(files, seen({"x": ONE}, {"x": version_of(files.entries[0])}), FilesPolicy.MERGE).needed


@pytest.mark.parametrize("written", [ONE, ONE + EXECUTABLE])
def test_a_file_that_can_be_executed_is_ours_by_its_content(written):
    assert changes(bind(0o755, x="two"), seen({"x": ONE}, {"x": written})) == [("x", ONE, TWO)]
    (kept,) = decide(
        bind(0o755, x="two"), seen({"x": digest("mine")}, {"x": written}), FilesPolicy.MERGE
    ).kept
    assert kept == ("x", CHANGED)


def test_a_file_gives_way_to_the_directory_that_git_has_in_its_place():
    there = seen({"x": ONE, "x/a": NO_FILE, "x/b/c": NO_FILE}, {"x": ONE})
    work = changes(bind(x__a="one", x__b__c="two"), there)
    assert work == [("x", ONE, None), ("x/a", None, ONE), ("x/b/c", None, TWO)]


@pytest.mark.parametrize(
    ("below", "gives_way"), [({"x/a"}, True), (set(), True), ({"x/a", "x/mine"}, False), (None, False)]
)
def test_a_directory_gives_way_to_a_file_if_nothing_is_in_it_but_what_we_wrote(below, gives_way):
    known = {} if below is None else {"x": frozenset(below)}
    there = seen({"x/a": ONE, "x": NO_FILE}, {"x/a": ONE}, below=known)
    work = decide(bind(x="two"), there, FilesPolicy.MERGE)
    assert [each.name for each in work.changes] == (["x/a", "x"] if gives_way else ["x/a"])
    assert work.kept == (() if gives_way else (("x", OBSTRUCTED),))


def test_a_directory_whose_file_was_changed_gives_way_to_nothing():
    there = seen({"x/a": digest("mine"), "x": NO_FILE}, {"x/a": ONE}, below={"x": frozenset({"x/a"})})
    work = decide(bind(x="two"), there, FilesPolicy.MERGE)
    assert (work.changes, work.kept) == ((), (("x", OBSTRUCTED),))


def test_a_directory_that_the_host_made_of_our_file_stays():
    there = seen({"x": NO_FILE}, {"x": ONE}, below={"x": frozenset()})
    assert decide(bind(x="two"), there, FilesPolicy.MERGE).kept == (("x", OBSTRUCTED),)


@pytest.mark.parametrize("policy", FilesPolicy)
def test_of_a_directory_without_files_in_git_what_is_unchanged_goes(policy):
    there = seen({"a": ONE, "b": digest("mine")}, {"a": ONE, "b": TWO, "gone": TWO})
    expected = [] if policy is FilesPolicy.HOST else [("a", ONE, None)]
    assert changes(bind(), there, policy) == expected
    assert decide(bind(), there, policy).record == {}


def test_no_content_is_kept_by_what_decides():
    content = b"of a release that is gone"
    held = sys.getrefcount(content)
    files = FileMount(
        target="/etc/x",
        entries=(FileEntry(path="a", mode=0o644, content=Sensitive(content)),),
        directory=True,
        secret=False,
        writable_path="conf",
    )
    decide(files, seen({}, {}), FilesPolicy.MERGE)
    del files
    assert sys.getrefcount(content) == held


@pytest.mark.parametrize("late", ["two", "three"])
def test_a_write_that_was_not_confirmed_stays_known_where_git_goes_back(late):
    """A host that was frozen carries the write out after Git has gone back: the file is ours still."""
    unconfirmed = HostFiles(
        app=KEY,
        path="conf",
        present=True,
        copies={"x": ONE},
        written={"x": frozenset({ONE, digest(late)})},
    )
    work = decide(bind(x="one"), unconfirmed, FilesPolicy.MERGE)
    assert not work.changes
    recorded = {name: frozenset(versions) for name, versions in work.record.items()}
    carried_out = dataclasses.replace(unconfirmed, copies={"x": digest(late)}, written=recorded)
    assert changes(bind(x="one"), carried_out) == [("x", digest(late), ONE)]


@pytest.mark.parametrize("copy", [None, digest("mine")])
def test_a_write_that_was_not_confirmed_stays_known_where_git_goes_on(copy):
    """Git has a third version by the time the host carries out the first."""
    lost = HostFiles(
        app=KEY,
        path="conf",
        present=False,
        copies={} if copy is None else {"x": copy},
        written={"x": frozenset({ONE})},
    )
    work = decide(bind(x="two"), lost, FilesPolicy.GIT)
    assert [(each.name, each.digest) for each in work.changes] == [("x", TWO)]
    recorded = {name: frozenset(versions) for name, versions in work.record.items()}
    carried_out = dataclasses.replace(lost, present=True, copies={"x": ONE}, written=recorded)
    assert changes(bind(x="two"), carried_out) == [("x", ONE, TWO)]


def test_versions_that_were_not_confirmed_are_not_kept_without_end():
    many = frozenset(digest(str(number)) for number in range(5))
    there = HostFiles(app=KEY, path="conf", present=False, copies={}, written={"x": many})
    assert decide(bind(x="two"), there, FilesPolicy.GIT).record == {"x": (TWO,)}
