from manifest.compile_world import tree_of

from gitops_orch.manifest.repository.discover import default_app_name, discover


def found(*paths, **tree):
    return discover(tree_of(dict.fromkeys(paths, ""), **tree))


def test_each_directory_with_a_compose_file_is_an_app():
    assert found(
        "compose.yaml", "a/compose.yml", "b/c/docker-compose.yaml", "d/docker-compose.yml"
    ).compose == (
        "a/compose.yml",
        "b/c/docker-compose.yaml",
        "compose.yaml",
        "d/docker-compose.yml",
    )


def test_hidden_and_underscored_directories_hold_no_apps():
    assert (
        found(
            ".git/compose.yaml",
            ".ci/x/compose.yaml",
            "_old/compose.yaml",
            "a/_b/compose.yaml",
            "a/.b/compose.yaml",
        ).compose
        == ()
    )


def test_of_several_files_in_a_directory_composes_first_choice_counts_and_the_others_are_named():
    result = found("a/docker-compose.yml", "a/compose.yml", "a/docker-compose.yaml")
    assert result.compose == ("a/compose.yml",)
    assert [str(problem) for problem in result.problems] == [
        "a/docker-compose.yml: warning: is not read, because a/compose.yml is in the same directory",
        "a/docker-compose.yaml: warning: is not read, because a/compose.yml is in the same directory",
    ]


def test_overlays_overrides_and_other_yaml_files_are_no_apps():
    assert found("a/compose.prod.yaml", "a/compose.override.yaml", "a/values.yaml").compose == ()


def test_hosts_are_the_yaml_files_directly_in_hosts():
    result = found("hosts/a.yaml", "hosts/b.yml", "hosts/x/c.yaml", "hosts/README.md", "other/hosts/d.yaml")
    assert result.hosts == ("hosts/a.yaml", "hosts/b.yml")


def test_a_compose_file_that_is_a_symbolic_link_is_an_error_and_not_an_absence():
    result = found(refused={"a/compose.yaml": "it is a symbolic link", "docs/x": "it is a symbolic link"})
    assert result.unread == ("a/compose.yaml",)
    assert str(result.problems[0]) == "a/compose.yaml: is not read: it is a symbolic link"


def test_an_app_without_a_name_is_called_as_compose_would_call_its_directory():
    tree = tree_of({}, name="My.Repo")
    assert default_app_name("apps/My Shop!/compose.yaml", tree) == "myshop"
    assert default_app_name("_-x/compose.yaml", tree) == "x"
    assert default_app_name("compose.yaml", tree) == "myrepo"


def test_a_fleet_file_of_another_name_is_pointed_out():
    assert [str(problem) for problem in found("gitops.yml").problems] == [
        "gitops.yml: warning: is not read; name it gitops.yaml"
    ]
