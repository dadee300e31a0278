"""Bad input to Compose files (FAULTS, section Y); Host and Fleet documents are in test_y_documents."""

import pytest
from compose_judge import errors, load, service, warnings
from machine_speed import units_of
from manifest.hostile import bomb, merge_bomb

UNITS_MAX = 40.0  # of `machine_speed`
ONE = "services: {a: {image: i}}\n"
ANCHORS = """
x-base: &base
  restart: always
  environment: &env {A: 1}
services:
  a: {<<: *base, image: i}
  b: {<<: *base, image: j, environment: {<<: *env, B: 2}}
"""


def loaded_with_little_work(files):
    """Return what a load found; it must not take longer than two seconds on an idle core."""
    found = []
    assert units_of(lambda: found.append(load(files))) < UNITS_MAX
    return found[0]


def test_y01_aliases_that_explode_are_refused_and_sane_ones_load():
    found = errors(load(bomb(10, 10)))
    assert found == [
        "compose.yaml:1:1: the aliases expand to more than 50000 values; write fewer, or fewer levels of them"
    ]
    services = load(ANCHORS).model["services"]
    assert services["a"]["environment"] == {"A": "1"}
    assert services["b"]["environment"] == {"A": "1", "B": "2"}


def test_y02_merged_keys_count_like_any_other():
    loaded = loaded_with_little_work({"compose.yaml": merge_bomb(8)})
    assert "expand to more than" in errors(loaded)[0]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("services:\n  a:\n    image: i\n    image: j\n", ("4:5", "3:5")),
        ("services: {a: {image: i, image: j}}\n", ("1:26", "1:16")),
        ("services:\n  a: {image: i}\n  a: {image: j}\n", ("3:3", "2:3")),
    ],
)
def test_y03_a_duplicate_key_is_refused_with_both_places(text, places):
    [found] = errors(load(text))
    assert found.startswith(f"compose.yaml:{places[0]}: duplicate key")
    assert f"already at {places[1]}" in found


def test_y05_scalars_are_what_compose_makes_of_them_with_a_warning_where_that_surprises():
    loaded = load(
        """
        services:
          a:
            image: i
            privileged: yes
            environment: {COUNTRY: NO, MODE: 0644, VERSION: 1.10, BIG: 1_000, HEX: 0x1F}
            secrets: [{source: s, mode: 0440}]
        secrets: {s: {file: ./s}}
        """
    )
    read = loaded.model["services"]["a"]
    assert read["environment"] == {
        "COUNTRY": "NO",
        "MODE": "420",
        "VERSION": "1.1",
        "BIG": "1000",
        "HEX": "31",
    }
    assert read["secrets"][0]["mode"] == 288
    assert read["privileged"] is True
    assert len(warnings(loaded)) == 5
    assert not any("COUNTRY" in each or "mode" in each.lower().split(":")[4] for each in warnings(loaded)[4:])


def test_y06_ports_are_never_numbers_of_base_sixty():
    assert service("ports: [22:22, 1:30]")["ports"] == [
        {"mode": "ingress", "target": 22, "published": "22", "protocol": "tcp"},
        {"mode": "ingress", "target": 30, "published": "1", "protocol": "tcp"},
    ]


def test_y07_dates_are_text_as_compose_makes_it_or_refused():
    assert service("environment: {D: 2024-01-02}")["environment"] == {"D": "2024-01-02 00:00:00 +0000 UTC"}
    assert "must be text, is the date 2024-01-02" in errors(load("services: {a: {image: 2024-01-02}}\n"))[0]


@pytest.mark.parametrize(
    "tag", ["!!python/object:os.system", "!!python/name:os.system", "!!binary", "!foo", "!<tag:x,1:y>"]
)
def test_y08_tags_are_refused(tag):
    [found] = errors(load(f"services: {{a: {{image: i, user: {tag} aGk=}}}}\n"))
    assert "is not allowed here" in found


@pytest.mark.parametrize(
    "content", [b"x-a: " + b"x" * 10_000_000, b"x" * 100_000_000, b"---\na: 1\n" * 50_000], ids=len
)
def test_y10_what_is_too_large_is_refused_at_once(content):
    assert loaded_with_little_work({"compose.yaml": content}).failed


@pytest.mark.parametrize(
    "text", ["x-a: &a {b: *a}\n", "x-a: &a [*a]\n", "services: &s {a: {image: i, x-b: *s}}\n"]
)
def test_y12_a_value_that_contains_itself_is_refused(text):
    assert any("contains itself through an alias" in each for each in errors(load(text + "x-z: 1\n")))


@pytest.mark.parametrize("number", [".nan", ".inf", "-.Inf", "1e400", "18446744073709551616", "1" * 5000])
def test_y14_numbers_that_json_cannot_hold_are_refused(number):
    [found] = errors(load(f"services: {{a: {{image: i, environment: {{A: {number}}}}}}}\n"))
    assert "quote it" in found


def test_y16_one_broken_service_leaves_the_others_to_be_read():
    loaded = load("services: {a: {image: i}, b: {image: 5}, c: {image: k}}\n")
    assert len(errors(loaded)) == 1
    assert loaded.model["services"]["c"]["image"] == "k"


def test_y20_a_mistyped_key_is_an_error_with_a_suggestion():
    [found] = errors(load("services:\n  api:\n    image: i\n    enviroment: {A: 1}\n"))
    assert found == "compose.yaml:4:5: services.api.enviroment: unknown key; did you mean environment?"


def test_y21_lists_of_thousands_that_must_differ_are_judged_in_linear_time():
    mounts = "".join(f"      - {{type: bind, source: /a{n}, target: /b{n}}}\n" for n in range(3_000))
    files = {"compose.yaml": f"services:\n  a:\n    image: i\n    volumes:\n{mounts}"}
    assert not errors(loaded_with_little_work(files))


def test_y23_a_whole_number_may_be_written_as_a_fraction_and_true_is_no_number():
    assert service("scale: 2.0")["scale"] == 2
    assert (
        "must be a whole number or text, is true"
        in errors(load("services: {a: {image: i, scale: true}}\n"))[0]
    )


def test_y24_the_obsolete_version_is_accepted_and_left_out():
    loaded = load('version: "3.8"\n' + ONE)
    assert not errors(loaded)
    assert "version" not in loaded.model


def test_y27_a_variable_adds_neither_structure_nor_variables():
    files = {
        "compose.yaml": "services:\n  a:\n    image: i\n    user: ${U}\n    command: echo ${V}\n",
        ".env": "U='x\n    privileged: true'\nV='$W ${W}'\nW=secret\n",
    }
    read = load(files).model["services"]["a"]
    assert read["user"] == "x\n    privileged: true"
    assert "privileged" not in read
    assert read["command"] == ["echo", "$W", "${W}"]


def test_y27_a_required_variable_that_is_missing_is_an_error_with_its_words():
    [found] = errors(load("services:\n  a:\n    image: ${TAG:?choose a tag}\n"))
    assert found == "compose.yaml:3:5: services.a.image: the required variable TAG is not set: choose a tag"
