import pytest
from source_fixtures import revert

from gitops_orch.errors import SourceError, SourceUnavailable


@pytest.fixture
def story(forge, source):
    """Two apps, of which a second commit changes both."""
    before = forge.commit(
        {"shop/compose.yaml": "good", "shop/env": "1", "blog/compose.yaml": "old", "x": "x"}
    )
    after = forge.commit(
        {
            "shop/compose.yaml": "bad",
            "shop/added": "?",
            "blog/compose.yaml": "new",
            "x": "x",
            "shopping/a": "b",
        }
    )
    source.fetch(last_commit=None)
    return before, after


def test_only_the_named_paths_go_back(forge, source, story):
    before, after = story
    made = revert(
        source, paths=("shop",), to_commit=before, head=after, message="Revert shop\n\nReason: gate"
    )
    assert forge.head() == made
    assert forge.git("log", "-1", "--format=%P", made) == after
    files = {
        path: forge.read(made, path) for path in forge.git("ls-tree", "-r", "--name-only", made).splitlines()
    }
    assert files == {
        "shop/compose.yaml": "good",
        "shop/env": "1",
        "blog/compose.yaml": "new",
        "x": "x",
        "shopping/a": "b",
    }
    told = source.commit_info(made)
    assert told.subject == "Revert shop"
    assert told.trailers == (("Reason", "gate"),)
    assert told.author == "gitops-orch <gitops-orch@localhost>"


def test_a_single_file_goes_back(forge, source, story):
    before, after = story
    made = revert(source, paths=("shop/compose.yaml",), to_commit=before, head=after, message="back")
    assert forge.read(made, "shop/compose.yaml") == "good"
    assert forge.read(made, "shop/added") == "?"


def test_everything_below_the_managed_path_goes_back(forge, open_source):
    before = forge.commit({"prod/a": "1", "README": "old"})
    after = forge.commit({"prod/a": "2", "prod/b": "2", "README": "new"})
    source = open_source(path="prod")
    source.fetch(last_commit=None)
    made = revert(source, paths=(".",), to_commit=before, head=after, message="back")
    assert forge.git("ls-tree", "-r", "--name-only", made).splitlines() == ["README", "prod/a"]
    assert (forge.read(made, "prod/a"), forge.read(made, "README")) == ("1", "new")


def test_paths_count_from_the_managed_path(forge, open_source):
    before = forge.commit({"prod/shop/f": "1", "shop/f": "1"})
    after = forge.commit({"prod/shop/f": "2", "shop/f": "2"})
    source = open_source(path="prod")
    source.fetch(last_commit=None)
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert (forge.read(made, "prod/shop/f"), forge.read(made, "shop/f")) == ("1", "2")


def test_an_app_that_was_removed_comes_back(forge, source):
    before = forge.commit({"shop/a": "1", "keep": "k"})
    after = forge.commit({"keep": "k"})
    source.fetch(last_commit=None)
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert forge.read(made, "shop/a") == "1"


def test_an_app_that_was_added_goes_away(forge, source):
    before = forge.commit({"keep": "k"})
    after = forge.commit({"shop/a": "1", "keep": "k"})
    source.fetch(last_commit=None)
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert forge.git("ls-tree", "-r", "--name-only", made) == "keep"


def test_a_file_that_became_a_directory_goes_back(forge, source):
    before = forge.commit({"shop": "a file", "keep": "k"})
    after = forge.commit({"shop/compose.yaml": "a directory", "keep": "k"})
    source.fetch(last_commit=None)
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert forge.read(made, "shop") == "a file"


def test_a_path_with_wildcards_means_itself(forge, source):
    before = forge.commit({"a*": "1", "ab": "1"})
    after = forge.commit({"a*": "2", "ab": "2"})
    source.fetch(last_commit=None)
    made = revert(source, paths=("a*",), to_commit=before, head=after, message="back")
    assert (forge.read(made, "a*"), forge.read(made, "ab")) == ("1", "2")


def test_reverting_the_revert_lands_the_change_again(forge, source, story):
    before, after = story
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert source.fetch(last_commit=after) == made
    again = revert(source, paths=("shop",), to_commit=after, head=made, message="forth")
    assert forge.git("rev-parse", f"{again}^{{tree}}") == forge.git("rev-parse", f"{after}^{{tree}}")


def test_the_pushed_commit_is_the_head_of_the_next_fetch(forge, source, story):
    before, after = story
    made = revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert source.fetch(last_commit=after) == made


def test_a_merge_commit_is_reverted_like_any_other(forge, source):
    base = forge.commit({"shop/a": "1", "blog/a": "1"})
    side = forge.commit({"shop/a": "2", "blog/a": "1"}, branch="side", parents=(base,))
    merged = forge.commit({"shop/a": "2", "blog/a": "2"}, parents=(base, side))
    source.fetch(last_commit=None)
    made = revert(source, paths=("shop",), to_commit=base, head=merged, message="back")
    assert (forge.read(made, "shop/a"), forge.read(made, "blog/a")) == ("1", "2")


def test_a_revert_that_changes_nothing_is_refused(forge, source, story):
    before, after = story
    with pytest.raises(SourceError, match="would change nothing"):
        revert(source, paths=("x",), to_commit=before, head=after, message="back")
    assert forge.head() == after


def test_a_branch_that_moved_meanwhile_is_not_overwritten(forge, source, story):
    before, after = story
    theirs = forge.commit({"y": "theirs"})
    with pytest.raises(SourceUnavailable, match="moved while the revert was made"):
        revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert forge.head() == theirs


def test_a_branch_that_was_deleted_meanwhile_is_not_made_again(forge, source, story):
    before, after = story
    forge.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(SourceError):
        revert(source, paths=("shop",), to_commit=before, head=after, message="back")
    assert forge.head() == ""


@pytest.mark.parametrize("paths", [(), ("../x",), ("shop", "a/../../b")])
def test_paths_that_leave_the_repository_are_refused(forge, source, story, paths):
    from gitops_orch.errors import GitopsOrchError

    before, after = story
    with pytest.raises(GitopsOrchError):
        revert(source, paths=paths, to_commit=before, head=after, message="back")
    assert forge.head() == after


def test_a_commit_that_is_not_there_is_refused(forge, source, story):
    _, after = story
    with pytest.raises(SourceError, match="is not in the mirror"):
        revert(source, paths=("shop",), to_commit="1" * 40, head=after, message="back")
    assert forge.head() == after


def test_links_and_submodules_go_back_as_they_are(forge, source):
    blob = forge.blob("target")
    rows = (("120000", "blob", blob, b"link"), ("160000", "commit", "2" * 40, b"module"))
    before = forge.commit(forge.entry_tree(*rows))
    after = forge.commit({"other": "x"})
    source.fetch(last_commit=None)
    made = revert(source, paths=("link", "module"), to_commit=before, head=after, message="back")
    assert [row.split()[0] for row in forge.git("ls-tree", made).splitlines()] == [
        "120000",
        "160000",
        "100644",
    ]
