import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from lab.provided import small_disk

from gitops_orch.errors import HistoryError, HistoryTooNew, LeaseHeld
from gitops_orch.model.app import AppKey, Hold

SHOP = AppKey(namespace="default", name="shop")
BLOG = AppKey(namespace="default", name="blog")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "history.db"


def spoil(file, at, length=3000):
    content = bytearray(file.read_bytes())
    content[at : at + length] = os.urandom(length)
    file.write_bytes(content)


@pytest.mark.parametrize("at", [0, 4096])
def test_c07_a_corrupt_file_is_put_aside_and_built_anew(open_history, file, at):
    history = open_history()
    history.set_salt("x")
    history.close()
    spoil(file, at)
    broken = file.read_bytes()
    later = open_history()
    assert later.rebuilt
    assert later.salt() is None
    later.set_salt("y")
    assert file.with_name("history.db.corrupt-1").read_bytes() == broken
    later.close()
    spoil(file, at)
    assert open_history().rebuilt
    assert file.with_name("history.db.corrupt-2").exists()


def test_c22_a_state_of_a_former_version_gets_what_it_lacks_and_keeps_what_it_has(open_history, file):
    before = open_history()
    before.set_salt("5a17")
    before.set_last_commit("file:///repo", "main", "a" * 40)
    before.close()
    with sqlite3.connect(file) as connection:
        for table in ("reverts", "relanded"):
            connection.execute(f"DROP TABLE {table}")
    connection.close()
    after = open_history()
    assert (after.salt(), after.last_commit("file:///repo", "main")) == ("5a17", "a" * 40)
    assert after.reverts() == {}


def test_c07_a_newer_schema_is_refused_and_left_as_it_is(open_history, file):
    open_history().close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        connection.execute("DROP TABLE pins")
    connection.close()
    with pytest.raises(HistoryTooNew, match=r"schema 99.*use the newer version again"):
        open_history()
    with sqlite3.connect(file) as connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'pins'").fetchall()
    connection.close()
    assert not list(file.parent.glob("*.corrupt-*"))


def test_c07_a_file_deleted_under_us_is_made_again(history, file):
    history.hold(SHOP, Hold(reason="x"))
    for path in file.parent.glob("history.db*"):
        path.unlink()
    history.set_salt("y")
    assert history.rebuilt
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone() == ("y",)
    connection.close()


def test_c08_a_wiped_state_directory_starts_empty(open_history, file):
    import shutil

    open_history().close()
    shutil.rmtree(file.parent)
    later = open_history()
    assert not later.rebuilt
    assert later.releases() == ()


@pytest.mark.parametrize("loss", ["deleted", "corrupt", "deleted while open"])
def test_holds_and_pins_outlive_the_database(open_history, file, loss):
    until = datetime(2030, 1, 1, tzinfo=UTC)
    before = open_history()
    before.hold(SHOP, Hold(reason="disks", until=until))
    before.hold(BLOG, Hold(reason="x"))
    before.pin(BLOG, "a" * 40, "b" * 64, "rollback")
    before.resume(BLOG)
    holds, pins = before.holds(), before.pins()
    if loss == "corrupt":
        before.close()
        spoil(file, 0)
    elif loss == "deleted":
        before.close()
    if loss != "corrupt":
        for path in file.parent.glob("history.db*"):
            path.unlink()
    after = before if loss == "deleted while open" else open_history()
    assert after.holds() == holds == {SHOP: Hold(reason="disks", until=until)}
    assert after.pins() == pins
    assert after.commands_known()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"holds": [{"app": 1}], "pins": 7}', '{"holds": [], "pins": [{}]}']
)
def test_a_copy_of_holds_that_cannot_be_read_is_no_copy(open_history, file, text):
    open_history().close()
    file.unlink()
    (file.parent / "holds-and-pins.json").write_text(text)
    after = open_history()
    assert after.holds() == {}
    assert not after.commands_known()


def test_only_this_user_can_read_the_state(open_history, file):
    file.parent.mkdir(mode=0o755)
    history = open_history()
    history.hold(SHOP, Hold(reason="x"))
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert (file.parent / "holds-and-pins.json").stat().st_mode & 0o777 == 0o600


def test_c07_a_lock_of_another_process_is_waited_for(history, file):
    script = (
        "import sqlite3,sys\n"
        f"c = sqlite3.connect({str(file)!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(); c.execute('COMMIT')\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as other, ThreadPoolExecutor() as threads:
        other.stdout.readline()
        written = threads.submit(history.set_salt, "x")
        with pytest.raises(TimeoutError):
            written.result(0.2)
        other.stdin.close()
        written.result(60)
    assert history.salt() == "x"


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "small", "512k") as place:
        yield place


def test_c06_a_full_disk_is_told_and_is_over_when_there_is_space(open_history, disk):
    history = open_history(disk)
    history.set_salt("before")
    with pytest.raises(HistoryError, match="make room"):
        _fill(history)
    assert history.salt() == "before"
    subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
    history.set_salt("after")
    assert history.salt() == "after"


def _fill(history):
    for _ in range(1000):
        history.record_event("h", "c", datetime.now(UTC), "x", "y" * 4000)


def test_c06_a_state_directory_that_cannot_be_made_is_told(open_history, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(HistoryError, match="taken"):
        open_history(tmp_path / "taken" / "state")


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x/y"])
def test_a_url_that_names_no_database_is_told(open_history, url):
    with pytest.raises(HistoryError):
        open_history(url=url)


def test_a_password_in_the_url_is_never_shown(open_history):
    with pytest.raises(HistoryError) as refused:
        open_history(url="sqlite+nothing://user:s3cret@host/db")
    assert "s3cret" not in str(refused.value)


def test_a_second_controller_is_refused_and_told_who_holds_the_state(open_history):
    first, second = open_history(), open_history()
    first.acquire_lease()
    first.acquire_lease()
    assert first.lease_holder() is None
    assert second.lease_holder() == os.getpid()
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()}"):
        second.acquire_lease()
    first.release_lease()
    assert second.lease_holder() is None
    second.acquire_lease()


def test_the_lease_of_a_killed_process_is_free(open_history, tmp_path):
    script = (
        "import pathlib,signal\n"
        "from gitops_orch.clock import SystemClock\n"
        "from gitops_orch.history.history import History\n"
        f"h = History.open(pathlib.Path({str(tmp_path / 'state')!r}), None, SystemClock())\n"
        "h.acquire_lease(); print('held', flush=True); signal.pause()\n"
    )
    history = open_history()
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert history.lease_holder() == other.pid
        with pytest.raises(LeaseHeld):
            history.acquire_lease()
        other.kill()
    history.acquire_lease()


def test_asking_for_the_holder_never_looks_like_a_second_controller(open_history):
    import threading

    asking, taking = open_history(), open_history()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            asking.lease_holder()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(50):
            taking.acquire_lease()
            taking.release_lease()
    finally:
        stop.set()
        thread.join()
    assert asking.lease_holder() is None


def test_two_processes_open_a_new_state_at_once(tmp_path):
    script = (
        "import pathlib\n"
        "from gitops_orch.clock import SystemClock\n"
        "from gitops_orch.history.history import History\n"
        f"h = History.open(pathlib.Path({str(tmp_path / 'state')!r}), None, SystemClock())\n"
        "h.set_salt('x'); h.close()\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
