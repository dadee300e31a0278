"""What is told where documents, files and services are merged: a mistake that a merge covers is not lost."""

import pytest
from compose_judge import errors, load

ONE = "services:\n  a:\n    image: i\n"


@pytest.mark.parametrize(
    ("value", "is_what"), [("", "nothing; remove it, or write {}"), (" 5", "the number 5")]
)
def test_a_section_of_services_that_is_none_is_told_where_it_stands_whatever_covers_it(value, is_what):
    section = f"services:{value}\n"
    told = f"services: must be a mapping, is {is_what}"
    overlaid = load({"compose.yaml": ONE, "compose.prod.yaml": f"# all of it\n{section}"}, environment="prod")
    assert errors(overlaid) == [f"compose.prod.yaml:2:1: {told}"]
    beside = load({"compose.yaml": f"include: [b.yaml]\n{section}", "b.yaml": ONE})
    assert errors(beside) == [f"compose.yaml:2:1: {told}"]
    assert errors(load(f"{ONE}---\n{section}")) == [f"compose.yaml:5:1: {told}"]


@pytest.mark.parametrize(
    ("value", "is_what"),
    [
        ("{k: v}", "must be text, is a mapping"),
        ("[[x]]", "must be text, is a list"),
    ],
)
@pytest.mark.parametrize("key", ["environment", "labels", "sysctls", "annotations", "extra_hosts"])
def test_what_a_merge_cannot_make_text_of_is_told_where_it_stands(key, value, is_what):
    other = "['B:1.1.1.1']" if key == "extra_hosts" else "[B=1]"
    own = f"    {key}:\n      A: {value}\n"
    extending = load(f"services:\n  a:\n    extends: b\n{own}  b:\n    image: i\n    {key}: {other}\n")
    assert errors(extending) == [f"compose.yaml:5:7: services.a.{key}.A: {is_what}"]
    overlaid = load(
        {"compose.yaml": f"{ONE}    {key}: {other}\n", "compose.prod.yaml": f"services:\n  a:\n{own}"},
        environment="prod",
    )
    assert errors(overlaid) == [f"compose.prod.yaml:4:7: services.a.{key}.A: {is_what}"]
