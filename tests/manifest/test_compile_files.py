import pytest
from manifest.compile_world import app_of, compiled, errors, service_of

from gitops_orch.model.app import FileMount

SERVICE = "services:\n  api:\n    image: x\n"


def files_of(tail: str, others=None, **tree) -> tuple[FileMount, ...]:
    desired = compiled({"shop/compose.yaml": SERVICE + tail, **(others or {})}, **tree)
    assert not errors(desired), errors(desired)
    return desired.apps[0].service("api").files


def contents(mount: FileMount) -> dict[str, bytes]:
    return {entry.path: entry.content.reveal() for entry in mount.entries}


def mistakes(tail: str, others=None, **tree) -> list[str]:
    return errors(compiled({"shop/compose.yaml": SERVICE + tail, **(others or {})}, **tree))


def test_a_read_only_directory_from_git_is_mounted_whole_with_its_modes():
    (mount,) = files_of(
        "    volumes: ['./conf:/etc/conf:ro']\n",
        {
            "shop/conf/a.conf": "a\n",
            "shop/conf/bin/run": "b\n",
            "shop/config": "no\n",
            "shop/conf0/a": "no\n",
        },
        modes={"shop/conf/bin/run": 0o755},
    )
    assert (mount.target, mount.directory, mount.secret, mount.writable_path) == (
        "/etc/conf",
        True,
        False,
        None,
    )
    assert contents(mount) == {"a.conf": b"a\n", "bin/run": b"b\n"}
    assert [entry.mode for entry in mount.entries] == [0o644, 0o755]


def test_a_single_file_is_mounted_as_a_file():
    (mount,) = files_of(
        "    volumes: [{type: bind, source: ./a.conf, target: /etc/a.conf, read_only: true}]\n",
        {"shop/a.conf": "a\n"},
    )
    assert not mount.directory
    assert contents(mount) == {"": b"a\n"}


def test_what_comes_from_git_is_no_longer_in_the_composes_body():
    service = service_of(
        SERVICE
        + "    volumes: ['./a:/a:ro', '/srv:/srv:ro']\n    configs: [c]\nconfigs: {c: {content: hi}}\n",
        others={"shop/a": "a"},
    )
    assert [volume["source"] for volume in service.compose["volumes"]] == ["/srv"]
    assert "configs" not in service.compose


def test_a_writable_relative_bind_is_a_data_directory_seeded_from_git():
    (mount,) = files_of("    volumes: ['./data/db:/data']\n", {"shop/data/db/seed.sql": "create\n"})
    assert (mount.writable_path, mount.directory) == ("data/db", True)
    assert contents(mount) == {"seed.sql": b"create\n"}


def test_a_data_directory_need_not_be_in_git():
    (mount,) = files_of("    volumes: ['./data:/data']\n")
    assert (mount.writable_path, mount.entries, mount.directory) == ("data", (), True)


def test_the_data_directory_of_a_path_above_the_file_stays_in_the_apps_own():
    (mount,) = files_of("    volumes: ['../shared/x:/data']\n")
    assert mount.writable_path == "_up/shared/x"


def test_the_apps_whole_directory_can_be_mounted():
    (mount,) = files_of("    volumes: ['.:/src:ro']\n", {"shop/a/b": "c", "other/x": "y"})
    assert set(contents(mount)) == {"compose.yaml", "a/b"}


def test_a_read_only_path_that_is_not_in_git_is_an_error_with_its_place():
    assert mistakes("    volumes: ['./conf:/etc/conf:ro']\n") == [
        (
            "shop/compose.yaml:4:15: services.api.volumes[0]: shop/conf is not in Git, and nothing can write to it; "
            "add it or make it writable"
        )
    ]


@pytest.mark.parametrize("path", ["../../outside", "../../../../../../../etc"])
def test_a_relative_bind_that_leaves_the_repository_is_an_error_and_not_a_path_on_the_host(path):
    assert "leaves the repository" in mistakes(f"    volumes: ['{path}:/x:ro']\n")[0]


def test_a_symbolic_link_in_a_mounted_directory_is_an_error():
    found = mistakes(
        "    volumes: ['./conf:/conf:ro']\n",
        {"shop/conf/a": "a"},
        refused={"shop/conf/b": "it is a symbolic link"},
    )
    assert found == [
        "shop/compose.yaml:4:15: services.api.volumes[0]: shop/conf/b is not read: it is a symbolic link"
    ]


def test_configs_honour_owner_mode_and_target():
    (short, long) = files_of(
        """    configs:
      - plain
      - {source: long, target: etc/long.conf, uid: "5", gid: "6", mode: 0440}
configs:
  plain: {file: ./plain.conf}
  long: {content: "port: 80"}
""",
        {"shop/plain.conf": "plain\n"},
    )
    assert (short.target, short.secret, contents(short)) == ("/plain", False, {"": b"plain\n"})
    assert [(entry.mode, entry.uid, entry.gid) for entry in short.entries] == [(0o444, 0, 0)]
    assert (long.target, contents(long)) == ("/etc/long.conf", {"": b"port: 80"})
    assert [(entry.mode, entry.uid, entry.gid) for entry in long.entries] == [(0o440, 5, 6)]


def test_secrets_lie_below_run_secrets_and_never_show_their_content():
    (mount,) = files_of(
        "    secrets: [token]\nsecrets: {token: {file: ./token}}\n", {"shop/token": "hunter2"}
    )
    assert (mount.target, mount.secret) == ("/run/secrets/token", True)
    assert "hunter2" not in repr(mount)


def test_a_secret_from_the_environment_takes_the_committed_variable():
    (mount,) = files_of(
        "    secrets: [token]\nsecrets: {token: {environment: TOKEN}}\n", {"shop/.env": "TOKEN=abc\n"}
    )
    assert contents(mount) == {"": b"abc"}


def test_a_variable_that_no_committed_file_sets_is_an_error():
    found = mistakes("    secrets: [token]\nsecrets: {token: {environment: TOKEN}}\n")
    # The name is not repeated: below `secrets` it may be a value that was written in the wrong place.
    assert any("secrets.token.environment: the variable that it names is not set" in error for error in found)


@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_external_objects_are_an_error_that_says_what_to_write(kind):
    found = mistakes(f"    {kind}: [a]\n{kind}: {{a: {{external: true}}}}\n")
    assert any(f"external {kind} live in a Swarm" in error for error in found)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../x", "./missing"])
def test_a_config_whose_file_is_not_in_the_repository_is_an_error(path):
    assert mistakes(f"    configs: [a]\nconfigs: {{a: {{file: {path}}}}}\n")


def test_a_seccomp_profile_is_taken_from_git():
    service = service_of(
        SERVICE
        + "    security_opt: ['seccomp=profiles/s.json', 'no-new-privileges:true', 'seccomp:unconfined']\n",
        others={"shop/profiles/s.json": '{\n "defaultAction": "SCMP_ACT_ALLOW"\n}'},
    )
    assert service.compose["security_opt"] == [
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        "no-new-privileges:true",
        "seccomp:unconfined",
    ]


def test_a_relative_device_of_a_volume_is_an_error():
    volumes = (
        "    volumes: ['data:/data']\nvolumes: {data: {driver_opts: {type: none, o: bind, device: %s}}}\n"
    )
    assert any(
        "volumes.data.driver_opts.device: ./data is relative" in found
        for found in mistakes(volumes % "./data")
    )
    assert mistakes(volumes % "/srv/data") == []


def test_a_seccomp_profile_that_is_not_there_or_no_json_is_an_error():
    option = "    security_opt: ['seccomp=s.json']\n"
    assert mistakes(option) == [
        "shop/compose.yaml:4:20: services.api.security_opt[0]: shop/s.json is not in Git"
    ]
    assert any("s.json is not JSON" in found for found in mistakes(option, {"shop/s.json": "{"}))


def test_a_mount_has_a_limit_on_files_with_the_numbers_in_the_message(monkeypatch):
    monkeypatch.setattr("gitops_orch.manifest.app.mounted_files.MOUNT_FILES_MAX", 2)
    found = mistakes("    volumes: ['./c:/c:ro']\n", {f"shop/c/{number}": "x" for number in range(3)})
    assert any("shop/c holds 3 files with 3 bytes; an app mounts at most 2 files" in each for each in found)


def test_a_config_that_says_nothing_of_its_content_is_an_error():
    assert mistakes("    configs: [a]\nconfigs: {a: {labels: {x: y}}}\n")


def test_the_owner_of_a_config_is_a_number():
    found = mistakes("    configs: [{source: a, uid: www}]\nconfigs: {a: {content: x}}\n")
    assert any("services.api.configs[0].uid: must be a number, is 'www'" in error for error in found)


def test_a_config_that_is_a_symbolic_link_in_git_is_an_error_that_says_so():
    found = mistakes(
        "    configs: [a]\nconfigs: {a: {file: ./a}}\n", refused={"shop/a": "it is a symbolic link"}
    )
    assert any("symbolic link" in error or "not in the repository" in error for error in found)


def test_the_digest_of_files_follows_content_mode_and_path_and_nothing_else():
    def digest(files, modes=None, tail="    volumes: ['./conf:/conf:ro']\n"):
        return files_of(tail, files, modes=modes)[0].digest

    base = digest({"shop/conf/a": "1"})
    assert digest({"shop/conf/a": "1", "shop/other": "2"}) == base
    assert digest({"shop/conf/a": "1"}, tail="    volumes: ['./conf:/elsewhere:ro']\n") == base
    assert digest({"shop/conf/a": "2"}) != base
    assert digest({"shop/conf/b": "1"}) != base
    assert digest({"shop/conf/a": "1"}, {"shop/conf/a": 0o755}) != base


def test_the_apps_digest_follows_the_content_of_its_files():
    def digest(content):
        return app_of(SERVICE + "    volumes: ['./a:/a:ro']\n", others={"shop/a": content}).digest

    assert digest("1") != digest("2")


def test_the_whole_repository_can_be_mounted_by_an_app_at_its_root():
    desired = compiled({"compose.yaml": SERVICE + "    volumes: ['.:/src:ro']\n", "a/b": "c"}, name="repo")
    (mount,) = desired.apps[0].services[0].files
    assert set(contents(mount)) == {"compose.yaml", "a/b"}


def test_a_link_anywhere_in_a_mounted_repository_is_an_error_that_names_it():
    text = SERVICE + "    volumes: ['.:/src:ro']\n"
    found = errors(compiled({"compose.yaml": text}, name="repo", refused={"x/y": "it is a symbolic link"}))
    assert found == ["compose.yaml:4:15: services.api.volumes[0]: x/y is not read: it is a symbolic link"]


def test_a_script_that_is_a_config_stays_executable():
    (mount,) = files_of(
        "    configs: [run]\nconfigs: {run: {file: ./run.sh}}\n",
        {"shop/run.sh": "#!/bin/sh\n"},
        modes={"shop/run.sh": 0o755},
    )
    assert [entry.mode for entry in mount.entries] == [0o555]


@pytest.mark.parametrize(
    ("service", "reference", "owner"),
    [
        ("user: '1000'", "mode: 0440", (1000, 0, None)),
        ("user: '1000:1001'", "mode: 0440", (1000, 1001, None)),
        ("user: '1000:1001'", "mode: 0440, gid: '7'", (1000, 7, None)),
        ("user: app", "mode: 0400", (0, 0, "app")),
        ("user: 'app:staff'", "mode: 0400", (0, 0, "app:staff")),
        ("user: app", "mode: 0440, gid: '7'", (0, 0, "app:7")),
        ("init: true", "mode: 0440", (0, 0, "")),
        ("user: '1000'", "mode: 0440, uid: '5'", (5, 0, None)),
        ("user: '1000'", "mode: 0444", (0, 0, None)),
        ("user: '1000'", "target: x", (0, 0, None)),
    ],
)
@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_a_file_that_not_everybody_can_read_belongs_to_the_user_of_the_service(
    service, reference, owner, kind
):
    (mount,) = files_of(
        f"    {service}\n    {kind}: [{{source: pw, {reference}}}]\n{kind}: {{pw: {{file: ./pw}}}}\n",
        {"shop/pw": "x"},
    )
    (only,) = mount.entries
    assert (only.uid, only.gid, mount.user) == owner


def test_what_an_images_user_owns_is_not_shared_with_another_image():
    tail = "    configs: [{source: pw, mode: 0440}]\nconfigs: {pw: {file: ./pw}}\n"

    def digest(image):
        files = {"shop/compose.yaml": SERVICE.replace("image: x", f"image: {image}") + tail, "shop/pw": "x"}
        (mount,) = compiled(files).apps[0].service("api").files
        return mount.digest

    assert digest("web:1") != digest("web:2")
