"""What is in the repository is never silently absent: it is read, or it is said why not and where."""

import pytest

from gitops_orch.manifest.compile import validate_tree
from gitops_orch.model.problem import Severity
from tests.manifest.compile_world import HOSTS, app_of, compiled, errors, keys, tree_of, warnings

WEB = "services: {api: {image: x}}\n"
SOPS_YAML = "key: ENC[AES256_GCM,data:abc,iv:x,tag:y,type:str]\nsops:\n    version: 3.9.0\n"
SOPS_ENV = "PASSWORD=ENC[AES256_GCM,data:abc,iv:x,tag:y,type:str]\nsops_version=3.9.0\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
DISGUISES = [
    (SOPS_YAML, "encrypted by SOPS"),
    (SOPS_ENV, "encrypted by SOPS"),
    ('{"a": "ENC[AES256_GCM,data:a]",\n"sops": {"mac": ""}}', "encrypted by SOPS"),
    ("$ANSIBLE_VAULT;1.1;AES256\n6161\n", "encrypted by ansible-vault"),
    (b"\0GITCRYPT\0\x01\x02", "encrypted by git-crypt"),
    (LFS, "pointer of Git LFS"),
    ("-----BEGIN AGE ENCRYPTED FILE-----\nx\n", "encrypted by age"),
]


def notes(files: dict[str, str], **more: object) -> list[str]:
    found = validate_tree(tree_of(files, **more))
    return [str(problem) for problem in found if problem.severity is Severity.NOTE]


@pytest.mark.parametrize(("content", "says"), DISGUISES)
@pytest.mark.parametrize(
    ("use", "place"),
    [
        ("services: {api: {image: x, env_file: f}}", "shop/f"),
        ("services: {api: {image: x, label_file: f}}", "shop/f"),
        ("services: {api: {image: x, configs: [a]}}\nconfigs: {a: {file: ./f}}", "shop/compose.yaml:2:"),
        ("services: {api: {image: x, secrets: [a]}}\nsecrets: {a: {file: ./f}}", "shop/compose.yaml:2:"),
        ("services: {api: {image: x, volumes: ['./f:/f:ro']}}", "shop/compose.yaml:1:"),
        ("services: {api: {image: x, volumes: ['.:/f:ro']}}", "shop/compose.yaml:1:"),
        ("include: [f]\nservices: {api: {image: x}}", "shop/f"),
        ("services: {api: {image: x, extends: {file: f, service: a}}}", "shop/f"),
    ],
)
def test_a_file_that_is_not_what_it_stands_for_is_an_error_wherever_it_is_used(
    content: str | bytes, says: str, use: str, place: str
) -> None:
    found = errors(compiled({"shop/compose.yaml": use + "\n", "shop/f": content}))
    assert any(error.startswith(place) and says in error for error in found), found


@pytest.mark.parametrize(("content", "says"), DISGUISES)
@pytest.mark.parametrize("name", ["shop/.env", "shop/compose.yaml"])
def test_a_disguised_file_that_nobody_names_is_an_error_too(
    content: str | bytes, says: str, name: str
) -> None:
    found = errors(compiled({"shop/compose.yaml": WEB, name: content}))
    assert any(error.startswith(name) and says in error for error in found), found


def test_a_text_about_encryption_is_none() -> None:
    files = {"shop/readme": "sops: writes ENC[AES256_GCM,data:...] in the place of values\n"}
    app = app_of("services: {api: {image: x, volumes: ['./readme:/r:ro']}}", others=files)
    assert [mount.target for mount in app.services[0].files] == ["/r"]


@pytest.mark.parametrize("name", ["shop/.env", "shop/.env.prod"])
def test_a_file_of_variables_that_is_not_read_is_an_error_and_not_an_absence(name: str) -> None:
    why = "it is a symbolic link to /etc/env, outside of the repository"
    desired = compiled({"shop/compose.yaml": WEB}, environment="prod", refused={name: why})
    assert errors(desired) == [f"{name}: is not read: {why}"]


@pytest.mark.parametrize(
    "use",
    [
        "services: {api: {image: x, env_file: sub/x.env}}",
        "services: {api: {image: x, volumes: ['./sub/x:/x:ro']}}",
        "services: {api: {image: x, volumes: ['./sub/x:/x']}}",
        "services: {api: {image: x, configs: [a]}}\nconfigs: {a: {file: sub/x}}",
        "include: [sub/compose.yaml]",
    ],
)
def test_what_lies_in_a_submodule_is_named_as_such(use: str) -> None:
    found = errors(compiled({"shop/compose.yaml": use}, refused={"shop/sub": "a submodule is not fetched"}))
    assert any("a submodule is not fetched" in error for error in found), found


def test_compose_file_in_env_names_the_files_that_are_merged() -> None:
    files = {
        "shop/.env": "COMPOSE_FILE=compose.yaml:compose.prod.yaml\nCOMPOSE_PROJECT_NAME=myshop\n",
        "shop/compose.prod.yaml": "services: {api: {restart: always}}\n",
    }
    app = app_of(WEB, others=files)
    assert app.key.name == "myshop"
    assert app.service("api").compose["restart"] == "always"


def test_compose_file_may_have_another_separator_and_leave_out_the_usual_file() -> None:
    files = {
        "shop/.env": "COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=a.yml;../common/b.yml\n",
        "shop/a.yml": "services: {api: {image: a}}\n",
        "common/b.yml": "services: {api: {user: '7'}}\n",
    }
    service = app_of("services: {other: {image: x}}\n", others=files).service("api")
    assert (service.image, service.compose["user"]) == ("a", "7")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("compose.yaml:none.yaml", "shop/none.yaml is not in the repository"),
        ("../../x.yaml", "outside of the repository"),
        ("/etc/compose.yaml", "outside of the repository"),
        ("compose.yaml::x", "empty path"),
        ("-", "standard input"),
        ("../common/b.yml:compose.yaml", "begins with common/b.yml, which is not in shop"),
    ],
)
def test_a_compose_file_that_cannot_be_followed_is_an_error_at_its_line(value: str, says: str) -> None:
    files = {"shop/compose.yaml": WEB, "shop/.env": f"A=1\nCOMPOSE_FILE={value}\n", "common/b.yml": WEB}
    (error,) = errors(compiled(files))
    assert error.startswith("shop/.env:2:1: COMPOSE_FILE: ")
    assert says in error


@pytest.mark.parametrize(
    "line", ["COMPOSE_ENV_FILES=a.env", "DOCKER_HOST=tcp://x:1", "COMPOSE_CONVERT_WINDOWS_PATHS=1"]
)
def test_a_variable_for_the_command_line_alone_is_warned_of(line: str) -> None:
    desired = compiled({"shop/compose.yaml": WEB, "shop/.env": f"\n{line}\n"})
    (warning,) = warnings(desired)
    assert warning.startswith(f"shop/.env:2:1: warning: {line.partition('=')[0]} has no effect here")


@pytest.mark.parametrize("name", ["compose.override.yaml", "docker-compose.override.yml"])
def test_an_override_beside_the_file_is_noted(name: str) -> None:
    (note,) = notes({"shop/compose.yaml": WEB, f"shop/{name}": WEB})
    assert note.startswith(f"shop/{name}: note: is not read")
    files = {
        "shop/compose.yaml": WEB,
        f"shop/{name}": WEB,
        "shop/.env": f"COMPOSE_FILE=compose.yaml:{name}\n",
    }
    assert notes(files) == []


@pytest.mark.parametrize(
    "path",
    [
        "shop/Compose.yaml",
        "shop/compose.YML",
        "shop/stack.yml",
        "shop/podman-compose.yaml",
        "shop/docker-compose.prod.yml",
        ".hidden/compose.yaml",
        "_old/shop/docker-compose.yml",
    ],
)
def test_what_looks_like_an_app_and_is_none_is_noted(path: str) -> None:
    (note,) = notes({path: WEB, "web/compose.yaml": WEB})
    assert note.startswith(f"{path}: note: is no app: ")


@pytest.mark.parametrize("path", ["web/compose.prod.yaml", "web/values.yaml", "docs/ci.yml", "_lib/db.yml"])
def test_other_files_are_not_noted(path: str) -> None:
    assert notes({path: WEB, "web/compose.yaml": WEB}) == []


def test_a_fragment_that_an_app_includes_is_not_noted() -> None:
    files = {
        "_lib/compose.yaml": "services: {b: {image: x}}\n",
        "web/compose.yaml": "include: [../_lib/compose.yaml]\n",
    }
    assert notes(files) == []


def test_an_app_in_a_linked_directory_is_found_where_it_lies() -> None:
    tree = tree_of({"a/compose.yaml": WEB, "b/compose.yaml": WEB})
    linked = type(tree)(
        commit=tree.commit,
        files=tree.files,
        read=tree.read,
        refused={},
        linked_directories=frozenset({"b"}),
        name="repo",
    )
    found = validate_tree(linked)
    assert [(each.position.path, each.severity) for each in found] == [("b/compose.yaml", Severity.NOTE)]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ({".gitops-ignore": "a/\n"}, ["default/b"]),
        ({".gitops-ignore": "# all\n*\n!b/\n!b/**\n"}, ["default/b"]),
        ({"a/.gitops-ignore": "compose.yaml\n"}, ["default/b"]),
        ({".gitops-ignore": "compose.yaml\n", "b/.gitops-ignore": "!compose.yaml\n"}, ["default/b"]),
        ({".gitops-ignore": "/compose.yaml\nb/a\n"}, ["default/a", "default/b"]),
    ],
)
def test_what_gitops_ignore_names_is_no_app(ignore: dict[str, str], left: list[str]) -> None:
    desired = compiled({"a/compose.yaml": WEB, "b/compose.yaml": WEB, **ignore})
    assert errors(desired) == []
    assert keys(desired) == left


def test_a_directory_that_is_left_out_is_still_read_by_others() -> None:
    files = {
        ".gitops-ignore": "lib\n",
        "lib/compose.yaml": "services: {b: {image: y}}\n",
        "web/compose.yaml": "include: [../lib/compose.yaml]\n",
    }
    (app,) = compiled(files).apps
    assert [service.name for service in app.services] == ["b"]


def test_an_app_that_is_left_out_is_known_by_the_pattern_that_does_so() -> None:
    desired = compiled(
        {".gitops-ignore": "\nshop\n", "x/shop/compose.yaml": "name: other\n" + WEB, "w/compose.yaml": WEB}
    )
    assert {str(key): place for key, place in desired.left_out.items()} == {
        "default/other": ".gitops-ignore:2"
    }


@pytest.mark.parametrize(
    "content", [b"\xff", "a*b*c*d*e*f*g\n", "x" * 300, "a\n" * 2000], ids=["binary", "stars", "long", "many"]
)
def test_an_ignore_file_that_cannot_be_read_stops_everything(content: str | bytes) -> None:
    desired = compiled({"hosts/a.yaml": HOSTS, ".gitops-ignore": content, "a/compose.yaml": WEB})
    assert not desired.complete
    assert errors(desired)[0].startswith(".gitops-ignore")


@pytest.mark.parametrize(
    ("volume", "says"),
    [
        ("d:/data", "Windows path"),
        ("C:\\data", "Windows path"),
        ("data:data", "absolute path in the container"),
        ("./x:relative/x", "absolute path in the container"),
    ],
)
def test_a_mount_whose_target_is_no_absolute_path_is_an_error(volume: str, says: str) -> None:
    text = f"services:\n  api:\n    image: x\n    volumes: ['{volume}']\nvolumes: {{d: , data: }}\n"
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert error.startswith("shop/compose.yaml:4:15: services.api.volumes[0]: ")
    assert says in error


@pytest.mark.parametrize(
    "volume", ["C:/data:/data", "d:\\\\media:/m", "{type: bind, source: 'E:/m', target: /m}"]
)
def test_a_mount_from_a_windows_path_is_an_error(volume: str) -> None:
    shown = volume if volume.startswith("{") else f'"{volume}"'
    text = f"services:\n  api:\n    image: x\n    volumes: [{shown}]\n"
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert error.startswith("shop/compose.yaml:4:15: services.api.volumes[0]: the source ")
    assert "is a Windows path; write one of the host" in error


def test_a_tmpfs_at_no_absolute_path_is_an_error() -> None:
    (error,) = errors(compiled({"shop/compose.yaml": "services: {api: {image: x, tmpfs: [run]}}"}))
    assert "services.api.tmpfs[0]" in error


@pytest.mark.parametrize("volume", ["./app.conf:/etc/app.conf", "./conf/site.yml:/x.yml"])
def test_a_mounted_file_that_is_not_in_git_is_warned_of(volume: str) -> None:
    desired = compiled({"shop/compose.yaml": f"services: {{api: {{image: x, volumes: ['{volume}']}}}}"})
    assert any("becomes an empty directory" in warning for warning in warnings(desired))


@pytest.mark.parametrize("volume", ["./data:/data", "./conf.d:/etc/conf.d", "./v1.2:/srv"])
def test_a_directory_of_data_is_not_warned_of(volume: str) -> None:
    desired = compiled({"shop/compose.yaml": f"services: {{api: {{image: x, volumes: ['{volume}']}}}}"})
    assert not any("becomes an empty directory" in warning for warning in warnings(desired))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('services:\n  api:\n    image: x\n    user: "a\\0b"\n', "4:5: services.api.user"),
        ('services:\n  api:\n    image: x\n    command: [a, "\\x00"]\n', "4:18: services.api.command[1]"),
        (
            'services:\n  api:\n    image: x\n    environment: {A: "\\u0000"}\n',
            "4:19: services.api.environment.A",
        ),
    ],
)
def test_a_nul_in_a_value_is_an_error_at_its_place(text: str, place: str) -> None:
    found = errors(compiled({"shop/compose.yaml": text}))
    assert any(f"shop/compose.yaml:{place}: holds a NUL" in error for error in found), found


def test_a_nul_from_a_file_of_variables_is_an_error() -> None:
    text = "services: {api: {image: x, env_file: x.env}}\n"
    found = errors(compiled({"shop/compose.yaml": text, "shop/x.env": "A=a\0b\n"}))
    assert any("services.api.environment.A" in error and "NUL" in error for error in found), found
