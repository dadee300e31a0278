"""Files from Git reach a real host over its API alone, and mean exactly what a mount means."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract.making import app_with, intent
from faults.unruly import lose_reply, unruly
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import HostUnreachable
from gitops_orch.model.app import AppKey, FileEntry, FileMount
from gitops_orch.model.host import Host
from gitops_orch.model.names import files_volume_name
from gitops_orch.model.sensitive.secret import Sensitive

KEY = AppKey(namespace="default", name="files")
DIGEST = "ab" * 32
VOLUME = files_volume_name(KEY.project, DIGEST)


def entry(path="", content=b"from git", **fields) -> FileEntry:
    return FileEntry(path=path, mode=fields.pop("mode", 0o644), content=Sensitive(content), **fields)


def mount(*entries: FileEntry, target="/etc/app", **fields) -> FileMount:
    fields = {"directory": True, "secret": False, "digest": DIGEST, **fields}
    return FileMount(target=target, entries=entries, **fields)


@pytest.fixture
def data_root(tmp_path: Path) -> str:
    return str(tmp_path / "data-root")


@pytest.fixture
def engine(lab_host: LabHost, data_root: str) -> Iterator[DockerHost]:
    made = _connect(lab_host.unix, data_root)
    yield made
    made.close()


def _connect(url: str, data_root: str, deadline_s: float = 20) -> DockerHost:
    return connect(Host(name="h1", url=url, data_root=data_root), EngineSettings(deadline_s=deadline_s))


def running(engine: DockerHost, files: FileMount, **compose) -> str:
    engine.put_files(KEY, files, image="stub:1")
    container = engine.create(intent(app_with(KEY, files=(files,), **compose)))
    engine.start(container)
    return container


def shell(engine: DockerHost, container: str, script: str) -> str:
    return engine.run_exec(container, ("sh", "-c", script)).output.strip()


def test_a_directory_arrives_with_modes_owners_and_subdirectories(engine: DockerHost) -> None:
    files = mount(entry("a/b/c.txt", uid=7, gid=8), entry("run.sh", b"#!", mode=0o755))
    container = running(engine, files)
    found = shell(engine, container, "stat -c '%n %a %u:%g' /etc/app/a /etc/app/a/b/c.txt /etc/app/run.sh")
    assert found.splitlines() == [
        "/etc/app/a 755 0:0",
        "/etc/app/a/b/c.txt 644 7:8",
        "/etc/app/run.sh 755 0:0",
    ]


def test_a_directory_hides_what_the_image_has_there(engine: DockerHost) -> None:
    container = running(engine, mount(entry("only.txt"), target="/www"))
    assert shell(engine, container, "ls /www") == "only.txt"


def test_a_single_file_leaves_its_neighbours_alone(engine: DockerHost) -> None:
    container = running(engine, mount(entry(), target="/www/extra.txt", directory=False))
    assert shell(engine, container, "ls /www; cat /www/extra.txt").split() == [
        "extra.txt",
        "index.html",
        "from",
        "git",
    ]


def test_a_secret_keeps_its_mode_and_owner(engine: DockerHost) -> None:
    secret = mount(
        entry(mode=0o400, uid=1000, gid=1000), target="/run/secrets/key", directory=False, secret=True
    )
    container = running(engine, secret)
    assert shell(engine, container, "stat -c '%a %u:%g' /run/secrets/key") == "400 1000:1000"


@pytest.fixture
def user_image(lab_host: LabHost) -> Iterator[str]:
    """An image with users of its own, and one of them as USER."""
    passwd = "root:x:0:0::/:/bin/sh\napp:x:1500:1600::/:/bin/sh\n"
    with lab_host.client() as client:
        made = client.create_container("stub:1", "true")["Id"]
        tables = (("etc/passwd", passwd), ("etc/group", "root:x:0:\nstaff:x:1700:\n"))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, text in tables:
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        client.put_archive(made, "/", buffer.getvalue())
        client.commit(made, "users", "1", changes="USER app")
        client.remove_container(made)
    yield "users:1"
    with lab_host.client() as client:
        client.remove_image("users:1", force=True)


@pytest.mark.parametrize(
    ("user", "owner", "note"),
    [
        ("", "1500:1600", ""),
        ("app", "1500:1600", ""),
        ("app:staff", "1500:1700", ""),
        ("app:1800", "1500:1800", ""),
        ("nobody-here", "0:0", "user nobody-here is not in the image"),
    ],
)
def test_a_file_belongs_to_a_user_that_only_the_image_knows(
    engine: DockerHost, user_image: str, user: str, owner: str, note: str
) -> None:
    secret = mount(entry(mode=0o440), target="/run/secrets/key", directory=False, secret=True, user=user)
    assert note in engine.put_files(KEY, secret, image=user_image)
    container = engine.create(intent(app_with(KEY, files=(secret,), image="stub:1", user="0")))
    engine.start(container)
    assert shell(engine, container, "stat -c '%a %u:%g' /run/secrets/key") == f"440 {owner}"


@pytest.mark.parametrize("directory", [True, False])
def test_a_read_only_container_gets_its_files(engine: DockerHost, *, directory: bool) -> None:
    files = mount(entry("a" if directory else ""), directory=directory, target="/etc/app")
    container = running(engine, files, read_only=True, tmpfs=["/etc"])
    assert "from git" in shell(engine, container, "cat /etc/app/a /etc/app 2>/dev/null")


@pytest.mark.parametrize("directory", [True, False])
def test_files_cannot_be_written_by_the_container(engine: DockerHost, *, directory: bool) -> None:
    files = mount(entry("a" if directory else ""), directory=directory)
    container = running(engine, files)
    path = "/etc/app/a" if directory else "/etc/app"
    assert engine.run_exec(container, ("sh", "-c", f"echo x > {path}")).exit_code != 0


def test_files_work_for_an_image_without_a_shell_and_a_command(engine: DockerHost, lab_host: LabHost) -> None:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    with lab_host.client() as client:
        client.import_image_from_data(buffer.getvalue(), repository="empty", tag="1")
    engine.put_files(KEY, mount(entry("a")), image="empty:1")
    assert VOLUME in {volume.name for volume in engine.observe().volumes}


def test_nothing_but_the_file_set_stays_behind(engine: DockerHost, lab_host: LabHost) -> None:
    engine.put_files(KEY, mount(entry("a")), image="stub:1")
    with lab_host.client() as client:
        assert client.containers(all=True) == []
        assert [v["Name"] for v in client.volumes()["Volumes"]] == [VOLUME]


@pytest.mark.parametrize(
    "lost",
    [
        "POST .*volumes/create",
        "POST .*containers/create",
        "PUT .*archive",
        "DELETE .*containers",
        "DELETE .*volumes",
    ],
)
def test_a_transfer_that_was_cut_short_at_any_step_is_done_again_whole(
    lab_host: LabHost, data_root: str, tmp_path: Path, lost: str
) -> None:
    files = mount(entry("a"), entry("b", b"second"))
    with unruly(tmp_path / "s", lab_host.unix.removeprefix("unix://")) as proxy:
        # The first loss is the crash; that nothing goes through afterwards keeps the client from tidying up.
        proxy.on(lost, lose_reply)
        proxy.on("DELETE .*containers", lose_reply)
        with pytest.raises(HostUnreachable):
            _connect(proxy.url, data_root, 2).put_files(KEY, files, image="stub:1")
    engine = _connect(lab_host.unix, data_root)
    before = {volume.name: volume.files for volume in engine.observe().volumes}
    assert before.get(VOLUME) is None
    container = running(engine, files)
    assert shell(engine, container, "cat /etc/app/a /etc/app/b") == "from gitsecond"
    assert [row.id for row in engine.observe().containers] == [container]
    assert {v.name: v.files for v in engine.observe().volumes} == {VOLUME: DIGEST}


def test_a_file_set_that_is_not_complete_does_not_count_as_one(engine: DockerHost, lab_host: LabHost) -> None:
    engine.put_files(KEY, mount(entry("a")), image="stub:1")
    labels = {
        "gitops-orch.instance": "default",
        "gitops-orch.namespace": "default",
        "gitops-orch.app": "files",
        "gitops-orch.filling": VOLUME,
    }
    with lab_host.client() as client:
        client.create_volume(f"{VOLUME}.filling", labels=labels)
    assert {v.name: v.files for v in engine.observe().volumes}[VOLUME] is None


def test_a_carrier_that_was_left_behind_does_not_hold_its_volume(
    engine: DockerHost, lab_host: LabHost
) -> None:
    engine.put_files(KEY, mount(entry("a")), image="stub:1")
    labels = {"gitops-orch.instance": "default", "gitops-orch.carrier": "true"}
    with lab_host.client() as client:
        host = client.create_host_config(binds=[f"{VOLUME}:/x"])
        client.create_container(
            "stub:1", entrypoint="/never-started", name="left.carrier", labels=labels, host_config=host
        )
    engine.remove_volume(VOLUME)
    assert engine.observe().volumes == ()


def writable(*entries: FileEntry, path="data", **fields) -> FileMount:
    return mount(*entries, target="/data", writable_path=path, **fields)


def test_a_data_directory_is_seeded_from_git_and_lives_below_the_data_root(
    engine: DockerHost, data_root: str
) -> None:
    container = running(engine, writable(entry("sub/a.txt")))
    assert shell(engine, container, "cat /data/sub/a.txt") == "from git"
    assert Path(data_root, "default/files/data/sub/a.txt").read_bytes() == b"from git"


def test_a_data_directory_is_never_overwritten(engine: DockerHost) -> None:
    container = running(engine, writable(entry("a.txt"), entry("b.txt")))
    shell(engine, container, "echo mine > /data/a.txt; rm /data/b.txt; echo new > /data/c.txt")
    engine.put_files(
        KEY, writable(entry("a.txt", b"newer"), entry("b.txt"), digest="cd" * 32), image="stub:1"
    )
    assert shell(engine, container, "cat /data/a.txt; ls /data").split() == ["mine", "a.txt", "c.txt"]


def test_a_data_directory_without_a_seed_is_empty_and_writable(engine: DockerHost) -> None:
    container = running(engine, writable(path="deep/er/data"))
    assert shell(engine, container, "ls /data; echo x > /data/x && cat /data/x") == "x"


def test_a_data_file_is_seeded_and_written_in_place(engine: DockerHost, data_root: str) -> None:
    files = writable(entry(), path="conf/one.json", directory=False)
    container = running(engine, files)
    shell(engine, container, "echo mine > /data")
    engine.put_files(KEY, files, image="stub:1")
    assert Path(data_root, "default/files/conf/one.json").read_text() == "mine\n"


def test_a_seed_that_was_cut_short_is_laid_down_again(
    lab_host: LabHost, data_root: str, tmp_path: Path
) -> None:
    files = writable(entry("a"), entry("b"))
    with unruly(tmp_path / "s", lab_host.unix.removeprefix("unix://")) as proxy:
        proxy.on("PUT .*archive", lambda *_: None)
        with pytest.raises(HostUnreachable):
            _connect(proxy.url, data_root, 2).put_files(KEY, files, image="stub:1")
    Path(data_root, "default/files/data").mkdir()
    container = running(_connect(lab_host.unix, data_root), files)
    assert shell(_connect(lab_host.unix, data_root), container, "ls /data").split() == ["a", "b"]


def test_two_apps_of_one_name_in_two_namespaces_have_their_own_data(
    engine: DockerHost, data_root: str
) -> None:
    other = replace(KEY, namespace="other")
    engine.put_files(KEY, writable(entry("a")), image="stub:1")
    engine.put_files(other, writable(entry("b")), image="stub:1")
    assert [p.name for p in sorted(Path(data_root).rglob("data/*"))] == ["a", "b"]
