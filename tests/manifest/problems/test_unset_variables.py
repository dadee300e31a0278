"""What is told of variables that no committed file sets: once, where they are used, with what to write."""

import pytest
from compose_judge import errors as load_errors
from compose_judge import load
from manifest.compile_world import compiled, errors, warnings

IMAGE = "services:\n  a:\n    image: i\n"


def told(text: str, **others: str) -> tuple[list[str], list[str]]:
    desired = compiled({"shop/compose.yaml": text} | {f"shop/{name}": each for name, each in others.items()})
    return errors(desired), warnings(desired)


def test_the_variables_of_a_file_are_told_at_once():
    text = f"{IMAGE}    user: $WHO\n    hostname: $NAME-$WHO\n    domainname: $WHO$WHERE\n"
    assert told(text)[1] == [
        (
            "shop/compose.yaml:4:5: warning: the variables WHO (lines 5, 6), NAME (line 5) and WHERE (line 6) are not set in "
            "a committed file, so they are empty; set them in .env beside the Compose file, or write ${WHO:-}"
        )
    ]


@pytest.mark.parametrize(
    ("mount", "advice"),
    [
        (
            "'${PWD}/conf:/c:ro'",
            "mounts /conf of the host; write ./conf for a path in the directory of the Compose file",
        ),
        (
            "{type: bind, source: $PWD/conf, target: /c}",
            "mounts /conf of the host; write ./conf for a path",
        ),
        (
            "$DATA/db:/c",
            "mounts /db of the host; set it in .env beside the Compose file, or write ./db for a path in that directory",
        ),
    ],
)
def test_a_mount_that_becomes_a_path_of_the_host_is_named(mount, advice):
    found, noted = told(f"{IMAGE}    volumes: [{mount}]\n")
    assert not found
    assert len(noted) == 1
    assert f"is not set in a committed file, so this {advice}" in noted[0]


def test_a_mistake_that_an_unset_variable_makes_names_it_and_is_told_once():
    assert told(f"{IMAGE}    volumes: ['$DATA:/d']\n") == (
        [
            (
                "shop/compose.yaml:4:15: services.a.volumes[0]: has an empty section between colons: ':/d'; write "
                "source:target (the variable DATA is not set in a committed file)"
            )
        ],
        [],
    )


def test_a_mistake_that_many_take_over_from_one_anchor_is_told_once():
    text = "x-h: &h\n  interval: $EVERY\nservices:\n"
    text += "".join(f"  {name}: {{image: i, healthcheck: *h}}\n" for name in "abc")
    assert told(text) == (
        [
            (
                "shop/compose.yaml:2:3: services.a.healthcheck.interval: must be a duration such as 10s or 1m30s, is '' "
                "(the variable EVERY is not set in a committed file)"
            )
        ],
        [],
    )


def test_a_warning_that_many_take_over_from_one_anchor_is_told_once():
    text = "x-e: &e\n  TOKEN:\nservices:\n"
    text += "".join(f"  {name}: {{image: i, environment: *e}}\n" for name in "abc")
    assert len(told(text)[1]) == 1


def test_equal_mistakes_at_several_places_are_all_told():
    text = "services:\n  a: {image: i, user: 5}\n  b: {image: i, user: 5}\n"
    assert [line.partition(": ")[0] for line in load_errors(load(text))] == [
        "compose.yaml:2:17",
        "compose.yaml:3:17",
    ]


def test_a_variable_in_a_file_of_variables_is_told_once_with_its_line():
    text = f"{IMAGE}    env_file: [a.env]\n  b: {{image: i, env_file: [a.env]}}\n"
    files = {".env": "PASSWORD=p@ss$w0rd\nAGAIN=$PASSWORD\n", "a.env": "# tokens\nA='x$y'\nTOKEN=abc$def\n"}
    assert told(text, **files)[1] == [
        f"shop/{place}: warning: a variable in this value is not set in a committed file, so it is empty; put the "
        "value between single quotes if the dollar sign is a part of the value"
        for place in (".env:1:1", "a.env:3:1")  # w0rd and def are parts of secrets: they are not repeated
    ]


def test_a_variable_that_is_no_part_of_a_secret_is_named():
    text = f"{IMAGE}    env_file: [a.env]\n"
    (line,) = told(text, **{"a.env": "PLACE=/srv/$ROOM/x\n"})[1]
    assert line.endswith(
        "put the value between single quotes if the dollar sign is a part of it, or set ROOM above"
    )
    assert "the variable ROOM is not set" in line


def test_variables_without_a_value_are_told_once_for_a_service_at_the_first():
    text = f"{IMAGE}    environment:\n      - GOOD=1\n      - FIRST\n      - SECOND\n"
    assert told(text)[1] == [
        (
            "shop/compose.yaml:6:9: warning: services.a.environment: FIRST and SECOND have no value and no committed "
            "variables give one, so they are not set in the container"
        )
    ]
