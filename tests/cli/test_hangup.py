"""A terminal that is closed, or a lost connection, ends a verb as SIGTERM does: whole, and with a row in history."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lab.commands import wait_for

from gitops_orch.clock import SystemClock
from gitops_orch.history.history import History

pytestmark = pytest.mark.waits

WAIT_S = 60
GRACE_S = 4
STUBBORN = {"db:1": {"ignores_term": True}, "db:2": {"ignores_term": True}}
DATABASE = """services:
  db:
    image: db:%d
    stop_grace_period: %ds
    ports: ["5432:5432"]
    deploy: {update_config: {monitor: 1s}}
"""


def until(condition: Callable[[], object], *, what: str) -> None:
    wait_for(what, condition, deadline_s=WAIT_S)


def start(*arguments: str, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gitops_orch", *arguments]
    return subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, **more)


@pytest.fixture
def update(gitops, repository, state_dir):
    """A database that takes its whole grace period to stop, and a commit that replaces it."""
    (state_dir / "simulated").mkdir(parents=True, mode=0o700)
    state_dir.chmod(0o700)
    (state_dir / "simulated/images.json").write_text(json.dumps(STUBBORN))
    repository.commit(shop__compose=DATABASE % (1, GRACE_S))
    assert gitops("sync").code == 0
    repository.commit(shop__compose=DATABASE % (2, GRACE_S))
    return gitops


def syncing(output) -> subprocess.Popen[str]:
    """A sync that has just created the successor, and stops the former container now."""
    process = start("sync", stdout=output.open("w"), stderr=subprocess.STDOUT)
    until(lambda: "] create " in output.read_text() or process.poll() is not None, what="the successor")
    return process


def has_taken_signals(process: subprocess.Popen[str]) -> bool:
    """Tell whether no signal waits for a process: two of a kind that wait would be one."""
    if process.poll() is not None:
        return True
    return "ShdPnd:\t0000000000000000" in Path(f"/proc/{process.pid}/status").read_text()


def check_that_nothing_is_down(gitops) -> None:
    (app,) = gitops("status", "-o", "json").json["apps"]
    assert app["services"][0]["running"] == 1
    assert [run["trigger"] for run in gitops("history", "-o", "json").json["runs"]] == ["sync", "sync"]
    assert gitops("sync").code == 0


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGHUP,), 129),
        ((signal.SIGHUP, signal.SIGHUP, signal.SIGHUP), 129),
        ((signal.SIGHUP, signal.SIGTERM), 143),
        ((signal.SIGTERM, signal.SIGHUP), 143),
    ],
)
def test_a_sync_that_is_hung_up_on_leaves_no_container_down(update, tmp_path, numbers, code):
    process = syncing(tmp_path / "output")
    for number in numbers:
        process.send_signal(number)
        wait_for("the signal to be taken", lambda: has_taken_signals(process))
    assert process.wait(WAIT_S) == code
    check_that_nothing_is_down(update)


def test_a_sync_whose_terminal_is_closed_leaves_no_container_down(update):
    ours, theirs = pty.openpty()
    environ = os.environ | {"TERM": "xterm-256color"}
    process = start(
        "sync", stdout=theirs, stderr=theirs, env=environ, preexec_fn=lambda: os.login_tty(theirs)
    )
    os.close(theirs)
    printed = b""
    while b"create" not in printed or b"done" not in printed:
        printed += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(WAIT_S) == 129
    check_that_nothing_is_down(update)


def test_a_sync_that_was_started_to_outlive_its_terminal_goes_on(update, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = syncing(tmp_path / "output")
    finally:
        signal.signal(signal.SIGHUP, before)
    process.send_signal(signal.SIGHUP)
    assert process.wait(WAIT_S) == 0
    check_that_nothing_is_down(update)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("verb", [("sync",), ("hold", "shop", "--reason", "r")])
@pytest.mark.usefixtures("gitops")
def test_a_verb_that_is_ended_while_it_waits_for_the_service_is_not_carried_out_later(
    state_dir, number, code, verb
):
    with closing(History.open(state_dir, None, SystemClock())) as history:
        history.acquire_lease()
        process = start(*verb, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(history.pending_requests, what="the request")
        process.send_signal(number)
        process.communicate(timeout=WAIT_S)
        assert process.returncode == code
        assert history.pending_requests() == ()
