import os
import subprocess

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


@pytest.mark.parametrize("target", ["/etc/passwd", "nowhere", ".", "../elsewhere", "link", "run.sh/x"])
def test_a_symbolic_link_that_leads_nowhere_in_the_tree_is_refused_with_its_target(folder, target):
    (folder / "link").symlink_to(target)
    tree = directory_tree(folder)
    assert "symbolic link" in tree.refused["link"]
    assert sorted(tree.files) == ["apps/web/compose.yaml", "run.sh"]


def test_a_symbolic_link_inside_the_tree_is_followed(folder):
    (folder / "apps/run").symlink_to("../run.sh")
    (folder / "all").symlink_to("apps")
    tree = directory_tree(folder)
    assert tree.read("apps/run") == tree.read("all/run") == b"#!/bin/sh\n"
    assert tree.files["all/run"].origin == "run.sh"
    assert tree.linked_directories == {"all"}
    assert not tree.refused


def git(folder, *words):
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def test_a_checkout_holds_what_its_commit_would_hold(folder):
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("*.log\n/data\n")
    (folder / "kept.log").write_text("x")
    git(folder, "add", "-f", "kept.log", "run.sh")
    (folder / "run.sh").unlink()
    (folder / "ignored.log").write_text("x")
    (folder / "data").mkdir()
    (folder / "data/compose.yaml").write_text("services: {}\n")
    assert sorted(directory_tree(folder).files) == [".gitignore", "apps/web/compose.yaml", "kept.log"]
    assert sorted(directory_tree(folder / "apps").files) == ["web/compose.yaml"]


def test_a_repository_inside_of_a_checkout_is_refused_as_a_submodule(folder):
    git(folder, "init", "-q")
    git(folder, "init", "-q", "nested")
    (folder / "nested/compose.yaml").write_text("services: {}\n")
    tree = directory_tree(folder)
    assert "submodule" in tree.refused["nested"]
    assert "nested/compose.yaml" not in tree.files


def test_listing_a_checkout_starts_no_program_that_it_names(folder, tmp_path):
    git(folder, "init", "-q")
    script = tmp_path / "spy"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(script))
    assert "run.sh" in directory_tree(folder).files
    assert not (tmp_path / "ran").exists()


def test_where_git_cannot_list_a_checkout_all_files_count(folder):
    (folder / ".git").mkdir()
    assert sorted(directory_tree(folder).files) == ["apps/web/compose.yaml", "run.sh"]


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
