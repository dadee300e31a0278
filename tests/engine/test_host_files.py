"""Files in writable binds of a real host: links, owners, and writes that are cut short."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract.making import app_with, intent
from contract.test_host_files import A, bind, digest, write
from faults.unruly import forward, lose_reply, unruly
from lab.host import LabHost

from gitops_orch.engine.connect import connect
from gitops_orch.engine.docker_host import DockerHost
from gitops_orch.engine.engine_settings import EngineSettings
from gitops_orch.engine.host_files import RECORD_ENDING, parse_record, record_content
from gitops_orch.errors import EngineError, HostUnreachable
from gitops_orch.model.app import AppKey, FileEntry, FileMount
from gitops_orch.model.host import Host
from gitops_orch.model.host_files import NO_FILE, FilesWork, query_of
from gitops_orch.model.secret import Sensitive

KEY = AppKey(namespace="default", name="files")


@pytest.fixture(params=["_engine", "_engine26"])
def lab_host(request: pytest.FixtureRequest) -> Iterator[LabHost]:
    host: LabHost = request.getfixturevalue(request.param)
    yield host
    host.restore()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data-root"


@pytest.fixture
def engine(lab_host: LabHost, root: Path) -> Iterator[DockerHost]:
    made = _connect(lab_host.unix, root)
    yield made
    made.close()


@pytest.fixture
def data(root: Path) -> Path:
    return root / "default/files/data"


def _connect(url: str, root: Path, deadline_s: float = 20) -> DockerHost:
    return connect(Host(name="h1", url=url, data_root=str(root)), EngineSettings(deadline_s=deadline_s))


def change(engine: DockerHost, files, work: FilesWork) -> tuple[str, ...]:
    return engine.change_files(KEY, files, work, image="stub:1")


def copies(engine: DockerHost, files=None) -> dict[str, str]:
    (seen,) = engine.read_files((query_of(KEY, files or bind()),), image="stub:1")
    return dict(seen.copies)


def test_nothing_is_read_or_written_through_a_link(engine: DockerHost, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    (other / "sub").mkdir(parents=True)
    (other / "a.txt").write_text("x")
    data.mkdir(parents=True)
    (data / "conf").symlink_to(other)
    assert copies(engine) == {A: NO_FILE}
    assert change(engine, bind(b"y"), write(b"y", expected=b"x")) == (A,)
    assert (other / "a.txt").read_text() == "x"


@pytest.mark.parametrize("target", ["../outside", "/outside", "../../../../outside"])
def test_a_link_in_the_place_of_a_file_is_kept(engine: DockerHost, data: Path, target: str) -> None:
    (data / "conf").mkdir(parents=True)
    (data / A).symlink_to(target)
    assert copies(engine) == {A: NO_FILE}
    assert change(engine, bind(b"y"), write(b"y")) == (A,)
    assert str((data / A).readlink()) == target


def test_a_whole_directory_that_is_a_link_is_not_read(engine: DockerHost, data: Path, tmp_path: Path) -> None:
    (tmp_path / "big/conf").mkdir(parents=True)
    (tmp_path / "big/conf/a.txt").write_text("x")
    data.parent.mkdir(parents=True)
    data.symlink_to(tmp_path / "big")
    assert copies(engine) == {A: NO_FILE}


def test_a_file_keeps_its_owner_and_gets_the_mode_of_git(engine: DockerHost, data: Path) -> None:
    change(engine, bind(), write(b"x"))
    os.chown(data / A, 1000, 1001)
    (data / A).chmod(0o600)
    os.chown(data / "conf", 1000, 1001)
    assert change(engine, bind(b"y"), write(b"y", expected=b"x")) == ()
    found = (data / A).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1000, 1001, 0o644)
    assert (data / "conf").stat().st_uid == 1000


def test_a_chown_is_no_change(engine: DockerHost, data: Path) -> None:
    change(engine, bind(), write(b"x"))
    before = copies(engine)
    os.chown(data / A, 1000, 1000)
    assert copies(engine) == before


def test_a_new_version_of_the_same_size_is_seen(engine: DockerHost, lab_host: LabHost, root: Path) -> None:
    change(engine, bind(), write(b"x"))
    assert copies(engine) == {A: digest(b"x")}
    other = _connect(lab_host.unix, root)
    assert change(other, bind(b"y"), write(b"y", expected=b"x")) == ()
    assert copies(engine) == {A: digest(b"y")}


def lose_the(nth: int):
    """Lose the reply to the n-th request, and refuse all that come after it."""
    seen = []

    def reply(server, client, request):
        seen.append(request)
        if len(seen) < nth:
            forward(server, client, request)
        elif len(seen) == nth:
            lose_reply(server, client, request)

    return reply


@pytest.mark.parametrize("nth", [1, 2, 3])  # the new record, the file, the old record that goes
def test_a_write_that_is_cut_short_leaves_every_file_known_for_ours(
    lab_host: LabHost, root: Path, tmp_path: Path, data: Path, nth: int
) -> None:
    engine = _connect(lab_host.unix, root)
    change(engine, bind(), write(b"x"))
    with unruly(tmp_path / "s", lab_host.unix.removeprefix("unix://")) as proxy:
        proxy.on("PUT .*archive", lose_the(nth))
        with pytest.raises((HostUnreachable, EngineError)):
            change(_connect(proxy.url, root, 2), bind(b"y"), write(b"y", expected=b"x"))
    (seen,) = engine.read_files((query_of(KEY, bind(b"y")),), image="stub:1")
    assert seen.copies[A] in seen.written[A]
    again = write(b"y", expected=(data / A).read_bytes())
    assert change(engine, bind(b"y"), again) == ()
    assert (data / A).read_bytes() == b"y"


def test_a_container_sees_what_was_written(engine: DockerHost) -> None:
    change(engine, bind(), write(b"x"))
    container = engine.create(intent(app_with(KEY, files=(bind(),))))
    engine.start(container)
    assert engine.run_exec(container, ("cat", f"/etc/app/{A}")).output == "x"


def test_many_files_are_written_and_brought_up_to_date(engine: DockerHost, data: Path) -> None:
    names = [f"d{number % 20}/{number}.txt" for number in range(60)]

    def everything(content: bytes, expected: bytes | None) -> tuple[FileMount, FilesWork]:
        entries = tuple(FileEntry(path=name, mode=0o644, content=Sensitive(content)) for name in names)
        parts = [write(content, expected=expected, name=name) for name in names]
        work = FilesWork(
            changes=tuple(change for part in parts for change in part.changes),
            record={name: (digest(content),) for name in names},
            recorded=False,
        )
        return replace(bind(), entries=entries), work

    assert change(engine, *everything(b"x", None)) == ()
    files, work = everything(b"y", b"x")
    assert change(engine, files, work) == ()
    assert {path.read_bytes() for path in data.rglob("*.txt")} == {b"y"}
    assert len(copies(engine, files)) == len(names)


@pytest.mark.parametrize("name", ["../other/a.txt", "a/../../b", "/etc/passwd", "./a", ".."])
def test_a_record_names_no_file_outside_of_its_bind(name):
    """A record lies on the host, where others can write, and what it names may be removed."""
    content = record_content("data", {name: ["0" * 64], "a.txt": ["1" * 64], "": ["2" * 64]})
    record = parse_record(hashlib.sha256(content).hexdigest() + RECORD_ENDING, content)
    assert record == {"a.txt": frozenset({"1" * 64}), "": frozenset({"2" * 64})}
