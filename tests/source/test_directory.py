import os

import pytest

from gitops_orch.errors import SourceError
from gitops_orch.source.directory import directory_tree


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "fleet"
    (place / "apps/web").mkdir(parents=True)
    (place / "apps/web/compose.yaml").write_text("services: {}\n")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    return place


def test_a_directory_gives_the_same_files_as_a_commit_of_it(folder, forge, source):
    blob = forge.blob("services: {}\n")
    web = forge.entry_tree(("100644", "blob", blob, b"compose.yaml"))
    apps = forge.entry_tree(("040000", "tree", web, b"web"))
    script = ("100755", "blob", forge.blob("#!/bin/sh\n"), b"run.sh")
    made = forge.commit(forge.entry_tree(("040000", "tree", apps, b"apps"), script))
    source.fetch(last_commit=None)
    tree = directory_tree(folder)
    assert dict(tree.files) == dict(source.tree(made).files)
    assert tree.read("apps/web/compose.yaml") == b"services: {}\n"
    assert (tree.commit, tree.root, tree.name, dict(tree.refused)) == ("", str(folder), "fleet", {})


def test_a_git_directory_is_left_out_wherever_it_is(folder):
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("x")
    (folder / "apps/web/.git").write_text("gitdir: elsewhere")
    assert sorted(directory_tree(folder).files) == ["apps/web/compose.yaml", "run.sh"]


@pytest.mark.parametrize("target", ["/etc/passwd", "run.sh", "apps", "nowhere", "."])
def test_a_symbolic_link_is_refused(folder, target):
    (folder / "link").symlink_to(target)
    tree = directory_tree(folder)
    assert "symbolic link" in tree.refused["link"]
    assert sorted(tree.files) == ["apps/web/compose.yaml", "run.sh"]


def test_a_file_that_becomes_a_link_afterwards_is_not_followed(folder):
    tree = directory_tree(folder)
    (folder / "run.sh").unlink()
    (folder / "run.sh").symlink_to("/etc/passwd")
    with pytest.raises(SourceError):
        tree.read("run.sh")


def test_a_pipe_is_refused_and_waited_for_by_nobody(folder):
    os.mkfifo(folder / "pipe")
    assert directory_tree(folder).refused == {"pipe": "it is not a regular file"}


def test_a_name_that_is_not_utf8_is_refused_and_shown_escaped(folder):
    (folder / os.fsdecode(b"caf\xe9")).write_text("x")
    assert directory_tree(folder).refused == {"caf\\xe9": "the name is not UTF-8"}


def test_a_huge_file_is_refused_unread(folder):
    with (folder / "huge").open("wb") as stream:
        stream.truncate(10**12)
    assert "1000000000000 bytes" in directory_tree(folder).refused["huge"]


@pytest.mark.parametrize("name", ["run.sh", "absent"])
def test_what_is_no_directory_is_an_error(folder, name):
    with pytest.raises(SourceError, match="is not a directory"):
        directory_tree(folder / name)


def test_a_file_outside_of_the_listing_is_not_read(folder):
    with pytest.raises(SourceError, match="is not one of the files"):
        directory_tree(folder).read("../../etc/passwd")
