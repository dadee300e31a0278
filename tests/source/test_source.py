import subprocess
from datetime import UTC, datetime

import pytest
from source_fixtures import revert

from gitops_orch.errors import SourceError, SourceUnavailable
from gitops_orch.source.commits import check_commit


def test_the_head_of_the_branch_is_fetched_and_its_files_are_read(forge, source):
    made = forge.commit({"apps/web/compose.yaml": "services: {}\n", "hosts/a.yaml": "kind: Host\n"})
    assert source.fetch(last_commit=None) == made
    tree = source.tree(made)
    assert sorted(tree.files) == ["apps/web/compose.yaml", "hosts/a.yaml"]
    assert tree.read("apps/web/compose.yaml") == b"services: {}\n"
    assert (tree.commit, tree.name, dict(tree.refused)) == (made, "fleet", {})
    assert tree.files["hosts/a.yaml"].size_bytes == 11


def test_a_newer_commit_is_fetched(forge, source):
    first = forge.commit({"a": "1"})
    assert source.fetch(last_commit=None) == first
    second = forge.commit({"a": "2"})
    assert source.fetch(last_commit=first) == second
    assert source.tree(second).read("a") == b"2"
    assert source.tree(first).read("a") == b"1"


def test_a_branch_that_did_not_move_costs_one_question_to_the_remote(forge, source, monkeypatch):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    asked = []
    run = type(source._mirror.local).run

    def count(git, *arguments, **rest):
        asked.append(arguments[0])
        return run(git, *arguments, **rest)

    monkeypatch.setattr(type(source._mirror.local), "run", count)
    assert source.fetch(last_commit=made) == made
    assert asked.count("ls-remote") == 1
    assert "fetch" not in asked


def test_only_the_managed_path_is_seen(forge, open_source):
    made = forge.commit({"README.md": "x", "prod/apps/web/compose.yaml": "y"})
    source = open_source(path="prod/")
    source.fetch(last_commit=None)
    assert list(source.tree(made).files) == ["apps/web/compose.yaml"]


@pytest.mark.parametrize(
    ("path", "hosts", "found"),
    [
        ("prod", "hosts/a.yaml", "hosts"),
        ("sites/north", "sites/hosts/a.yaml", "sites/hosts"),
        ("sites/north", "hosts/a.yaml", "hosts"),
        ("prod", "prod/hosts/a.yaml", ""),
        ("prod", "hosts", ""),
        (".", "hosts/a.yaml", ""),
    ],
)
def test_a_hosts_directory_above_the_managed_path_is_found(forge, open_source, path, hosts, found):
    managed = "prod" if path == "." else path
    made = forge.commit({hosts: "x", f"{managed}/web/compose.yaml": "y"})
    source = open_source(path=path)
    source.fetch(last_commit=None)
    assert source.tree(made).hosts_outside == found


def test_a_managed_path_that_is_not_in_the_commit_is_an_error_not_an_empty_tree(forge, open_source):
    made = forge.commit({"README.md": "x"})
    source = open_source(path="prod")
    source.fetch(last_commit=None)
    with pytest.raises(SourceError, match="has no directory prod"):
        source.tree(made)


def test_executable_files_keep_their_mode(forge, source):
    blob = forge.blob("#!/bin/sh\n")
    made = forge.commit(forge.entry_tree(("100755", "blob", blob, b"run"), ("100644", "blob", blob, b"text")))
    source.fetch(last_commit=None)
    assert {path: file.mode for path, file in source.tree(made).files.items()} == {
        "run": 0o755,
        "text": 0o644,
    }


def test_another_branch_and_a_tag_can_be_followed(forge, open_source):
    forge.commit({"a": "main"})
    made = forge.commit({"a": "prod"}, branch="env/prod", parents=())
    forge.git("tag", "-a", "-m", "release", "v1", made)
    assert open_source(branch="env/prod").fetch(last_commit=None) == made
    assert open_source(branch="v1").fetch(last_commit=None) == made
    assert open_source(branch="refs/tags/v1").fetch(last_commit=None) == made


def test_a_branch_that_becomes_a_folder_of_branches_can_be_followed(forge, open_source):
    forge.commit({"a": "1"}, branch="env")
    open_source(branch="env").fetch(last_commit=None)
    forge.git("update-ref", "-d", "refs/heads/env")
    made = forge.commit({"a": "2"}, branch="env/prod")
    assert open_source(branch="env/prod").fetch(last_commit=None) == made


def test_a_repository_with_sha256_ids_is_read(tmp_path, open_source):
    from repositories import Repository

    forge = Repository(tmp_path / "modern.git", object_format="sha256")
    first = forge.commit({"app/compose.yaml": "a"})
    source = open_source(url=forge.url)
    assert source.fetch(last_commit=None) == first
    second = forge.commit({"app/compose.yaml": "b"})
    assert source.fetch(last_commit=first) == second
    made = revert(source, paths=("app",), to_commit=first, head=second, message="back")
    assert forge.read(made, "app/compose.yaml") == "a"


def test_a_plain_directory_is_taken_as_a_repository(forge, open_source):
    made = forge.commit({"a": "1"})
    assert open_source(url=str(forge.path)).fetch(last_commit=None) == made


def test_a_commit_tells_author_subject_time_trailers_and_parents(forge, source):
    first = forge.commit({"a": "1"}, message="first")
    second = forge.commit(
        {"a": "2"},
        message="Remove shop\n\nIt moved.\n\nAllow-Prune: shop\nReviewed-by: Eve\n",
        environ={"GIT_COMMITTER_DATE": "2020-02-03T04:05:06Z"},
    )
    source.fetch(last_commit=None)
    told = source.commit_info(second)
    assert (told.commit, told.author, told.subject) == (second, "Ada <ada@example.org>", "Remove shop")
    assert told.at == datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert told.trailers == (("Allow-Prune", "shop"), ("Reviewed-by", "Eve"))
    assert told.parents == (first,)


def test_commits_are_named_by_id_by_its_beginning_or_by_the_branch(forge, source):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    assert {source.resolve(name) for name in (made, made[:7], "main", "HEAD")} == {made}


@pytest.mark.parametrize("name", ["", "0000000", "zzz", "--all", "main~1", "refs/heads/main", "a" * 41])
def test_a_name_that_names_no_commit_is_refused(forge, source, name):
    forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    with pytest.raises(SourceError):
        source.resolve(name)


@pytest.mark.parametrize(
    "text", ["", "abc", "A" * 40, "g" * 40, "a" * 39, "a" * 41, "a" * 40 + "\n", "-" + "a" * 39]
)
def test_only_a_full_commit_id_is_taken_for_one(text):
    with pytest.raises(SourceError, match="not a full commit id"):
        check_commit(text)


def test_the_mirror_knows_which_commits_it_holds(forge, source):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    assert source.has(made)
    assert not source.has("1" * 40)


def test_a_second_source_on_the_same_mirror_reads_without_the_remote(forge, open_source):
    made = forge.commit({"a": "1"})
    open_source().fetch(last_commit=None)
    forge.path.rename(forge.path.with_name("gone"))
    later = open_source()
    with pytest.raises(SourceUnavailable):
        later.fetch(last_commit=made)
    assert later.tree(made).read("a") == b"1"


def test_reading_before_the_first_fetch_is_an_error(source):
    with pytest.raises(SourceError):
        source.tree("1" * 40)


def test_no_git_process_is_left_after_close(forge, source):
    import os

    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    source.tree(made).read("a")
    process = source._blobs._process
    assert process is not None
    source.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_ten_thousand_files_are_listed_and_read_by_a_few_processes(forge, source, monkeypatch):
    rows = [("100644", "blob", forge.blob(f"services: {{a{n}: {{}}}}"), b"compose.yaml") for n in range(100)]
    inner = forge.entry_tree(
        *[
            ("040000", "tree", forge.entry_tree(row), f"app{number}".encode())
            for number, row in enumerate(rows)
        ]
    )
    made = forge.commit(forge.entry_tree(*[("040000", "tree", inner, f"t{n}".encode()) for n in range(100)]))
    source.fetch(last_commit=None)
    begun: list[object] = []
    begin = subprocess.Popen.__init__
    monkeypatch.setattr(
        subprocess.Popen, "__init__", lambda self, *a, **kw: begun.append(a) or begin(self, *a, **kw)
    )
    tree = source.tree(made)
    contents = [tree.read(path) for path in tree.files]
    assert len(contents) == 10_000
    assert 0 < len(begun) < 10


def test_a_file_can_be_read_twice_and_in_any_order(forge, source):
    made = forge.commit({f"f{number:03}": str(number) for number in range(300)})
    source.fetch(last_commit=None)
    tree = source.tree(made)
    order = [*range(300), *range(299, -1, -1), *range(0, 300, 7), 5, 5]
    assert [tree.read(f"f{number:03}") for number in order] == [str(number).encode() for number in order]


def test_threads_read_the_same_tree_at_once(forge, source):
    from concurrent.futures import ThreadPoolExecutor

    made = forge.commit({f"f{number:03}": str(number) * 50 for number in range(200)})
    source.fetch(last_commit=None)
    tree = source.tree(made)
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(tree.read, [f"f{number:03}" for number in range(200)] * 3))
    assert contents == [(str(number) * 50).encode() for number in range(200)] * 3


def test_a_file_that_is_not_in_the_tree_is_an_error(forge, source):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    with pytest.raises(SourceError, match="has no file b"):
        source.tree(made).read("b")
