import pytest

from gitops_orch.manifest.repository.git_files import (
    ROOT,
    data_directory,
    is_relative,
    path_in_tree,
    readable,
)


def test_paths_below_the_root_are_paths_in_the_repository():
    assert path_in_tree(f"{ROOT}/a/b") == "a/b"
    assert path_in_tree(f"{ROOT}/a/../b/") == "b"
    assert path_in_tree(ROOT) == ""
    assert path_in_tree("/etc/passwd") is None
    assert path_in_tree(f"{ROOT}/../x") is None


def test_what_climbs_out_is_still_known_to_have_been_relative():
    assert is_relative(f"{ROOT}/../../x")
    assert not is_relative("/etc/passwd")


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        (f"{ROOT}/a/b is bad", "a/b is bad"),
        (f"{ROOT} is bad", ". is bad"),
        (f"{ROOT}/../x is bad".replace("/repository/..", ""), "../x is bad"),
        ("nothing of ours", "nothing of ours"),
    ],
)
def test_messages_show_paths_as_the_repositorys_user_sees_them(shown, meant):
    assert readable(shown) == meant


def test_a_data_directory_lies_below_the_apps_own_whatever_the_path():
    assert data_directory("shop/data/db", "shop") == "data/db"
    assert data_directory("shop", "shop") == ""
    assert data_directory("data", "") == "data"
    assert data_directory("shared/../x", "a/b") == "_up/_up/x"
