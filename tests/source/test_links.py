"""Symbolic links are followed inside of the tree, and nowhere else; a circle ends, and its end is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_orch.errors import SourceError
from gitops_orch.model.tree import TreeFile
from gitops_orch.source.links import follow


def files(*paths: str) -> dict[str, TreeFile]:
    return {path: TreeFile(path=path, blob=f"blob of {path}", mode=0o644, size_bytes=1) for path in paths}


def origins(paths: tuple[str, ...], links: dict[str, str]) -> dict[str, str]:
    found = follow(files(*paths), links, {})
    return {path: file.origin for path, file in found.files.items() if file.origin}


def test_a_link_to_a_link_leads_to_the_file() -> None:
    assert origins(("a/x",), {"b": "c", "c": "a/x"}) == {"b": "a/x", "c": "a/x"}


def test_a_link_below_a_linked_directory_counts_from_where_it_lies() -> None:
    found = origins(("top", "a/deep/x"), {"a/up": "../top", "b": "a"})
    assert found == {"a/up": "top", "b/deep/x": "a/deep/x", "b/up": "top"}


def test_a_path_through_a_linked_directory_leads_on() -> None:
    assert origins(("a/x",), {"b": "a", "c": "b/x"}) == {"b/x": "a/x", "c": "a/x"}


@pytest.mark.parametrize(
    ("links", "link", "says"),
    [
        ({"a": "a"}, "a", "circle"),
        ({"a": "b", "b": "a"}, "a", "circle"),
        ({"a": "/etc/passwd"}, "a", "/etc/passwd, outside of the repository"),
        ({"d/a": "../../x"}, "d/a", "../../x, outside of the repository"),
        ({"a": "../x"}, "a", "../x, outside of the repository"),
        ({"a": "none"}, "a", "none, which is not in the repository"),
        ({"d/self": "."}, "d/self", "leads back to the link"),
        ({"d/top": ".."}, "d/top", "leads back to the link"),
        ({"a": ""}, "a", "outside of the repository"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused_with_its_target(
    links: dict[str, str], link: str, says: str
) -> None:
    found = follow(files("x", "d/y"), links, {})
    assert says in found.refused[link]
    assert set(found.files) == {"x", "d/y"}


def test_a_link_to_what_is_not_read_says_why() -> None:
    found = follow(files("x"), {"a": "sub"}, {"sub": "a submodule is not fetched"})
    assert "a submodule is not fetched" in found.refused["a"]


def test_directories_that_link_to_each_other_end() -> None:
    found = follow(files("a/x", "b/y"), {"a/b": "../b", "b/a": "../a"}, {})
    assert {"a/b/y", "b/a/x"} <= set(found.files)
    assert any("leads back" in why for why in found.refused.values())


_NAMES = st.sampled_from(["a", "b", "c", "a/b", "a/c", "b/c", "b/a/c"])
_TARGETS = st.sampled_from(["a", "b", "..", ".", "../a", "../b/a", "c", "a/c", "../../a", "/a", ""])


@given(st.dictionaries(_NAMES, _TARGETS, max_size=5))
def test_whatever_links_say_files_are_only_those_of_the_tree(links: dict[str, str]) -> None:
    real = files("x", "a/x", "b/a/x")
    found = follow(real, links, {})
    for path, file in found.files.items():
        assert file.path == path
        assert (file.origin or path) in real
        assert file.blob == f"blob of {file.origin or path}"
    assert set(links) <= {*found.files, *found.refused, *found.directories}


def test_links_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    links = {f"x{level}/{number}": f"../x{level + 1}" for level in range(7) for number in range(12)}
    with pytest.raises(SourceError, match="lead to more than"):
        follow(files("x7/z"), links, {})
    with pytest.raises(SourceError, match="lead to more than"):  # none of them leads to a file
        follow({}, {**links, "x7/z": "nowhere"}, {})
