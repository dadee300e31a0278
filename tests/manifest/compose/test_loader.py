"""What a load tells besides the model: names, files, variables, places and words."""

import pytest
from compose_judge import errors, load, service, warnings

from gitops_orch.errors import SourceUnavailable
from gitops_orch.manifest.compose.loader import ComposeRequest, load_compose, printed
from gitops_orch.model.tree import Tree, TreeFile

ONE = "services: {a: {image: i}}\n"


def test_an_unknown_key_gets_its_place_and_a_suggestion():
    loaded = load(
        {"shop/compose.yaml": "services:\n  api:\n    image: i\n    enviroment: {}\n"}, "shop/compose.yaml"
    )
    assert errors(loaded) == [
        "shop/compose.yaml:4:5: services.api.enviroment: unknown key; did you mean environment?"
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("image: 5", "services.a.image: must be text, is the number 5; quote it"),
        ("ports: 80", "services.a.ports: must be a list, is the number 80"),
        ("ports: [80:a]", "services.a.ports[0]: has the port 'a': '80:a'; write a number from 0 to 65535"),
        ("privileged: maybe", "services.a.privileged: must be true or false, is 'maybe'"),
        ("mem_limit: lots", "services.a.mem_limit: must be a size such as 512m or 2gb, is 'lots'"),
        ("stop_grace_period: '10'", "services.a.stop_grace_period: must be a duration such as 10s or 1m30s, is '10'"),
        ("cgroup: hots", 'services.a.cgroup: must be one of host, private, is the text "hots"; did you mean host?'),
        ("cap_add: [A, 5]", "services.a.cap_add[1]: must be text, is the number 5; quote it"),
        ("security_opt: [a, a]", 'services.a.security_opt[1]: the text "a" is in the list twice; remove one'),
        ("oom_score_adj: 5000", "services.a.oom_score_adj: must be at most 1000, is 5000"),
        ("networks: [fornt]", "services.a.networks.fornt: network fornt is not defined; did you mean front?"),
        ("depends_on: [bb]", "services.a.depends_on.bb: there is no service bb"),
        ("volumes: ['vol:/x']", "services.a.volumes[0]: volume vol is not defined; add it below the top-level volumes"),
        ("command: 'sh -c \"a'", "has a quote or a bracket that is not closed; close it, or write a list"),
        ("user: ${WHO:?say who}", "services.a.user: the required variable WHO is not set: say who"),
        ("user: ${WHO", "the closing } is missing on its line; write $$ for a dollar sign"),
        ("devices: [{target: /x}]", "services.a.devices[0]: source is missing"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_was_expected(line, sentence):
    if line.startswith("user: ${WHO") and not line.endswith("}"):
        line += "-x"
    text = f"services:\n  a:\n    image: j\n    {line}\nnetworks: {{front: }}\n".replace(
        "    image: j\n    image", "    image"
    )
    found = errors(load(text))
    assert len(found) == 1
    assert found[0].startswith("compose.yaml:")
    assert sentence in found[0]


def test_all_mistakes_of_all_files_come_in_one_go():
    loaded = load(
        {
            "compose.yaml": "include: [more.yaml]\nservices:\n  a: {image: 5, foo: 1}\n  b: {extends: {file: base.yaml, service: c}}\n  d: {image: i, depends_on: [e]}\n",
            "more.yaml": "services:\n  m: {image: i, prots: []}\n",
            "base.yaml": "services:\n  c: {image: i, user: {}}\n",
        }
    )
    found = sorted(errors(loaded))
    assert [each.split(":")[0] for each in found] == ["base.yaml"] + ["compose.yaml"] * 3 + ["more.yaml"]
    assert "base.yaml:2:17: services.c.user" in found[0]


def test_a_mistake_in_an_overlay_points_into_the_overlay():
    loaded = load(
        {"compose.yaml": ONE, "compose.prod.yaml": "services:\n  a:\n    prts: []\n"}, environment="prod"
    )
    assert errors(loaded)[0].startswith("compose.prod.yaml:3:5: services.a.prts: unknown key; did you mean")


def test_a_broken_file_still_has_a_name():
    loaded = load({"shop/compose.yaml": "services: {a: {imag: i}}\n"}, "shop/compose.yaml")
    assert loaded.failed
    assert loaded.name == "shop"


def test_a_file_that_is_no_yaml_has_its_directorys_name():
    loaded = load({"shop/compose.yaml": "a: ["}, "shop/compose.yaml")
    assert loaded.failed
    assert loaded.name == "shop"


def test_the_name_is_the_files_else_the_default_else_the_directorys():
    assert load("name: own\n" + ONE, default_name="given").name == "own"
    assert load(ONE, default_name="given").name == "given"
    assert load({"My.Shop/compose.yaml": ONE}, "My.Shop/compose.yaml").name == "myshop"


def test_variables_come_from_the_fleet_then_env_then_the_environments_own():
    files = {
        "compose.yaml": "services: {a: {image: '${A}-${B}-${C}'}}\n",
        ".env": "B=env\nC=env\n",
        ".env.prod": "C=prod-$B\n",
    }
    fleet = {"A": "fleet", "B": "fleet", "C": "fleet"}
    assert load(files, variables=fleet).model["services"]["a"]["image"] == "fleet-env-env"
    in_prod = load(files, variables=fleet, environment="prod")
    assert in_prod.model["services"]["a"]["image"] == "fleet-env-prod-env"


def test_the_controllers_own_environment_is_never_read(monkeypatch):
    monkeypatch.setenv("WHO", "controller")
    loaded = load("services: {a: {image: 'i${WHO}', environment: [WHO]}}\n")
    assert loaded.model["services"]["a"]["image"] == "i"
    assert loaded.model["services"]["a"]["environment"] == {"WHO": None}


def test_variables_that_are_not_set_are_listed_with_their_places():
    loaded = load("services:\n  a:\n    image: ${TAG}\n    user: ${U:-u}\n")
    assert [(use.name, str(use.position)) for use in loaded.unset_variables] == [("TAG", "compose.yaml:3:5")]


def test_the_override_file_for_laptops_is_not_read():
    loaded = load({"compose.yaml": ONE, "compose.override.yaml": "services: {a: {image: laptop}}\n"})
    assert loaded.model["services"]["a"]["image"] == "i"
    assert loaded.inputs == ("compose.yaml",)


def test_the_overlay_of_a_docker_compose_file_has_its_stem():
    files = {"docker-compose.yml": ONE, "docker-compose.prod.yml": "services: {a: {image: j}}\n"}
    loaded = load(files, "docker-compose.yml", environment="prod")
    assert loaded.model["services"]["a"]["image"] == "j"


def test_what_was_read_and_what_was_missing_are_both_told():
    loaded = load(
        {
            "compose.yaml": "services: {a: {image: i, env_file: [{path: a.env}, {path: b.env, required: false}]}}\n",
            "a.env": "A=1\n",
        }
    )
    assert set(loaded.inputs) == {"compose.yaml", "a.env"}
    assert set(loaded.missing) == {".env", "b.env"}


def test_included_and_extended_files_are_no_apps_of_their_own():
    loaded = load(
        {
            "compose.yaml": "include: [x/compose.yaml]\nservices: {a: {extends: {file: y/compose.yaml, service: b}}}\n",
            "x/compose.yaml": "services: {x: {image: i}}\n",
            "y/compose.yaml": "services: {b: {image: i}}\n",
        }
    )
    assert not loaded.failed
    assert set(loaded.included) == {"x/compose.yaml", "y/compose.yaml"}


@pytest.mark.parametrize(
    "line",
    [
        "include: [../other.yaml]",
        "include: [/etc/compose.yaml]",
        "services: {a: {extends: {file: ../../x.yaml, service: s}}}",
        "services: {a: {image: i, env_file: ../../x.env}}",
        "services: {a: {image: i, label_file: /etc/x.labels}}",
        "services: {a: {image: i, env_file: ~/x.env}}",
    ],
)
def test_a_path_that_leaves_the_repository_is_an_error(line):
    found = errors(load(line + "\n"))
    assert len(found) >= 1
    assert any("outside of the repository" in each for each in found)


def test_a_symlink_is_refused_with_its_reason():
    loaded = load(
        {"compose.yaml": "services: {a: {image: i, env_file: x.env}}\n"}, refused={"x.env": "a symbolic link"}
    )
    assert "x.env is not read: a symbolic link" in errors(loaded)[0]


def test_an_absolute_bind_is_the_hosts_and_a_relative_one_is_the_repositorys():
    mounts = service("volumes: [/var/lib/x:/x, ./data:/data]")["volumes"]
    assert [mount["source"] for mount in mounts] == ["/var/lib/x", "/srv/proj/data"]


def test_paths_stand_below_the_root_of_the_file_system_where_the_tree_has_no_root():
    loaded = load(
        {"shop/compose.yaml": "services: {a: {image: i, volumes: ['./d:/d']}}\n"},
        "shop/compose.yaml",
        root="",
    )
    assert loaded.project_dir == "/shop"
    assert loaded.model["services"]["a"]["volumes"][0]["source"] == "/shop/d"


def test_a_tilde_does_not_depend_on_who_runs_the_controller(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert service("volumes: ['~/d:/d', '$HOME/e:/e']")["volumes"][0]["source"] == "/root/d"
    assert service("volumes: ['~/d:/d', '$HOME/e:/e']")["volumes"][1]["source"] == "/root/e"


def test_a_committed_home_comes_before_the_one_that_a_tilde_means():
    files = {
        "compose.yaml": "services: {a: {image: 'i$HOME', environment: [HOME, PATH]}}\n",
        ".env": "HOME=-own\n",
    }
    body = load(files).model["services"]["a"]
    assert (body["image"], body["environment"]) == ("i-own", {"HOME": "-own", "PATH": None})
    fleet = load("services: {a: {image: 'i$HOME'}}\n", variables={"HOME": "-fleet"})
    assert fleet.model["services"]["a"]["image"] == "i-fleet"


def test_dollar_signs_are_single_in_the_model_and_doubled_in_print():
    loaded = load("services: {a: {image: i, environment: {A: 'p$$w'}}}\n")
    assert loaded.model["services"]["a"]["environment"]["A"] == "p$w"
    assert printed(loaded.model)["services"]["a"]["environment"]["A"] == "p$$w"


def test_what_compose_has_no_words_for_is_handed_over_as_it_is():
    loaded = load(
        "x-gitops: {hold: {until: 2026-12-01T00:00:00Z}, placement: {hosts: []}}\nservices: {a: {image: i, x-gitops: {stateful: true}}}\n"
    )
    assert loaded.x_gitops == {"hold": {"until": "2026-12-01T00:00:00Z"}, "placement": {"hosts": []}}
    assert loaded.service_x_gitops == {"a": {"stateful": True}}
    assert "x-gitops" not in loaded.model["services"]["a"]


def test_the_content_of_secrets_and_configs_from_variables_is_handed_over_but_not_printed():
    loaded = load(
        {
            "compose.yaml": "services: {a: {image: i, secrets: [s], configs: [c]}}\nsecrets: {s: {environment: PW}}\nconfigs: {c: {environment: PW}}\n",
            ".env": "PW=hunter2\n",
        }
    )
    assert loaded.contents == {("secrets", "s"): "hunter2", ("configs", "c"): "hunter2"}
    assert "hunter2" not in str(loaded.model)


def test_resources_that_are_named_after_the_project_are_told_apart():
    loaded = load(
        "services: {a: {image: i, volumes: ['own:/o', 'imp:/i']}}\nvolumes: {own: {name: mine}, imp: }\n"
    )
    assert loaded.implicit_names == {("volumes", "imp"), ("networks", "default")}


def test_profiles_come_from_the_request_else_from_committed_variables():
    files = {
        "compose.yaml": "services: {a: {image: i, profiles: [p]}, b: {image: i}}\n",
        ".env": "COMPOSE_PROFILES=p\n",
    }
    assert set(load(files).model["services"]) == {"a", "b"}
    without = load(files, profiles=())
    assert set(without.model["services"]) == {"b"}
    assert without.disabled == ("a",)


def test_a_scalar_that_becomes_another_text_is_warned_of():
    loaded = load(
        "services:\n  a:\n    image: i\n    privileged: yes\n    environment: {M: 0644, V: 1.10, D: 2024-01-02, N: 5}\n"
    )
    found = warnings(loaded)
    assert [each.partition(" warning: ")[2] for each in found] == [
        "services.a.environment.M: 0644 becomes the text 420; quote it",
        "services.a.environment.V: 1.10 becomes the text 1.1; quote it",
        "services.a.environment.D: 2024-01-02 becomes the text 2024-01-02 00:00:00 +0000 UTC; quote it",
        "services.a.privileged: yes is no boolean of YAML 1.2; write true",
    ]
    assert not loaded.failed


def test_a_file_that_git_cannot_give_is_a_problem_and_no_exception():
    def refuse(_path: str) -> bytes:
        raise SourceUnavailable("the mirror is broken")

    tree = Tree(
        commit="",
        files={"compose.yaml": TreeFile(path="compose.yaml", blob="", mode=0o644, size_bytes=1)},
        read=refuse,
        refused={},
    )
    loaded = load_compose(ComposeRequest(tree=tree, path="compose.yaml"))
    assert "compose.yaml: cannot be read: the mirror is broken" in errors(loaded)[0]


def test_two_loads_of_one_file_are_equal_and_do_not_touch_each_other():
    files = {
        "compose.yaml": "services: {a: {extends: {file: b.yaml, service: b}}, c: {extends: {file: b.yaml, service: b}, user: u}}\n",
        "b.yaml": "services: {b: {image: i, environment: {A: 1}, ports: ['80:80']}}\n",
    }
    assert load(files).model == load(files).model
    both = load(files).model["services"]
    assert both["a"]["environment"] is not both["c"]["environment"]
