"""Files that are changed under a running container, on real hosts of both versions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract.making import app_with, intent
from engine.files.test_file_sets import KEY, entry, mount, shell
from lab.commands import wait_for
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import FileEntry, FileMount
from gitops_orch.model.host import Host

WATCHES = ["sh", "-c", "trap 'cat /etc/app > /tmp/told' HUP; while true; do sleep 0.1; done"]


@pytest.fixture(params=["_engine", "_engine26"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DockerHost]:
    host: LabHost = request.getfixturevalue(request.param)
    made = connect(Host(name="h1", url=host.unix, data_root=str(tmp_path)), EngineSettings())
    yield made
    made.close()
    host.restore()


def live(*entries: FileEntry, digest: str = "ab" * 32, **fields) -> FileMount:
    return replace(mount(*entries, digest=digest, **fields), live="0123456789ab")


def running(engine: DockerHost, files: FileMount, **compose) -> str:
    engine.put_files(KEY, files, image="stub:1")
    container = engine.create(intent(app_with(KEY, files=(files,), **compose)))
    engine.start(container)
    return container


def test_a_directory_changes_under_a_running_container(engine: DockerHost) -> None:
    long = "n" * 120
    before = live(
        entry("a"), entry("gone"), entry("sub/gone"), entry("deep/er/b"), entry(long), entry("kind/x")
    )
    container = running(engine, before, read_only=True)
    after = live(
        entry("a", b"new", mode=0o600), entry("more/c"), entry("deep/b2"), entry("kind"), digest="cd" * 32
    )
    engine.put_files(KEY, after, image="stub:1")
    found = shell(engine, container, "cd /etc/app; find . -type f | sort; cat a; stat -c ' %a' a")
    assert found.split() == ["./a", "./deep/b2", "./kind", "./more/c", "new", "600"]


def test_a_single_file_changes_under_a_running_container_that_is_told(engine: DockerHost) -> None:
    container = running(engine, live(entry(), directory=False), command=WATCHES)
    assert shell(engine, container, "cat /etc/app") == "from git"
    engine.put_files(KEY, live(entry(content=b"newer"), directory=False, digest="cd" * 32), image="stub:1")
    engine.signal(container, "SIGHUP")
    wait_for(
        "the signal's effect",
        lambda: shell(engine, container, "cat /tmp/told 2>/dev/null") == "newer",
        deadline_s=10,
    )


def test_a_single_file_hides_the_images_own_and_leaves_its_neighbours_alone(engine: DockerHost) -> None:
    files = live(entry(mode=0o440, gid=7), directory=False, target="/www/index.html")
    container = running(engine, files)
    found = shell(engine, container, "ls /www; cat /www/index.html; stat -Lc ' %a %g' /www/index.html")
    assert found.split() == ["index.html", "from", "git", "440", "7"]


def test_the_container_cannot_write_to_a_live_file(engine: DockerHost) -> None:
    container = running(engine, live(entry(), directory=False))
    assert engine.run_exec(container, ("sh", "-c", "echo x >> /etc/app")).exit_code != 0


def test_nothing_but_the_live_volume_stays_behind(engine: DockerHost) -> None:
    engine.put_files(KEY, live(entry("a")), image="stub:1")
    seen = engine.observe()
    assert seen.containers == ()
    assert [volume.name for volume in seen.volumes] == ["files_live_0123456789ab"]
