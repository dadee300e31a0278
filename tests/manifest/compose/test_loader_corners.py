"""Rare mistakes and limits, one by one: each is told once, in words, and stops nothing else."""

import pytest
from compose_judge import errors, load, service

from gitops_orch.errors import ManifestError
from gitops_orch.manifest.yaml.yaml_document import Dialect, parse_documents
from gitops_orch.manifest.yaml.yaml_nodes import DEPTH_MAX

ONE = "services: {a: {image: i}}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ONE + "networks: {'a b': 5}\n", "networks.a b: must be a mapping, is the number 5"),
        ("services: {a: {build: {additional_contexts: {x: 5}}}}\n", "additional_contexts.x: must be text, is the number 5"),
        ("services: {a: {build: {additional_contexts: [x]}}}\n", "additional_contexts[0]: must be name=value"),
        ("services: {a: {build: {ssh: [x]}}}\n", "build.ssh[0]: must be default or id=path"),
        ("services: {a: {image: i, develop: {watch: [{path: ., action: sync}]}}}\n", "the action sync needs a target"),
        ("services: {a: {image: i, cpu_percent: '150'}}\n", 'must be a whole number from 0 to 100, is the text "150"'),
        ("services: {a: {image: i, gpus: [{count: 1, device_ids: [x]}]}}\n", "either count or device_ids; remove one"),
        ("services: {a: {image: i, mem_limit: '" + "1" * 200 + "'}}\n", "is a text of 200 characters"),
        ("services: {a: {image: i, stop_grace_period: '" + "1" * 200 + "'}}\n", "is a text of 200 characters"),
        ("services: {a: {image: i, cpus: 1e300}}\n", "must be a number of ordinary size"),
        ("include: [{path: 5}]\n" + ONE, "include[0].path: must be text or a list of text, is the number 5"),
        ("services: {a: {image: i, devices: ['a:b:c:d']}}\n", "has too many colons: 'a:b:c:d'; use the long form"),
        ("x-a: '" + "${A:-" * 12 + "}" * 12 + "'\n" + ONE, "nested deeper than 10 levels; flatten them"),
        ("services: {a: {image: i, env_file: e.env}}\n", "e.env is not in the repository; add it, or correct the path"),
        ("x-a: &a [1]\nx-b: &a [" + "[" * DEPTH_MAX + "]" * DEPTH_MAX + "]\n", "nested deeper than 100 levels"),
        ("x-a: &a [1]\nx-b: &a {c: [2]}\nx-c: *b\n", "found undefined alias b"),
        ("x-a: " + "9" * 100 + "\n" + ONE, "does not fit into 64 bits; quote it"),
        ("services: {a: {image: i, scale: !!int x}}\n", "'x' does not match its tag !!int; remove the tag"),
        ("services: {a: {<<: [5], image: i}}\n", "<< merges a mapping or a list of mappings"),
        ("? [a]\n: b\n", "a key must be text, is a list or a mapping"),
        ("!reset {services: {}}\n", "a whole file cannot be reset"),
        ("services: {a: {image: i, !reset user: x}}\n", "!reset belongs to a value; write user: !reset"),
        ("name: !reset x\n" + ONE, "a project's name cannot be reset; remove the tag"),
        ("services: {a: {image: i, <<: {}, <<: {}}}\n", "duplicate key <<: it is already at 1:26; write one <<: [*a, *b]"),
        ("web: {build: .}\n", "web: unknown key; services belong below services:, move it there"),
        ("services: {a: {image: i, scale: 1.0e+20}}\n", "scale: must be a whole number below 2^63, is 1e+20"),
        ("%YAML 1.2\n---\n" + ONE, "only %YAML 1.1 is read; remove the line"),
        ("---\n" + "---\n".join(["x-a: 1\n"] * 1001), "more than 1000 documents in a file; split it"),
    ],
)  # fmt: skip
def test_a_rare_mistake_is_told_in_words(text, sentence):
    assert any(sentence in each for each in errors(load(text))), errors(load(text))


@pytest.mark.parametrize(
    ("base", "over", "sentence"),
    [
        ("cap_add: [A]", "cap_add: B", "cannot override a list by text"),
        ("healthcheck: {test: a}", "healthcheck: x", "cannot override a mapping by text"),
        ("build: .", "build: 5", "services.a.build: must be text or a mapping, is the number 5"),
        ("logging: {driver: a}", "logging: 5", "services.a.logging: must be a mapping, is the number 5"),
    ],
)  # fmt: skip
def test_an_overlay_of_another_kind_is_told_with_both_kinds(base, over, sentence):
    files = {
        "compose.yaml": f"services: {{a: {{image: i, {base}}}}}\n",
        "compose.prod.yaml": f"services: {{a: {{{over}}}}}\n",
    }
    assert any(sentence in each for each in errors(load(files, environment="prod")))


def test_an_overlay_may_be_missing_and_may_be_empty_of_logging():
    files = {
        "compose.yaml": "services: {a: {image: i, logging: {driver: d}}}\n",
        "compose.prod.yaml": "services: {a: {logging: }}\n",
    }
    assert load(files, environment="prod").model["services"]["a"]["logging"] == {"driver": "d"}
    assert load(files, environment="test").model["services"]["a"]["logging"] == {"driver": "d"}


def test_ranges_of_ports_have_a_limit_over_the_whole_app():
    ports = "ports: ['1-65535:1-65535']"
    loaded = load(
        f"services: {{a: {{image: i, {ports}}}, b: {{image: i, {ports}}}, c: {{image: i, {ports}}}}}\n"
    )
    assert [each.partition(": ")[2] for each in errors(loaded)] == [
        f"services.{name}.ports[0]: the ranges of ports become more than 70000 ports; publish fewer"
        for name in "bc"
    ]


def test_an_app_has_a_limit_over_all_its_files_and_all_that_is_extended():
    many = "".join(f"  s{n}: {{image: i, tty: true}}\n" for n in range(5_000))
    files = {f"{name}.yaml": "services:\n" + many.replace("s", name) for name in "abc"}
    included = load({**files, "compose.yaml": "include: [a.yaml, b.yaml, c.yaml]\n"})
    assert errors(included) == [
        "b.yaml:1:1: b.yaml makes the app larger than 20000 values with 4000000 characters; make several apps of it"
    ]
    variables = "".join(f"      V{n}: x\n" for n in range(2_000))
    base = f"services:\n  base:\n    image: i\n    environment:\n{variables}"
    extended = load(base + "".join(f"  s{n}: {{extends: base}}\n" for n in range(30)))
    assert "larger than 20000 values with 4000000 characters; extend less" in errors(extended)[0]


def test_a_variable_file_has_a_limit_and_must_be_text():
    env = "services: {a: {image: i, env_file: e.env}}\n"
    many = "".join(f"V{n}=\n" for n in range(10_001))
    assert "more than 10000 variables in a file" in errors(load({"compose.yaml": env, "e.env": many}))[0]
    assert "the byte 0xff is not UTF-8" in errors(load({"compose.yaml": env, "e.env": b"A=\xff\n"}))[0]
    assert "at most 1000000 are read" in errors(load({"compose.yaml": env, "e.env": "#" * 1_000_001}))[0]


def test_the_bytes_of_variables_that_an_app_reads_have_a_limit():
    services = "".join(f"  s{n}: {{image: i, env_file: e.env}}\n" for n in range(10))
    loaded = load({"compose.yaml": "services:\n" + services, "e.env": "#" * 900_000 + "\nA=1\n"})
    assert "one app reads more than 4000000 bytes of variables" in errors(loaded)[0]


def test_an_app_includes_a_limited_number_of_files_and_says_so_once():
    files = {"compose.yaml": "include:\n" + "  - b.yaml\n" * 300, "b.yaml": ONE}
    [found] = errors(load(files))
    assert "the app includes more than 200 files; include fewer" in found


def test_variables_that_grow_too_much_are_told_once():
    uses = "".join(f"  k{n}: $BIG\n" for n in range(20))
    found = errors(load({"compose.yaml": f"x-a:\n{uses}{ONE}", ".env": "BIG=" + "x" * 900_000}))
    assert len(found) == 1
    assert "variables expand to more than 4000000 characters" in found[0]


def test_a_name_that_cannot_be_interpolated_is_told_and_the_default_stands_in():
    loaded = load("name: ${\n" + ONE)
    assert loaded.name == "proj"
    assert "name: cannot interpolate" in errors(loaded)[0]


def test_an_old_word_for_a_pull_policy_is_read_as_the_new_one():
    assert service("pull_policy: if_not_present")["pull_policy"] == "missing"


def test_mistakes_beyond_a_limit_are_not_told():
    many = "".join(f"  s{n}: {{image: 5}}\n" for n in range(1_000))
    assert len(errors(load("services:\n" + many))) == 200


def test_a_file_that_was_not_measured_beforehand_is_refused_by_its_content():
    with pytest.raises(ManifestError, match="at most 1000000 are read"):
        parse_documents("f.yaml", b"#" * 1_000_001, dialect=Dialect.STRICT)


@pytest.mark.parametrize("text", [".inf", "9" * 30, "99999999999999999999"])
def test_strict_numbers_keep_to_sixty_four_bits(text):
    with pytest.raises(ManifestError, match="quote it"):
        parse_documents("f.yaml", f"a: {text}".encode(), dialect=Dialect.STRICT)


@pytest.mark.parametrize("text", ["-x", "1-2x"])
def test_what_only_begins_like_a_number_is_text(text):
    [document] = parse_documents("f.yaml", f"a: {text}".encode(), dialect=Dialect.STRICT)
    assert document.value == {"a": text}


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("    links:\n      - b\n      - nobody:alias\n", "6:9: services.a.links.nobody"),
        ("    volumes_from:\n      - nobody:ro\n", "5:9: services.a.volumes_from.nobody"),
        ("    network_mode: service:nobody\n", "4:5: services.a.network_mode"),
        ("    ipc: service:nobody\n", "4:5: services.a.ipc"),
        ("    depends_on:\n      - b\n      - nobody\n", "6:9: services.a.depends_on.nobody"),
    ],
)
def test_a_service_that_does_not_exist_is_told_at_the_key_that_names_it(keys, place):
    text = f"services:\n  a:\n    image: i\n{keys}  b: {{image: i}}\n"
    assert errors(load(text)) == [f"compose.yaml:{place}: there is no service nobody"]


def test_the_services_of_an_old_file_are_told_at_once():
    assert errors(load("web: {image: i}\ndb: {image: i}\nfoo: 5\n")) == [
        "compose.yaml:1:1: web: unknown key; web and db are services, which belong below services:, move them there",
        "compose.yaml:3:1: foo: unknown key",
    ]


def test_two_merge_keys_are_told_how_to_be_one():
    (found,) = errors(load("x-a: &a {image: i}\nservices:\n  a:\n    <<: *a\n    <<: *a\n"))
    assert found.endswith("write one <<: [*a, *b]")
