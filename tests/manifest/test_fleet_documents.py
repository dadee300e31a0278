from dataclasses import replace

import pytest
from manifest.compile_world import HOSTS, compiled, errors, tree_of, warnings

from gitops_orch.manifest.compile import compile_tree
from gitops_orch.manifest.schema.document_schema import MISTAKES_MAX, schema_problems
from gitops_orch.model.desired import Former
from gitops_orch.model.host import Availability, Host, PruneBudget, Tls
from gitops_orch.model.problem import Position

HEAD = "apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {name: edge-1}\n"


def host_errors(spec: str) -> list[str]:
    return errors(compiled({"hosts/a.yaml": f"{HEAD}spec: {spec}\n"}))


def test_a_host_document_becomes_a_host_with_all_its_fields():
    text = """
    apiVersion: gitops-orch/v1
    kind: Host
    metadata:
      name: edge-1
      labels: {zone: eu, country: NO}
    spec:
      engine: docker
      url: tcp://10.0.0.1:2376
      tls: {ca: /tls/ca.pem, cert: /tls/cert.pem, key: /tls/key.pem}
      availability: drain
      data_root: /data
    """
    desired = compiled({"hosts/a.yaml": text})
    assert desired.hosts == (
        Host(
            name="edge-1",
            url="tcp://10.0.0.1:2376",
            labels={"zone": "eu", "country": "NO"},
            tls=Tls(ca="/tls/ca.pem", cert="/tls/cert.pem", key="/tls/key.pem"),
            availability=Availability.DRAIN,
            data_root="/data",
            position=Position(path="hosts/a.yaml", line=5, column=3),
        ),
    )
    assert desired.complete


def test_one_file_holds_several_hosts():
    assert [host.name for host in compiled({"hosts/a.yaml": HOSTS}).hosts] == ["edge-1", "edge-2"]


def test_a_repository_without_our_documents_runs_on_the_local_engine():
    desired = compiled({"compose.yaml": "services: {web: {image: x}}"})
    assert [(host.name, host.url) for host in desired.hosts] == [("local", "unix:///var/run/docker.sock")]
    assert desired.complete


def test_a_fleet_that_lost_its_hosts_does_not_move_to_the_local_engine():
    desired = compile_tree(tree_of({"a/compose.yaml": ""}), environment=None, former=Former(hosts=True))
    assert desired.hosts == ()
    assert not desired.complete
    assert any("hosts were known" in error for error in errors(desired))


def test_a_fleet_document_alone_means_that_there_is_no_local_host():
    assert compiled({"gitops.yaml": "apiVersion: gitops-orch/v1\nkind: Fleet\n"}).hosts == ()


def test_hosts_that_are_all_commented_out_do_not_bring_the_local_host_back():
    desired = compiled({"hosts/a.yaml": "# kind: Host\n"})
    assert desired.hosts == ()
    assert warnings(desired) == ["hosts/a.yaml: warning: holds no document"]


def test_a_fleet_document_sets_variables_budget_and_defaults():
    text = """
    apiVersion: gitops-orch/v1
    kind: Fleet
    metadata: {name: acme}
    spec:
      variables: {TAG: "1.10"}
      prune: {removals_max: 12.5%, removals_min: 3, allow_empty: true}
      defaults: {rollback: hold, prune: confirm, rollout: {healthy_deadline: 90s, canary: 2}}
    """
    desired = compiled(
        {
            "gitops.yaml": text,
            "a/compose.yaml": "services: {web: {image: 'x:${TAG}'}}\nx-gitops: {rollout: {canary: 1}}",
        }
    )
    assert errors(desired) == []
    assert desired.fleet.name == "acme"
    assert desired.fleet.prune == PruneBudget(removals_max_percent=12.5, removals_min=3, allow_empty=True)
    assert desired.fleet.prune_default.value == "confirm"
    app = desired.apps[0]
    assert app.services[0].image == "x:1.10"
    assert (app.rollback.value, app.prune.value) == ("hold", "confirm")
    assert (app.rollout.healthy_deadline_s, app.rollout.canary) == (90.0, 1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{urll: 'sim://x'}", "hosts/a.yaml:4:8: spec.urll: unknown key; did you mean url?"),
        ("{url: 'http://x'}", "spec.url: must be a URL of the form unix:///path"),
        ("{url: 'ssh://-oProxyCommand=x'}", "spec.url: must be a URL"),
        ("{url: 'tcp://x:2375'}", "spec.url: tcp without TLS lets anyone"),
        ("{url: 'sim://x', tls: {ca: /x}}", "spec.tls: is valid for tcp:// only"),
        ("{url: 'tcp://x:1', tls: {cert: /x}}", "spec.tls: cert and key go together"),
        ("{url: 'sim://x', engine: dokcer}", 'is the text "dokcer"; did you mean docker?'),
        ("{url: 'sim://x', engine: swarm}", "spec.engine: not supported yet"),
        ("{url: 'sim://x', insecure: 1}", "spec.insecure: must be true or false, is the number 1"),
        ("{url: 'sim://x', data_root: data}", "spec.data_root: must be an absolute path"),
        ("[]", "spec: must be a mapping, is a list"),
        ("", "spec: must be a mapping, is nothing"),
    ],
)
def test_a_host_with_a_mistake_is_named_with_its_place_and_what_to_write(spec, message):
    found = host_errors(spec)
    assert any(message in error for error in found), found


def test_all_mistakes_of_a_file_come_at_once():
    desired = compiled(
        {"hosts/a.yaml": HEAD + "spec: {urll: x, engine: x}\n---\nkind: Hots\n", "hosts/b.yaml": "a: ["}
    )
    assert [error.split(": ")[1] for error in errors(desired)] == [
        "spec", "spec.urll", "spec.engine", "kind", "not YAML"
    ]  # fmt: skip


def test_a_broken_host_document_makes_the_picture_incomplete():
    assert not compiled({"hosts/a.yaml": HOSTS, "hosts/b.yaml": "kind: Host"}).complete


def test_a_host_file_that_is_not_read_makes_the_picture_incomplete():
    assert not compiled({}, refused={"hosts/a.yaml": "it is a symbolic link"}).complete
    assert not compiled({"hosts/a.yaml": HOSTS}, refused={"gitops.yaml": "it is a symbolic link"}).complete


def test_one_name_for_two_hosts_is_an_error_at_both_places():
    found = errors(
        compiled(
            {"hosts/a.yaml": HEAD + "spec: {url: 'sim://x'}", "hosts/b.yaml": HEAD + "spec: {url: 'sim://y'}"}
        )
    )
    assert found == [
        "hosts/a.yaml:3:12: metadata.name: edge-1 is declared at hosts/b.yaml:3:12 too; rename or remove one of them",
        "hosts/b.yaml:3:12: metadata.name: edge-1 is declared at hosts/a.yaml:3:12 too; rename or remove one of them",
    ]


def test_two_names_for_one_url_warn():
    other = HEAD.replace("edge-1", "edge-2")
    desired = compiled(
        {"hosts/a.yaml": HEAD + "spec: {url: 'sim://x'}", "hosts/b.yaml": other + "spec: {url: 'sim://x'}"}
    )
    assert desired.complete
    assert len(warnings(desired)) == 2


def test_a_fleet_document_among_the_hosts_is_told_where_it_belongs():
    assert "Fleet documents belong into gitops.yaml" in errors(compiled({"hosts/a.yaml": "kind: Fleet"}))[0]


def test_gitops_yaml_holds_one_document():
    text = "apiVersion: gitops-orch/v1\nkind: Fleet\n"
    assert errors(compiled({"gitops.yaml": f"{text}---\n{text}"})) == [
        "gitops.yaml:4:1: is a second document; gitops.yaml holds one Fleet document"
    ]


def test_a_name_with_a_closing_newline_is_no_name():
    text = 'apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {name: "a\\n"}\nspec: {url: "sim://x"}\n'
    assert "metadata.name: must be a name" in errors(compiled({"hosts/a.yaml": text}))[0]


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "3\n"])
def test_a_document_that_is_no_mapping_is_an_error(text):
    assert "must be a Host document" in errors(compiled({"hosts/a.yaml": text}))[0]


def test_hundreds_of_mistakes_are_cut_short():
    unknown = ", ".join(f"x{number}: 1" for number in range(500))
    assert len(host_errors(f"{{url: 'sim://x', {unknown}}}")) == MISTAKES_MAX


def test_a_key_of_a_label_or_a_variable_has_a_form():
    text = "apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {variables: {9x: a}}\n"
    assert errors(compiled({"gitops.yaml": text})) == [
        "gitops.yaml:3:20: spec.variables.9x: the key must be a variable's name of letters, digits and _"
    ]


def test_a_rule_without_words_of_its_own_still_says_what_is_wrong():
    problems = list(
        schema_problems({"kind": "x", "labels": {}}, "x-gitops#/$defs/name", lambda _: Position(path="a"))
    )
    assert [problem.message for problem in problems] == ["must be text, is a mapping"]
    problems = list(
        schema_problems({"apiVersion": "x", "kind": "Fleet"}, "fleet", lambda _: Position(path="a"))
    )
    assert [problem.message for problem in problems] == ["apiVersion: 'gitops-orch/v1' was expected"]


APP = {"web/compose.yaml": "services: {web: {image: 'stub:1'}}\n"}


def test_apps_that_run_on_the_implicit_host_beside_hosts_that_the_path_leaves_out_are_warned_of():
    desired = compile_tree(replace(tree_of(APP), hosts_outside="hosts"), environment=None)
    (warning,) = warnings(desired)
    assert "hosts/ outside of the managed path" in warning
    assert "repository.path" in warning


@pytest.mark.parametrize("outside", ["", "hosts"])
def test_declared_hosts_need_no_warning_of_others(outside):
    files = {**APP, "hosts/a.yaml": HOSTS}
    assert warnings(compile_tree(replace(tree_of(files), hosts_outside=outside), environment=None)) == []


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "[bad:1", "10.0.0.1:0"])
def test_an_address_that_nobody_can_connect_to_is_a_mistake_at_its_line(address):
    (found,) = host_errors(f'{{url: "tcp://{address}", insecure: true}}')
    assert found.startswith(f"hosts/a.yaml:4:8: spec.url: tcp://{address} is no address: ")
