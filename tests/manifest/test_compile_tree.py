from manifest.compile_world import app_of, compiled, errors, key, keys, tree_of

from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_one, compile_tree, render_tree, validate_tree

SERVICE = "services: {api: {image: x}}\n"


def digest_of(text, **others):
    return app_of(text, **others).digest


def test_an_apps_name_is_its_files_else_its_directorys_else_the_repositorys():
    desired = compiled(
        {
            "compose.yaml": SERVICE,
            "Apps/Shop/compose.yaml": SERVICE,
            "x/compose.yaml": "name: given\n" + SERVICE,
        },
        name="Infra.Repo",
    )
    assert keys(desired) == ["default/given", "default/infrarepo", "default/shop"]


def test_the_name_may_come_from_a_committed_variable():
    desired = compiled({"a/compose.yaml": "name: shop-${STAGE}\n" + SERVICE, "a/.env": "STAGE=prod\n"})
    assert keys(desired) == ["default/shop-prod"]


def test_the_fleets_variables_give_way_to_env_files_and_those_to_the_environments():
    fleet = "apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {variables: {A: fleet, B: fleet, C: fleet}}\n"
    files = {
        "gitops.yaml": fleet,
        "a/compose.yaml": "services: {api: {image: 'x:${A}-${B}-${C}'}}\n",
        "a/.env": "B=env\nC=env\n",
        "a/.env.prod": "C=prod\n",
    }
    assert compiled(files, environment="prod").apps[0].services[0].image == "x:fleet-env-prod"
    assert compiled(files).apps[0].services[0].image == "x:fleet-env-env"


def test_the_controllers_own_environment_is_never_read(monkeypatch):
    monkeypatch.setenv("TAG", "leaked")
    assert app_of("services: {api: {image: 'x:${TAG:-1}'}}\n").services[0].image == "x:1"


def test_the_environments_overlay_is_merged_and_overrides_are_not():
    files = {
        "a/compose.yaml": "services: {api: {image: 'x:1'}}\n",
        "a/compose.prod.yaml": "services: {api: {image: 'x:2'}}\n",
        "a/compose.override.yaml": "services: {api: {image: 'x:3'}}\n",
    }
    assert compiled(files, environment="prod").apps[0].services[0].image == "x:2"
    assert compiled(files).apps[0].services[0].image == "x:1"


def test_a_file_that_another_app_includes_or_extends_is_no_app():
    desired = compiled(
        {
            "a/compose.yaml": "include: [../b/compose.yaml]\n" + SERVICE,
            "b/compose.yaml": "services: {db: {image: y}}\n",
            "c/compose.yaml": "services: {web: {extends: {file: ../d/compose.yaml, service: base}}}\n",
            "d/compose.yaml": "services: {base: {image: z}}\n",
        }
    )
    assert keys(desired) == ["default/a", "default/c"]
    assert [service.name for service in desired.apps[0].services] == ["api", "db"]


def test_files_that_include_each_other_are_errors_and_do_not_vanish():
    desired = compiled(
        {
            "a/compose.yaml": "include: [../b/compose.yaml]\n" + SERVICE,
            "b/compose.yaml": "include: [../a/compose.yaml]\nservices: {db: {image: y}}\n",
        }
    )
    assert errors(desired)
    assert {str(app) for app in desired.invalid_apps} == {"default/a", "default/b"}


def test_a_file_that_does_not_parse_leaves_its_apps_name_unknown_and_the_others_alone():
    desired = compiled({"a/compose.yaml": "services: [", "b/compose.yaml": SERVICE})
    assert desired.invalid_paths == ("a/compose.yaml",)
    assert keys(desired) == ["default/b"]
    assert desired.complete


def test_an_overlay_that_does_not_parse_leaves_the_apps_name_unknown_too():
    files = {"a/compose.yaml": SERVICE, "a/compose.prod.yaml": "name: ["}
    assert compiled(files, environment="prod").invalid_paths == ("a/compose.yaml",)


def test_a_name_that_cannot_be_made_out_is_not_replaced_by_a_guess():
    desired = compiled({"a/compose.yaml": "name: ${STAGE:?say which}\n" + SERVICE})
    assert desired.invalid_paths == ("a/compose.yaml",)
    assert desired.invalid_apps == ()


def test_a_mistake_elsewhere_in_the_file_leaves_the_name_known():
    desired = compiled({"a/compose.yaml": "services: {api: {image: x, enviroment: {}}}\n"})
    assert [str(app) for app in desired.invalid_apps] == ["default/a"]
    assert desired.invalid_paths == ()
    assert any(
        "services.api.enviroment: unknown key; did you mean environment?" in error
        for error in errors(desired)
    )


def test_compose_and_our_own_mistakes_of_all_files_come_in_one_go():
    desired = compiled(
        {
            "a/compose.yaml": "services: {api: {imag: x, build: .}}\nx-gitops: {rolback: auto}\n",
            "b/compose.yaml": SERVICE + "x-gitops: {placement: {hosts: [nowhere]}}\n",
        }
    )
    found = "\n".join(errors(desired))
    for expected in ("services.api.imag", "services.api.build", "x-gitops.rolback", "host nowhere"):
        assert expected in found


def test_a_tree_without_apps_is_a_value():
    desired = compiled({"README.md": "nothing here"})
    assert (desired.apps, desired.problems, desired.complete) == ((), (), True)


def test_problems_are_in_the_order_of_files_and_lines_and_none_is_said_twice():
    desired = compiled({"b/compose.yaml": "services: {api: {}}\n", "a/compose.yaml": "x: [\n"})
    places = [problem.position for problem in desired.problems]
    assert places == sorted(places)
    assert len(set(desired.problems)) == len(desired.problems)


def test_the_digest_ignores_order_form_comments_commit_place_and_root():
    base = digest_of("services: {api: {image: x, ports: ['80:80'], environment: {A: '1', B: '2'}}}\n")
    assert (
        digest_of(
            """
            # the same
            services:
              api:
                environment: [B=2, A=1]
                ports: [{target: 80, published: "80", protocol: tcp, mode: ingress}]
                image: x
            """
        )
        == base
    )
    text = "name: shop\nservices: {api: {image: x, volumes: ['./a:/a:ro', './d:/d']}}\n"
    here = compiled({"shop/compose.yaml": text, "shop/a": "1"}).apps[0].digest
    assert compiled({"moved/compose.yaml": text, "moved/a": "1"}).apps[0].digest == here
    assert compiled({"shop/compose.yaml": text, "shop/a": "1"}, root="/home/me/repo").apps[0].digest == here


def test_the_digest_follows_all_that_the_app_resolves_to():
    base = digest_of("services: {api: {image: x}}\n")
    for changed in (
        "services: {api: {image: y}}\n",
        "services: {api: {image: x, environment: {A: b}}}\n",
        "services: {api: {image: x, deploy: {replicas: 2}}}\n",
        "services: {api: {image: x, x-gitops: {stateful: true}}}\n",
        "services: {api: {image: x}}\nx-gitops: {move: without-data}\n",
        "services: {api: {image: x}}\nnetworks: {default: {driver_opts: {a: b}}}\n",
        "name: other\nservices: {api: {image: x}}\n",
    ):
        assert digest_of(changed) != base, changed


def test_a_one_line_commit_compiles_one_file():
    files = {f"a{number}/compose.yaml": SERVICE for number in range(20)}
    cache = ManifestCache()
    before = compiled(files, cache=cache)
    assert cache.misses == 20
    after = compiled({**files, "a7/compose.yaml": "services: {api: {image: y}}\n"}, cache=cache)
    assert cache.misses == 21
    changed = [
        new.key.name for old, new in zip(before.apps, after.apps, strict=True) if old.digest != new.digest
    ]
    assert changed == ["a7"]


def test_the_cache_sees_every_input_of_a_file():
    text = "services: {api: {image: 'x:${TAG:-1}', env_file: [{path: e.env, required: false}], volumes: ['./c:/c:ro']}}\n"
    files = {"a/compose.yaml": text, "a/c/one": "1"}
    cache = ManifestCache()
    digests = {compiled(files, cache=cache).apps[0].digest}
    for path, content in {
        "a/.env": "TAG=2\n",
        "a/e.env": "A=1\n",
        "a/c/one": "2",
        "a/c/two": "",
        "gitops.yaml": "apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {defaults: {rollback: off}}\n",
    }.items():
        files[path] = content
        digests.add(compiled(files, cache=cache).apps[0].digest)
    assert len(digests) == 6
    assert compiled(files, cache=cache, modes={"a/c/one": 0o755}).apps[0].digest not in digests
    misses = cache.misses
    assert compiled(files, cache=cache).apps[0].digest in digests
    assert cache.misses == misses


def test_a_changed_host_document_is_seen_through_the_cache():
    cache = ManifestCache()
    host = "apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {name: a}\nspec: {url: 'sim://a'}\n"
    assert [h.name for h in compiled({"hosts/a.yaml": host}, cache=cache).hosts] == ["a"]
    assert [h.name for h in compiled({"hosts/a.yaml": host.replace("a}", "b}")}, cache=cache).hosts] == ["b"]


def test_one_app_of_an_older_commit_can_be_had_by_its_key_wherever_its_file_was():
    tree = tree_of({"old/place/compose.yaml": "name: shop\n" + SERVICE, "x/compose.yaml": SERVICE})
    found = compile_one(tree, key("default/shop"), environment=None, path="shop/compose.yaml")
    assert found is not None
    assert found.path == "old/place/compose.yaml"
    assert compile_one(tree, key("default/x"), environment=None, path="x/compose.yaml") is not None
    assert compile_one(tree, key("default/none"), environment=None) is None


def test_an_app_with_a_mistake_in_that_commit_is_not_had():
    tree = tree_of({"shop/compose.yaml": "services: {api: {imag: x}}\n"})
    assert compile_one(tree, key("default/shop"), environment=None) is None


def test_one_app_is_the_same_by_itself_and_in_its_tree():
    tree = tree_of({"shop/compose.yaml": SERVICE, "b/compose.yaml": SERVICE})
    whole = compile_tree(tree, environment=None)
    assert compile_one(tree, key("default/shop"), environment=None) == whole.apps[1]


def test_validate_says_what_compile_says():
    tree = tree_of({"shop/compose.yaml": "services: {api: {build: .}}\n"})
    assert validate_tree(tree) == compile_tree(tree, environment=None).problems


def test_render_shows_composes_verdict_and_paths_below_the_root():
    tree = tree_of(
        {
            "shop/compose.yaml": "services: {api: {build: ., volumes: ['./x:/x']}}\nx-gitops: {namespace: team}\n",
            "bad/compose.yaml": "services: {api: {image: 3}}\n",
        },
        root="/srv/repo",
    )
    rendered, problems = render_tree(tree)
    assert list(rendered["apps"]) == ["team/shop"]
    service = rendered["apps"]["team/shop"]["services"]["api"]
    assert service["build"]["context"] == "/srv/repo/shop"
    assert service["volumes"][0]["source"] == "/srv/repo/shop/x"
    assert [problem.position.path for problem in problems] == ["bad/compose.yaml"]


def test_no_message_shows_a_path_that_only_the_compiler_knows():
    desired = compiled(
        {"a/compose.yaml": "include: [../../x.yaml]\nservices: {api: {image: x, env_file: ../../../y.env}}\n"}
    )
    assert errors(desired)
    assert not any("gitops-orch-outside" in error or "/up/" in error for error in errors(desired))


def test_the_cache_has_a_limit(monkeypatch):
    monkeypatch.setattr("gitops_orch.manifest.cache.FILES_MAX", 2)
    cache = ManifestCache()
    files = {f"a{number}/compose.yaml": SERVICE for number in range(3)}
    compiled(files, cache=cache)
    compiled({"a2/compose.yaml": SERVICE}, cache=cache)
    assert cache.misses == 3
    compiled({"a0/compose.yaml": SERVICE}, cache=cache)
    assert cache.misses == 4


def test_render_leaves_out_files_that_others_include():
    tree = tree_of(
        {
            "a/compose.yaml": "include: [../b/compose.yaml]\n" + SERVICE,
            "b/compose.yaml": "services: {db: {image: y}}\n",
        }
    )
    rendered, problems = render_tree(tree)
    assert list(rendered["apps"]) == ["default/a"]
    assert problems == ()


def test_render_does_not_ask_for_hosts_but_for_variables():
    files = {"a/compose.yaml": SERVICE, "hosts/a.yaml": "kind: Host\n"}
    assert render_tree(tree_of(files))[1] == ()
    assert render_tree(tree_of({**files, "gitops.yaml": "kind: ["}))[1]


def test_the_cache_forgets_settings_that_were_long_ago():
    cache = ManifestCache()
    fleet = "apiVersion: gitops-orch/v1\nkind: Fleet\nspec: {{variables: {{A: '{}'}}}}\n"
    for value in (1, 2, 3, 4, 2):
        compiled({"a/compose.yaml": SERVICE, "gitops.yaml": fleet.format(value)}, cache=cache)
    assert cache.misses == 4
    compiled({"a/compose.yaml": SERVICE, "gitops.yaml": fleet.format(1)}, cache=cache)
    assert cache.misses == 5


def test_the_cache_sees_that_a_single_file_became_executable():
    text = "services: {api: {image: x, configs: [run]}}\nconfigs: {run: {file: ./run}}\n"
    files = {"a/compose.yaml": text, "a/run": "#!/bin/sh\n"}
    cache = ManifestCache()
    plain = compiled(files, cache=cache).apps[0].digest
    assert compiled(files, cache=cache, modes={"a/run": 0o755}).apps[0].digest != plain
