"""Bad input to Host and Fleet documents, and to the tree as a whole (FAULTS, section Y)."""

import pytest
from machine_speed import units_of
from manifest.compile_world import HOSTS, compiled, errors, keys

UNITS_MAX = 40.0  # of `machine_speed`: two seconds on an idle core
SERVICE = "services: {api: {image: x}}\n"
HEAD = "apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {name: edge-1}\n"


def host_with(**parts: str) -> str:
    return (
        HEAD + f"spec: {{url: 'sim://x', {', '.join(f'{key}: {value}' for key, value in parts.items())}}}\n"
    )


def labels(text: str):
    document = f"apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {{name: a, labels: {text}}}\nspec: {{url: 'sim://x'}}\n"
    return compiled({"hosts/a.yaml": document})


def test_y01_aliases_are_no_part_of_a_host_document():
    desired = labels("{a: &a x, b: *a}")
    assert len(errors(desired)) == 2
    assert "hosts/a.yaml:3:33: anchors and aliases are not read here" in errors(desired)[0]
    assert not desired.complete


@pytest.mark.parametrize("value", ["1.10", "0644", "0x1F", "true", "1e3", "0o17", "~"])
def test_y05_a_label_that_is_no_text_in_yaml_1_2_is_refused_with_advice(value):
    found = errors(labels(f"{{a: {value}}}"))
    assert any("metadata.labels.a" in error for error in found)
    assert any("quote it" in error for error in found) or value == "~"


@pytest.mark.parametrize(
    "value", ["NO", "no", "on", "off", "yes", "y", "1:30", "22:22", "2001-01-01", "1_000", "'1.10'"]
)
def test_y05_what_only_yaml_1_1_takes_for_something_else_is_text(value):
    desired = labels(f"{{a: {value}}}")
    assert errors(desired) == []
    assert desired.hosts[0].labels == {"a": value.strip("'")}


@pytest.mark.parametrize("value", ["!!python/object:os.system x", "!!binary aGk=", "!x y"])
def test_y08_tags_are_refused(value):
    assert errors(labels(f"{{a: {value}}}"))


def test_y10_a_file_of_ten_megabytes_is_refused_before_it_is_parsed():
    assert_refused_with_little_work("a: " + "x" * 10_000_000)


def test_y10_fifty_thousand_documents_in_a_file_are_refused_with_little_work():
    assert_refused_with_little_work("---\na: b\n" * 50_000)


def assert_refused_with_little_work(text: str) -> None:
    found = []
    assert units_of(lambda: found.append(compiled({"hosts/a.yaml": text}))) < UNITS_MAX
    assert errors(found[0])
    assert not found[0].complete


@pytest.mark.parametrize("value", [".nan", ".inf", "1e400", "99999999999999999999"])
def test_y14_numbers_that_json_cannot_hold_are_refused(value):
    assert errors(
        compiled(
            {
                "gitops.yaml": f"apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {{prune: {{removals_min: {value}}}}}\n"
            }
        )
    )


def test_y16_one_broken_file_among_two_hundred_stops_no_other_and_never_counts_as_gone():
    files = {f"a{number}/compose.yaml": SERVICE for number in range(200)}
    files["a7/compose.yaml"] = "services: {api: {imag: x}}\n"
    desired = compiled(files)
    assert len(desired.apps) == 199
    assert [str(key) for key in desired.invalid_apps] == ["default/a7"]
    files["a7/compose.yaml"] = "services: ["
    desired = compiled(files)
    assert len(desired.apps) == 199
    assert desired.invalid_paths == ("a7/compose.yaml",)


def test_y17_one_name_in_two_files_names_both_places():
    text = "name: shop\n" + SERVICE
    found = errors(compiled({"a/compose.yaml": text, "b/compose.yaml": text}))
    assert len(found) == 2
    assert all("a/compose.yaml" in error and "b/compose.yaml" in error for error in found)


@pytest.mark.parametrize(
    "body",
    [
        "ports: ['80:80']",
        "container_name: x",
        "networks: {n: {ipv4_address: 10.0.0.9}}",
    ],
)
def test_y18_a_clash_on_one_host_names_both_places(body):
    text = "services: {{api: {{image: x, {}}}}}\nnetworks: {{n: {{external: true}}}}\nx-gitops: {{placement: {{hosts: [edge-1]}}}}\n"
    one = text.format(body)
    desired = compiled({"a/compose.yaml": one, "b/compose.yaml": one, "hosts/a.yaml": HOSTS})
    assert len(errors(desired)) == 2
    assert keys(desired) == []


def test_y20_a_mistyped_key_gets_a_suggestion():
    assert any(
        "did you mean availability?" in error
        for error in errors(compiled({"hosts/a.yaml": host_with(availabilty="active")}))
    )


def test_y21_a_schema_reference_is_never_fetched(monkeypatch):
    from gitops_orch.manifest.schema import schema_errors
    from gitops_orch.manifest.schema.document_schema import schema_problems

    def no_network(*_args, **_kwargs):
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr("socket.socket.connect", no_network)
    elsewhere = {"$id": "urn:x", "$ref": "http://127.0.0.1:1/x.json"}
    monkeypatch.setattr("gitops_orch.manifest.schema.schema_files.read_schema", lambda _: elsewhere)
    monkeypatch.setattr(schema_errors, "read_schema", lambda _: elsewhere)
    monkeypatch.setattr(schema_errors, "_validator", schema_errors._validator.__wrapped__)
    with pytest.raises(Exception, match=r"Unresolvable.*127\.0\.0\.1:1/x\.json"):
        list(schema_problems({}, "host", lambda _: None))


def test_y21_thousands_of_objects_are_judged_in_linear_time():
    document = "\n---\n".join(
        HEAD.replace("edge-1", f"h{n}") + f"spec: {{url: 'sim://h{n}'}}" for n in range(900)
    )
    found = []
    assert units_of(lambda: found.append(compiled({"hosts/a.yaml": document}))) < 10 * UNITS_MAX
    assert len(found[0].hosts) == 900


def test_y23_a_whole_number_may_be_written_as_a_fraction_and_true_is_no_number():
    fleet = "apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {{prune: {{removals_min: {}}}}}\n"
    assert compiled({"gitops.yaml": fleet.format("3.0")}).fleet.prune.removals_min == 3
    assert isinstance(compiled({"gitops.yaml": fleet.format("3.0")}).fleet.prune.removals_min, int)
    assert errors(compiled({"gitops.yaml": fleet.format("true")}))
    assert errors(compiled({"gitops.yaml": fleet.format("1.5")}))


@pytest.mark.parametrize("version", ["gitops-orch/v2", "gitops-orch/v1beta1", "v1", "1"])
def test_y24_an_unknown_version_says_which_one_is_known_and_touches_nothing(version):
    desired = compiled(
        {"hosts/a.yaml": host_with().replace("gitops-orch/v1", version), "a/compose.yaml": SERVICE}
    )
    assert not desired.complete
    assert any("apiVersion: must be gitops-orch/v1" in error for error in errors(desired))


def test_y24_a_newer_version_asks_for_an_upgrade():
    found = errors(compiled({"hosts/a.yaml": host_with().replace("gitops-orch/v1", "gitops-orch/v2")}))
    assert any("upgrade the controller" in error for error in found)


def test_y27_a_variables_value_cannot_add_structure():
    text = "services: {api: {image: x, environment: {A: '${EVIL}'}}}\n"
    desired = compiled({"a/compose.yaml": text, "a/.env": "EVIL='x}, privileged: true, y: {'\n"})
    body = desired.apps[0].services[0].compose
    assert body["environment"] == {"A": "x}, privileged: true, y: {"}
    assert "privileged" not in body
