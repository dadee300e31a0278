import pytest
from manifest.compile_world import HOSTS, compiled, errors, keys, warnings

SERVICE = "services:\n  api:\n    image: x\n"


def problems_of(text: str, **options):
    desired = compiled({"shop/compose.yaml": text}, **options)
    return errors(desired), warnings(desired)


@pytest.mark.parametrize(
    ("key", "value"), [("build", "."), ("develop", "{watch: [{path: ., action: rebuild}]}")]
)
def test_what_an_image_makes_superfluous_is_noted_and_skipped(key, value):
    found, noted = problems_of(f"{SERVICE}    {key}: {value}\n")
    assert found == []
    assert any(f"services.api.{key}: is skipped" in warning for warning in noted)


def test_a_service_that_can_only_be_built_is_an_error_that_says_what_to_do():
    found, _ = problems_of("services: {api: {build: .}}\n")
    assert found == [
        (
            "shop/compose.yaml:1:18: services.api.build: cannot be reconciled from Git: an image is built elsewhere and "
            "named by `image`; add image: NAME:TAG, which that build pushes"
        )
    ]


def test_a_key_without_a_value_that_no_variable_gives_warns():
    found, noted = problems_of(f"{SERVICE}    environment: {{TOKEN: }}\n")
    assert found == []
    assert any("services.api.environment.TOKEN: has no value" in warning for warning in noted)


def test_a_variable_that_is_not_set_warns_and_is_an_error_where_strict_is_asked_for():
    text = "services: {api: {image: x, user: '${TAG}'}}\n"
    found, noted = problems_of(text)
    assert not found
    assert any("the variable TAG is not set in a committed file" in warning for warning in noted)
    found, _ = problems_of(text, strict=True)
    assert any("the variable TAG is not set" in error for error in found)
    _, noted = problems_of("services: {api: {image: x, working_dir: '$PWD'}}\n")
    assert any("PWD is not set in a committed file, so it is empty; write . for" in each for each in noted)


def test_replicas_exclude_one_name_and_one_address():
    found, _ = problems_of(
        """
        services:
          api: {image: x, scale: 2, container_name: shop, networks: {net: {ipv4_address: 10.1.0.5}}}
        networks: {net: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}
        """
    )
    assert any("services.api.container_name: " in error for error in found)
    found, _ = problems_of(
        """
        services:
          api: {image: x, scale: 2, networks: {net: {ipv4_address: 10.1.0.5}}}
        networks: {net: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}
        """
    )
    assert any("services.api.networks.net: one address for 2 replicas" in error for error in found)


def test_a_constraint_that_is_none_is_an_error_with_an_example():
    found, _ = problems_of(f"{SERVICE}    deploy: {{placement: {{constraints: ['zone is eu']}}}}\n")
    assert found == [
        (
            "shop/compose.yaml:4:40: services.api.deploy.placement.constraints[0]: 'zone is eu' is no constraint; "
            "write it as node.labels.zone == eu"
        )
    ]


def test_two_mounts_at_one_place_are_an_error():
    found, _ = problems_of(
        f"{SERVICE}    volumes: ['/srv:/x/']\n    configs: [x]\nconfigs: {{x: {{content: a}}}}\n"
    )
    assert found == ["shop/compose.yaml:2:3: services.api: two mounts at /x; remove one of them"]


def test_a_deadline_below_the_healthchecks_own_bound_warns_with_both_numbers():
    check = "{test: [CMD, x], interval: 1m, timeout: 10s, retries: 5, start_period: 20s}"
    found, noted = problems_of(f"{SERVICE}    healthcheck: {check}\n")
    assert found == []
    assert any("take 370s" in warning and "gives up after 300s" in warning for warning in noted)
    _, noted = problems_of(
        f"{SERVICE}    healthcheck: {check}\nx-gitops: {{rollout: {{healthy_deadline: 7m}}}}\n"
    )
    assert noted == []


@pytest.mark.parametrize("deploy", ["mode: global", "placement: {constraints: [node.labels.zone == eu]}"])
def test_splitting_a_network_that_is_no_overlay_warns(deploy):
    text = f"services:\n  api: {{image: x, deploy: {{{deploy}}}}}\n  db: {{image: y}}\n"
    desired = compiled({"shop/compose.yaml": text, "hosts/a.yaml": HOSTS})
    assert any(
        "services.api: may run on other hosts than its peers" in warning for warning in warnings(desired)
    )
    pinned = text + "x-gitops: {placement: {hosts: [edge-1]}}\n"
    assert warnings(compiled({"shop/compose.yaml": pinned, "hosts/a.yaml": HOSTS})) == []
    overlay = text + "networks: {default: {driver: overlay, attachable: true}}\n"
    assert warnings(compiled({"shop/compose.yaml": overlay, "hosts/a.yaml": HOSTS})) == []


def test_a_circle_of_apps_is_shown_as_one():
    def app(name, *wanted):
        return (
            f"name: {name}\nservices: {{a: {{image: x}}}}\nx-gitops: {{depends_on: [{', '.join(wanted)}]}}\n"
        )

    desired = compiled(
        {
            "a/compose.yaml": app("a", "b"),
            "b/compose.yaml": app("b", "c"),
            "c/compose.yaml": app("c", "a"),
            "d/compose.yaml": app("d", "a"),
        }
    )
    assert errors(desired)[0] == (
        "a/compose.yaml:3:25: x-gitops.depends_on: default/a -> default/b -> default/c -> default/a is a circle; "
        "remove one of the edges"
    )
    assert [str(key) for key in desired.invalid_apps] == ["default/a", "default/b", "default/c"]
    assert keys(desired) == ["default/d"]


def test_a_circle_of_services_is_shown_with_its_place():
    text = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n"
    found, _ = problems_of(text)
    assert any(
        error.startswith("shop/compose.yaml:4:") and "depend on each other: a -> b -> c -> a" in error
        for error in found
    ), found


def test_an_app_that_depends_on_itself_is_a_circle():
    found, _ = problems_of(SERVICE + "x-gitops: {depends_on: [shop]}\n")
    assert any("default/shop -> default/shop is a circle" in error for error in found)


def test_an_app_may_depend_on_one_that_is_broken():
    desired = compiled(
        {
            "a/compose.yaml": SERVICE + "x-gitops: {depends_on: [b]}\n",
            "b/compose.yaml": SERVICE + "x-gitops: {rolback: auto}\n",
        }
    )
    assert keys(desired) == ["default/a"]


def test_an_unknown_app_gets_a_suggestion():
    desired = compiled(
        {"postgres/compose.yaml": SERVICE, "b/compose.yaml": SERVICE + "x-gitops: {depends_on: [postgers]}\n"}
    )
    assert any(
        "there is no app default/postgers; did you mean default/postgres?" in error
        for error in errors(desired)
    )


def test_hosts_that_could_not_be_read_are_not_called_unknown():
    desired = compiled(
        {
            "a/compose.yaml": SERVICE + "x-gitops: {placement: {hosts: [edge-1]}}\n",
            "hosts/a.yaml": "kind: Host\n",
        }
    )
    assert not desired.complete
    assert not any("is not declared" in error for error in errors(desired))


def test_a_rollout_that_could_never_move_is_an_error():
    found, _ = problems_of(SERVICE + "x-gitops: {rollout: {max_surge: 0, max_unavailable: 0}}\n")
    assert any("no container can be replaced" in error for error in found)


def test_a_monitor_that_outlasts_the_deadline_is_an_error_with_both_numbers():
    found, _ = problems_of(f"{SERVICE}    deploy: {{update_config: {{monitor: 10m}}}}\n")
    assert any("monitor: 600s can never pass" in error and "after 300s" in error for error in found)
    short = "x-gitops: {rollout: {progress_deadline: 20s}}\n"
    found, _ = problems_of(f"{SERVICE}    deploy: {{update_config: {{monitor: 30s}}}}\n{short}")
    assert any("x-gitops.rollout.progress_deadline gives up after 20s" in error for error in found)


def test_a_failure_ratio_lies_between_nothing_and_all():
    found, _ = problems_of(f"{SERVICE}    deploy: {{update_config: {{max_failure_ratio: 30}}}}\n")
    assert any("max_failure_ratio: must lie between 0 and 1, is 30" in error for error in found)


@pytest.mark.parametrize("line", ["provider: {type: x}", "models: [a]", "use_api_socket: true"])
def test_what_cannot_come_from_git_is_not_called_mistyped(line):
    found, _ = problems_of(f"{SERVICE}    {line}\n")
    assert any("cannot be reconciled from Git: it" in error for error in found)


def test_while_a_file_is_unreadable_no_app_is_called_missing():
    wanting = SERVICE + "x-gitops: {depends_on: [db]}\n"
    desired = compiled({"a/compose.yaml": wanting, "b/compose.yaml": "name: db\nservices: [\n"})
    assert keys(desired) == ["default/a"]


def test_only_a_key_of_a_service_gets_the_reason_of_that_key():
    found, _ = problems_of("provider: {name: x}\nservices: {api: {image: x, provider: {type: x}}}\n")
    assert any("1:1: provider: unknown key" in error for error in found)
    assert any("services.api.provider: cannot be reconciled from Git" in error for error in found)


@pytest.mark.parametrize(
    ("check", "warning"),
    [
        ("{test: [CMD, x], interval: 30s, timeout: 30s, retries: 10}", ""),
        ("{test: [CMD, x]}", ""),
        ("{test: [CMD, x], interval: 6m}", "the first check comes after 360s"),
        ("{test: [CMD, x], start_period: 10m}", "lets a container take 780s"),
        ("{test: [CMD, x], retries: 11}", "lets a container take 660s"),
    ],
)
def test_a_healthcheck_warns_only_where_the_deadline_may_come_too_early(check, warning):
    found, noted = problems_of(f"{SERVICE}    healthcheck: {check}\n")
    assert found == []
    assert [warning in each for each in noted] == ([True] if warning else [])


def test_an_overlay_that_no_container_can_join_is_an_error():
    text = f"{SERVICE}    networks: [n]\nnetworks: {{n: {{driver: overlay%s}}}}\n"
    found, _ = problems_of(text % "")
    assert [error.partition(": ")[2] for error in found] == [
        "networks.n: no container can join an overlay without attachable: true; add it"
    ]
    assert problems_of(text % ", attachable: true") == ([], [])


def test_an_app_without_an_active_service_warns():
    _, noted = problems_of("services:\n  a: {image: x, profiles: [tools]}\n  b: {image: x, profiles: [x]}\n")
    assert noted == [
        (
            "shop/compose.yaml:1:1: warning: services: none is active, so nothing runs: a and b wait for a profile; name one "
            "in COMPOSE_PROFILES in .env beside the Compose file, or remove profiles"
        )
    ]
    assert problems_of("services:\n  a: {image: x, profiles: [tools]}\n  b: {image: x}\n") == ([], [])


@pytest.mark.parametrize("deploy", ["mode: global, ", ""])
def test_a_service_that_no_host_may_run_warns(deploy):
    def noted(constraint: str) -> list[str]:
        text = f"services:\n  api: {{image: x, deploy: {{{deploy}placement: {{constraints: ['{constraint}']}}}}}}\n"
        return warnings(compiled({"shop/compose.yaml": text, "hosts/a.yaml": HOSTS}))

    assert noted("node.role == worker") == [
        (
            "shop/compose.yaml:2:3: warning: services.api: no host meets node.role == worker, so it runs nowhere; change the "
            "constraints, or the labels of a host"
        )
    ]
    assert noted("node.labels.zone == eu") == []


@pytest.mark.parametrize("name", ["x", "a b", "-web", "web!", "wéb"])
def test_a_container_name_that_no_engine_takes_is_an_error(name):
    (problem,), _ = problems_of(f"services: {{api: {{image: x, container_name: '{name}'}}}}")
    assert f'no Engine takes the name "{name}"' in str(problem)


@pytest.mark.parametrize("name", ["web", "5m", "My_web.1-a", "/web"])
def test_a_container_name_that_engines_take_is_none(name):
    assert problems_of(f"services: {{api: {{image: x, container_name: '{name}'}}}}")[0] == []


@pytest.mark.parametrize("line", ["deploy: {replicas: 1001}", "scale: 100000000"])
def test_a_number_of_replicas_that_must_be_a_slip_is_a_mistake(line):
    found, _ = problems_of(f"{SERVICE}    {line}\n")
    assert len(found) == 1
    assert found[0].startswith("shop/compose.yaml:4:")
    assert "at most 1000 replicas of a service are run" in found[0]


@pytest.mark.parametrize(
    ("volumes", "key", "said"),
    [
        ("data: {}", "daat", "there is no volume daat that a service uses; did you mean data?"),
        ("data: {}, old: {}", "old", "there is no volume old that a service uses"),
        (
            "data: {external: true}",
            "data",
            "an external volume is not ours, and never replaced; remove the line",
        ),
    ],
)
def test_a_consent_that_no_volume_can_use_warns(volumes, key, said):
    text = f"{SERVICE}    volumes: ['data:/data']\nvolumes: {{{volumes}}}\n"
    found, noted = problems_of(
        text + f"x-gitops: {{replace_volumes: {{{key}: [removes-data-3f9a1c2b4d5e]}}}}\n"
    )
    assert not found
    (line,) = (each for each in noted if "replace_volumes" in each)
    assert line.startswith("shop/compose.yaml:6:")
    assert said in line


def test_a_consent_for_a_volume_that_a_service_uses_warns_of_nothing():
    text = f"{SERVICE}    volumes: ['data:/data']\nvolumes: {{data: {{}}}}\n"
    assert problems_of(text + "x-gitops: {replace_volumes: {data: [removes-data-3f9a1c2b4d5e]}}\n") == (
        [],
        [],
    )
