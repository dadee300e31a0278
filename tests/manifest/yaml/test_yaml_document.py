"""Strict YAML: values, places, and what is refused."""

import pytest

from gitops_orch.errors import ManifestError
from gitops_orch.manifest.yaml.yaml_document import Dialect, parse_documents, parse_yaml
from gitops_orch.model.problem import Position


def value(text: str, dialect: Dialect = Dialect.COMPOSE):
    return parse_yaml("f.yaml", text.encode(), dialect=dialect).value


def problems(text: str | bytes, dialect: Dialect = Dialect.COMPOSE) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(ManifestError) as caught:
        parse_yaml("f.yaml", content, dialect=dialect)
    return [str(problem) for problem in caught.value.problems]


def test_a_place_is_the_line_and_the_column_of_the_key():
    document = parse_yaml("f.yaml", b"a:\n  b:\n    - x\n    - {c: d}\n", dialect=Dialect.STRICT)
    assert document.positions.at(("a", "b")) == Position(path="f.yaml", line=2, column=3)
    assert document.positions.at(("a", "b", 1, "c")) == Position(path="f.yaml", line=4, column=8)


def test_a_place_that_is_not_there_is_that_of_its_nearest_parent():
    document = parse_yaml("f.yaml", b"a:\n  b: 1\n", dialect=Dialect.STRICT)
    assert document.positions.at(("a", "b", "c", 0)) == Position(path="f.yaml", line=2, column=3)
    assert document.positions.at(("z",)) == Position(path="f.yaml", line=1, column=1)


def test_a_merged_value_stands_where_it_was_written():
    text = b"x: &x\n  image: i\nservices:\n  a:\n    <<: *x\n"
    document = parse_yaml("f.yaml", text, dialect=Dialect.COMPOSE)
    assert document.positions.at(("services", "a", "image")) == Position(path="f.yaml", line=2, column=3)


def test_an_empty_file_has_no_value_and_no_place():
    document = parse_yaml("f.yaml", b"# nothing\n", dialect=Dialect.STRICT)
    assert document.value is None
    assert document.positions.at(("a",)) == Position(path="f.yaml")


def test_a_second_document_is_refused_where_one_is_expected():
    assert problems("a: 1\n---\nb: 2\n") == [
        "f.yaml:3:1: expected one document, found 2; remove the extra ---"
    ]
    assert len(parse_documents("f.yaml", b"a: 1\n---\nb: 2\n", dialect=Dialect.STRICT)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0o17", 15), ("0x1F", 31), ("12", 12), ("-1.5", -1.5), ("1e3", 1000.0), ("True", True), ("~", None)]
    + [(word, word) for word in ("yes", "No", "on", "OFF", "y", "22:22", "1_000", "2024-01-01", "1.2.3")],
)
def test_strict_scalars_are_those_of_yaml_1_2(text, expected):
    assert value(f"a: {text}", Dialect.STRICT) == {"a": expected}


def test_compose_scalars_are_those_that_compose_reads():
    read = value("{a: 0644, b: 1_000, c: yes, d: 22:22, e: 08, f: 0b11, g: .5, h: 1.}")
    assert read == {"a": 420, "b": 1000, "c": "yes", "d": "22:22", "e": 8.0, "f": 3, "g": 0.5, "h": 1.0}


def test_a_date_becomes_the_text_that_compose_makes_of_it():
    read = value("{a: 2024-01-02, b: 2024-01-02T03:04:05.5+02:00, c: 2024-13-01}")
    assert str(read["a"]) == "2024-01-02 00:00:00 +0000 UTC"
    assert read["a"].json == "2024-01-02T00:00:00Z"
    assert str(read["b"]) == "2024-01-02 03:04:05.5 +0200 +0200"
    assert read["c"] == "2024-13-01"


def test_all_mistakes_of_a_file_come_in_one_go():
    found = problems("a: .nan\nb: 1e400\nc: 1\nc: 2\nd: !!binary aGk=\n1: x\n")
    assert [each.partition(": ")[0] for each in found] == [
        "f.yaml:1:4",
        "f.yaml:2:4",
        "f.yaml:4:1",
        "f.yaml:5:4",
        "f.yaml:6:1",
    ]


def test_a_syntax_error_says_where_it_is_and_where_the_construct_began():
    assert problems("a: [1,\nb: 2\n")[0].startswith("f.yaml:3:1: not YAML: did not find expected ',' or ']'")
    assert "that starts at line 1" in problems("a: [1,\nb: 2\n")[0]


@pytest.mark.parametrize(
    "text", ["a:\n\tb: 1\n", "\ta: 1\n", "a:\n  b: 1\n\tc: 2\n", "services:\n  web:\n\t  image: x\n"]
)
def test_a_tab_that_indents_is_refused_with_advice(text):
    assert problems(text)[0].endswith("; indent with spaces, YAML takes no tabs")


@pytest.mark.parametrize(
    ("text", "place", "begins"), [("a: @x\n", "1:4", "@"), ("a:\n  - `x`\n", "2:5", "`")]
)
def test_a_character_that_begins_no_value_is_refused_with_advice(text, place, begins):
    (problem,) = problems(text)
    assert problem.startswith(f"f.yaml:{place}: not YAML: ")
    assert problem.endswith(f"; quote a value that begins with {begins}")


@pytest.mark.parametrize(
    ("content", "place"), [(b"a: \xff\xfe", "1:4"), (b"\xff\xfe\x00", "1:1"), (b"a: 1\nb: \x01", "2:4")]
)
def test_bytes_that_are_no_text_are_refused_at_their_place(content, place):
    assert problems(content)[0].startswith(f"f.yaml:{place}: the ")


def test_an_anchor_may_take_over_a_name():
    assert value("a: &x 1\nb: &x {c: 2}\nd: *x\n") == {"a": 1, "b": {"c": 2}, "d": {"c": 2}}


def test_resets_are_remembered_with_their_paths():
    [document] = parse_documents("f.yaml", b"a: {b: !reset null, c: !override [1]}", dialect=Dialect.COMPOSE)
    assert document.value == {"a": {"c": [1]}}
    assert set(document.resets) == {("a", "b"), ("a", "c")}


def test_resets_are_no_part_of_strict_documents():
    assert "the tag !reset is not allowed here" in problems("a: !reset x", Dialect.STRICT)[0]
