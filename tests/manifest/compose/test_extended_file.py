"""What is told of a file that `extends` names: mistakes anywhere in it, and that there is nothing to extend."""

import pytest
from compose_judge import errors, load, service

BASE = "services:\n  base: {image: i}\n"


def problems_of(extended: str, own: str = "") -> list[str]:
    text = f"services:\n  a:\n    extends: {{file: common.yaml, service: base}}\n{own}"
    return errors(load({"compose.yaml": text, "common.yaml": extended}))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("volumes: ['${DATA}:/d']", "5:15: services.other.volumes[0]: has an empty section between colons: ':/d'"),
        ("volumes: [5]", "5:15: services.other.volumes[0]: must be text or a mapping, is the number 5"),
        ("volumes: [{type: bind, source: x}]", "5:15: services.other.volumes[0]: a mount needs a target"),
        ("ports: ['80:a']", "5:13: services.other.ports[0]: has the port 'a'"),
        ("build: 5", "5:5: services.other.build: must be text or a mapping, is the number 5"),
        ("environment: [5]", "5:19: services.other.environment[0]: must be text, is the number 5"),
        ("healthcheck: {retries: abc}", "5:19: services.other.healthcheck.retries: must be a whole number, is 'abc'"),
        ("extends: 5", "5:5: services.other.extends: must be text or a mapping, is the number 5"),
        ("ulimits: {nofile: x}", "5:15: services.other.ulimits.nofile: must be a whole number, is 'x'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_service_that_nobody_extends_is_told_once_where_it_stands(line, problem):
    found = problems_of(f"{BASE}  other:\n    image: i\n    {line}\n")
    assert len(found) == 1
    assert found[0].startswith(f"common.yaml:{problem}")


def test_a_mistake_beside_the_services_of_an_extended_file_is_told_where_it_stands():
    assert problems_of(f"{BASE}networks:\n  n:\n    internal: maybe\n") == [
        "common.yaml:5:5: networks.n.internal: must be true or false, is 'maybe'"
    ]


def test_a_mistake_in_what_is_extended_is_told_once_even_where_it_is_covered():
    extended = "services:\n  base: {image: i, healthcheck: {retries: abc}}\n"
    told = ["common.yaml:2:34: services.base.healthcheck.retries: must be a whole number, is 'abc'"]
    assert problems_of(extended) == told
    assert problems_of(extended, "    healthcheck: {retries: 5}\n") == told


def test_what_is_extended_keeps_numbers_that_are_written_as_text():
    extended = {"b.yaml": "services: {b: {image: i, ulimits: {nofile: '65536'}, cpus: '1.5'}}\n"}
    loaded = load({"compose.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}\n", **extended})
    assert not errors(loaded)
    own = service("ulimits: {nofile: 65536}\ncpus: 1.5")
    assert loaded.model["services"]["a"] == own


@pytest.mark.parametrize("extended", ["", "# nothing yet\n", "volumes: {v: }\n", "services: 5\n"])
def test_a_file_without_services_is_told_at_the_extends_and_nothing_else(extended):
    assert problems_of(extended) == [
        (
            "compose.yaml:3:5: services.a.extends: common.yaml has no services to extend; "
            "write services: in it, or name another file"
        )
    ]


def test_a_service_that_is_no_mapping_is_told_where_it_stands_and_nothing_else():
    assert problems_of("services: {base: 5}\n") == [
        "common.yaml:1:12: services.base: must be a mapping, is the number 5"
    ]


def test_a_file_that_is_no_yaml_is_told_where_it_is_extended_too():
    found = problems_of("services: {base: [}\n")
    assert len(found) == 2
    assert found[0].startswith("common.yaml:1:")
    assert found[1] == (
        "compose.yaml:3:5: services.a.extends: common.yaml cannot be read, so nothing of it can be extended; correct it"
    )


def test_a_file_that_many_included_ones_extend_counts_once():
    shared = BASE + "".join(f"  s{n}: {{image: i, user: u}}\n" for n in range(200))
    files = {
        f"{n}.yaml": f"services: {{a{n}: {{extends: {{file: b.yaml, service: base}}}}}}\n" for n in range(60)
    }
    loaded = load({"compose.yaml": f"include: [{', '.join(files)}]\n", "b.yaml": shared, **files})
    assert errors(loaded) == []
    assert len(loaded.model["services"]) == 60


def test_a_file_is_read_anew_where_a_variable_of_it_is_another_one():
    files = {"b.yaml": "services: {b: {image: 'i:$TAG'}}\n"}
    for name in "xy":
        files[f"{name}/c.yaml"] = f"services: {{{name}: {{extends: {{file: ../b.yaml, service: b}}}}}}\n"
        files[f"{name}/.env"] = f"TAG={name}\n"
    loaded = load({"compose.yaml": "include: [x/c.yaml, y/c.yaml]\n", **files})
    assert {key: each["image"] for key, each in loaded.model["services"].items()} == {"x": "i:x", "y": "i:y"}
