"""Files in writable binds of a real host: links, owners, and writes that are cut short."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contract.making import app_with, intent
from contract.test_host_files import A, bind, digest, gone, put, several, work_of, write
from faults.unruly import forward, lose_reply, unruly
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.files.host_directory import LISTED_BYTES_MAX
from gitops_orch.engine.files.host_records import RECORD_ENDING, parse_record, record_content
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import EngineError, HostUnreachable
from gitops_orch.model.app import AppKey, FileEntry, FileMount, FilesPolicy
from gitops_orch.model.host import Host
from gitops_orch.model.host_files import NO_FILE, FileChange, FilesWork, HostFiles, query_of
from gitops_orch.model.sensitive.secret import Sensitive
from gitops_orch.planner.diff.bind_files import decide

KEY = AppKey(namespace="default", name="files")


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


def look(engine: DockerHost, files: FileMount) -> HostFiles:
    (seen,) = engine.read_files((query_of(KEY, files),), image="stub:1")
    return seen


def copies(engine: DockerHost, files=None) -> dict[str, str]:
    return dict(look(engine, files or bind()).copies)


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


@pytest.mark.parametrize("size_bytes", [64_000_000, 64 * 1024 * 1024])
def test_a_file_as_large_as_git_may_have_is_read(engine: DockerHost, data: Path, size_bytes: int) -> None:
    (data / "conf").mkdir(parents=True)
    with (data / A).open("wb") as file:
        file.truncate(size_bytes)
    assert copies(engine) == {A: digest(bytes(size_bytes))}


def test_a_larger_file_is_none_of_git_s_and_hides_no_other(engine: DockerHost, data: Path) -> None:
    (data / "conf").mkdir(parents=True)
    with (data / A).open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
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


def requests_in(lab_host: LabHost, root: Path, socket: Path, ask) -> int:
    """Return how many requests it takes, on a connection of its own."""
    seen = []

    def note(server, client, request):
        seen.append(request)
        forward(server, client, request)

    with unruly(socket, lab_host.unix.removeprefix("unix://")) as proxy:
        engine = _connect(proxy.url, root)
        engine.read_files((query_of(KEY, bind()),), image="stub:1")  # it negotiates, and sweeps once
        proxy.on(".*", note)
        ask(engine)
        engine.close()
    return len(seen)


@pytest.mark.parametrize("count", [1, 60])
def test_the_number_of_requests_does_not_grow_with_the_number_of_files(
    engine: DockerHost, lab_host: LabHost, root: Path, tmp_path: Path, count: int
) -> None:
    names = [f"d{number % 20}/{number}.txt" for number in range(count)]
    files, updated = several(names), several(names, b"y")
    change(engine, files, work_of(*map(put, names)))
    update = work_of(*(FileChange(name=n, expected=digest(b"x"), digest=digest(b"y")) for n in names))
    looks = requests_in(lab_host, root, tmp_path / "l", lambda it: copies(it, updated))
    writes = requests_in(lab_host, root, tmp_path / "w", lambda it: change(it, updated, update))
    # Create and remove the carrier; the record; three directories, and the whole one.
    assert looks <= 8
    # The record, and all files as they are; the new record, all files, the old record that goes.
    assert writes <= 8
    assert set(copies(engine, updated).values()) == {digest(b"y")}


def test_a_directory_with_much_data_beside_the_files_is_asked_for_its_files_alone(
    engine: DockerHost, data: Path
) -> None:
    change(engine, bind(), write(b"x"))
    (data / "big").write_bytes(bytes(LISTED_BYTES_MAX + 1))
    for _ in range(2):
        assert copies(engine) == {A: digest(b"x")}
    assert change(engine, bind(b"y"), write(b"y", expected=b"x")) == ()
    assert copies(engine) == {A: digest(b"y")}


@pytest.mark.parametrize("name", ["ä/ö ü.conf", "日本/設定", "-", "a\nb"])
def test_a_file_of_any_name_is_followed(engine: DockerHost, data: Path, name: str) -> None:
    assert change(engine, several([name]), work_of(put(name))) == ()
    assert (data / name).read_bytes() == b"x"
    assert copies(engine, several([name])) == {name: digest(b"x")}
    assert change(engine, several([]), work_of(gone(name))) == ()
    assert not (data / name).exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 2_000_000, os.urandom(2_000_001)], ids=len)
def test_a_file_of_any_size_is_followed(engine: DockerHost, data: Path, content: bytes) -> None:
    files = bind(content)
    assert change(engine, files, write(content)) == ()
    assert (data / A).read_bytes() == content
    assert copies(engine, files) == {A: digest(content)}
    assert change(engine, bind(b"y"), write(b"y", expected=content)) == ()
    assert (data / A).read_bytes() == b"y"


def test_another_mode_in_git_is_written_and_one_of_the_host_is_not(engine: DockerHost, data: Path) -> None:
    plain = several(["run.sh"])
    (entry,) = plain.entries
    program = replace(plain, entries=(replace(entry, mode=0o755),))
    for files in (plain, program, plain):
        work = decide(files, look(engine, files), FilesPolicy.MERGE)
        assert [each.name for each in work.changes] == ["run.sh"]
        assert change(engine, files, work) == ()
        assert (data / "run.sh").stat().st_mode & 0o777 == files.entries[0].mode
        assert not decide(files, look(engine, files), FilesPolicy.MERGE).needed
    (data / "run.sh").chmod(0o777)
    assert not decide(plain, look(engine, plain), FilesPolicy.MERGE).needed


def test_a_file_with_another_name_on_the_host_is_read_under_both(engine: DockerHost, data: Path) -> None:
    change(engine, bind(), write(b"x"))
    os.link(data / A, data / "conf/0")  # it comes first in an archive
    assert copies(engine, several([A, "conf/0"])) == {A: digest(b"x"), "conf/0": digest(b"x")}


@pytest.mark.parametrize("name", ["../other/a.txt", "a/../../b", "/etc/passwd", "./a", ".."])
def test_a_record_names_no_file_outside_of_its_bind(name):
    """A record lies on the host, where others can write, and what it names may be removed."""
    content = record_content("data", {name: ["0" * 64], "a.txt": ["1" * 64], "": ["2" * 64]})
    record = parse_record(hashlib.sha256(content).hexdigest() + RECORD_ENDING, content)
    assert record == {"a.txt": frozenset({"1" * 64}), "": frozenset({"2" * 64})}


def linked(place: Path, elsewhere: Path, name: str = A) -> None:
    """Let a container have put a link in the place of a directory, that leads to another one with the same file."""
    (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
    (elsewhere / name).write_text("x")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("path", "link", "name"),
    [("data", "data", A), ("data/deep", "data", f"deep/{A}"), ("a/b/c", "a/b", f"c/{A}")],
    ids=["the mounted directory", "the one above it", "one in the middle"],
)
@pytest.mark.parametrize("expected", [b"x", None], ids=["a file of ours", "a new file"])
def test_nothing_is_written_through_a_link_that_leads_a_whole_mount_elsewhere(
    engine: DockerHost, root: Path, path: str, link: str, name: str, expected: bytes | None
) -> None:
    elsewhere = root.parent / "elsewhere"
    linked(root / "default/files" / link, elsewhere, name)
    if expected is None:
        (elsewhere / name).unlink()
    with pytest.raises(EngineError, match=f"default/files/{link} is a symbolic link"):
        change(engine, replace(bind(b"y"), writable_path=path), write(b"y", expected=expected))
    assert [each.read_text() for each in elsewhere.rglob("*") if each.is_file()] == ["x"] * (
        expected is not None
    )


def test_a_single_file_is_not_written_through_a_link_above_it(
    engine: DockerHost, root: Path, tmp_path: Path
) -> None:
    linked(root / "default/files/conf", tmp_path / "elsewhere", "app.ini")
    file = replace(bind(b"y", directory=False), writable_path="conf/app.ini")
    with pytest.raises(EngineError, match="default/files/conf is a symbolic link"):
        change(engine, file, write(b"y", expected=b"x", name=""))
    assert (tmp_path / "elsewhere/app.ini").read_text() == "x"


@pytest.mark.parametrize(("git_path", "link"), [("conf", "conf"), ("a/b", "a"), ("elsewhere", "conf")])
def test_an_adopted_directory_is_not_written_through_a_link(
    engine: DockerHost, tmp_path: Path, git_path: str, link: str
) -> None:
    """It lies where the adopted project has it; `elsewhere`: under another name than in Git."""
    path = "conf" if git_path == "elsewhere" else git_path
    name = f"b/{A}" if path == "a/b" else A
    linked(tmp_path / "project" / link, tmp_path / "elsewhere", name)
    adopted = replace(bind(b"y"), writable_path=str(tmp_path / "project" / path), git_path=git_path)
    (seen,) = engine.read_files((query_of(KEY, adopted, git_path),), image="stub:1")
    assert seen.copies == {A: NO_FILE}
    with pytest.raises(EngineError, match=f"project/{link} is a symbolic link"):
        change(engine, adopted, write(b"y", expected=b"x"))
    assert (tmp_path / "elsewhere" / name).read_text() == "x"


@pytest.mark.parametrize("git_path", ["conf", "a/b", "elsewhere"])
def test_an_adopted_directory_without_a_link_is_written(
    engine: DockerHost, tmp_path: Path, git_path: str
) -> None:
    place = tmp_path / "project" / ("conf" if git_path == "elsewhere" else git_path)
    (place / "conf").mkdir(parents=True)
    (place / A).write_text("x")
    adopted = replace(bind(b"y"), writable_path=str(place), git_path=git_path)
    assert change(engine, adopted, write(b"y", expected=b"x")) == ()
    assert (place / A).read_text() == "y"


def test_a_data_directory_is_not_created_through_a_link(
    engine: DockerHost, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "default/files").mkdir(parents=True)
    (root / "default/files/a").symlink_to(tmp_path / "elsewhere")
    data = replace(bind(), writable_path="a/b", entries=())
    with pytest.raises(EngineError, match="default/files/a is a symbolic link"):
        engine.put_files(KEY, data, image="stub:1")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("path", ["a/b/c", "deep/er"])
def test_directories_above_a_mount_are_created(engine: DockerHost, root: Path, path: str) -> None:
    place = root / "default/files" / path
    engine.put_files(KEY, replace(bind(), writable_path=f"{path}/data", entries=()), image="stub:1")
    assert list((place / "data").iterdir()) == []
    assert change(engine, replace(bind(), writable_path=f"{path}/conf"), write(b"x")) == ()
    assert (place / "conf" / A).read_text() == "x"
    assert place.stat().st_mode & 0o777 == 0o755
