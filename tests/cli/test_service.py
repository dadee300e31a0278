"""The service as its own process: signals, systemd, the lease, and what it does for other commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from command_line import app
from lab.commands import wait_for

pytestmark = pytest.mark.waits

WAIT_S = 60


def until(condition, *, what: str):
    """Wait until a condition holds, and return what it gave."""
    return wait_for(what, condition, deadline_s=WAIT_S)


class Service:
    """A running `gitops-orch run`."""

    def __init__(self, process: subprocess.Popen[str], log) -> None:
        self.process = process
        self._log = log

    def events(self) -> list[dict[str, object]]:
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def named(self, event: str) -> list[dict[str, object]]:
        return [row for row in self.events() if row["event"] == event]

    def runs_until_in_sync(self, commit: str) -> list[dict[str, object]]:
        """Return the runs of a commit; [] before one of them ended in sync."""
        runs = [row for row in self.named("run.finished") if row["commit"] == commit]
        return runs if any(row["status"] == "in-sync" for row in runs) else []

    def get(self, path: str) -> str:
        address = self.named("http.listening")[0]["address"]
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


@pytest.fixture
def start(repository, state_dir, tmp_path):
    @contextmanager
    def run(*, runs: int = 1, **environ: str):
        log = tmp_path / "service.log"
        settings = {
            "REPOSITORY__URL": str(repository.path),
            "STATE__DIR": str(state_dir),
            "HTTP__LISTEN": "127.0.0.1:0",
            "POLL__INTERVAL": "1h",
            "LOG__FORMAT": "json",
        }
        told = {f"GITOPS_ORCH_{key}": value for key, value in (settings | environ).items() if key.isupper()}
        if "notify" in environ:
            told |= {"NOTIFY_SOCKET": environ["notify"], "WATCHDOG_USEC": "300000"}
        command = [sys.executable, "-m", "gitops_orch", "run"]
        with log.open("w") as stream:
            process = subprocess.Popen(
                command, stdout=stream, stderr=stream, text=True, env=os.environ | told, cwd=tmp_path
            )
        service = Service(process, log)
        try:
            until(
                lambda: len(service.named("run.finished")) >= runs or process.poll() is not None,
                what="a first run",
            )
            yield service
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(WAIT_S)

    return run


def test_it_converges_and_ends_with_0_on_sigterm(start, gitops):
    with start() as service:
        assert service.named("run.finished")[0]["status"] == "in-sync"
        assert service.stop() == 0
    assert gitops("plan").code == 0


def test_it_ends_with_0_on_an_interrupt(start):
    with start() as service:
        assert service.stop(signal.SIGINT) == 0


def test_it_reloads_on_sighup_what_it_can_and_names_what_it_cannot(start, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("poll: {jitter: 20%}\n")
    with start(CONFIG=str(config)) as service:
        config.write_text("poll: {jitter: 10%}\nretain: {images: 7}\n")
        service.process.send_signal(signal.SIGHUP)
        (row,) = until(lambda: service.named("settings.reloaded"), what="the reload")
        assert row["changed"] == ["poll.jitter"]
        assert until(lambda: service.named("settings.need_restart"), what="the rest")[0]["keys"] == [
            "retain.images"
        ]
        config.write_text("poll: {jitters: 10%}\n")
        service.process.send_signal(signal.SIGHUP)
        (row,) = until(lambda: service.named("settings.refused"), what="the refusal")
        assert "did you mean jitter?" in row["error"]
        assert service.stop() == 0


def test_c02_it_stops_in_the_middle_of_a_run(start, repository):
    repository.commit(shop__compose=app().replace("1ms", "4m"))
    with start(runs=0) as service:
        until(lambda: service.named("service.started"), what="the start")
        until(lambda: "wait_healthy" in service.get("/healthz"), what="a long wait")
        assert service.stop() == 0  # within WAIT_S, and its wait is of four minutes


def test_other_commands_are_answered_and_a_newer_commit_preempts_while_a_run_waits(start, repository, gitops):
    repository.commit(shop__compose=app().replace("1ms", "4m"))
    with start(runs=0) as service:
        until(lambda: service.named("service.started"), what="the start")
        until(lambda: "wait_healthy" in service.get("/healthz"), what="a long wait")
        began = time.monotonic()
        assert gitops("retry", "shop").code == 1
        commit = repository.commit(shop__compose=app("green"))
        answer = gitops("sync", "-o", "json")
        assert time.monotonic() - began < 2 * WAIT_S  # the wait is of four minutes
    assert (answer.code, answer.json["commit"]) == (0, commit)


def test_a_newer_commit_preempts_a_sync_that_waits_and_its_report_is_of_all_that_was_done(
    start, repository, gitops
):
    with start() as service, ThreadPoolExecutor(1) as beside:
        repository.commit(shop__compose=app("green").replace("1ms", "4m"))
        asked = beside.submit(gitops, "sync", "-o", "json")
        until(lambda: "wait_healthy" in service.get("/healthz"), what="a long wait")
        commit = repository.commit(shop__compose=app("yellow"))
        assert gitops("sync", "-o", "json").json["commit"] == commit
        answer = asked.result(WAIT_S)
    assert (answer.code, answer.json["commit"]) == (0, commit)
    done = [row for row in answer.json["actions"] if row["kind"] == "create"]
    assert [row["result"] for row in done] == ["done", "done"]


def test_a_second_controller_on_the_same_state_is_refused_with_the_pid_of_the_first(start, gitops):
    with start() as service:
        answer = gitops("run")
        assert answer.code == 1
        assert f"process {service.process.pid}" in answer.err


def test_sync_of_an_app_beside_a_service_acts_on_that_app_alone(start, gitops, repository):
    repository.commit(shop__compose=app(), blog__compose=app())
    with start() as service:
        repository.commit(shop__compose=app("green"), blog__compose=app("green"))
        answer = gitops("sync", "blog", "-o", "json")
        assert answer.code == 0
        assert {row["app"] for row in answer.json["apps"]} == {"blog"}
        assert {row["app"] for row in answer.json["actions"]} == {"blog"}
        asked = [row for row in gitops("history", "-o", "json").json["runs"] if row["trigger"] == "request"]
        assert [row["apps"] for row in asked] == [["default/blog"]]
        assert 'gitops_orch_app_in_sync{app="shop",namespace="default"}' in service.get("/metrics")


def test_sync_of_an_app_that_is_not_there_is_an_error_beside_a_service_too(start, gitops, repository):
    with start():
        answer = gitops("sync", "shpo")
        assert answer.code == 1
        assert "did you mean shop?" in answer.err
        assert gitops("sync", "shop").code == 0


def test_sync_is_carried_out_by_the_service_and_returns_its_code(start, gitops, repository):
    with start() as service:
        commit = repository.commit(shop__compose=app("green"))
        answer = gitops("sync", "-o", "json")
        assert answer.code == 0
        assert answer.json["commit"] == commit
        assert "request" in {
            row["trigger"] for row in service.named("run.finished") if row["commit"] == commit
        }
        broken = repository.commit(shop__compose="nonsense: {")
        answer = gitops("sync", "-o", "json")
        assert (answer.code, answer.json["commit"]) == (1, broken)


def test_holds_and_rollbacks_are_carried_out_by_the_service(start, gitops, repository):
    with start():
        repository.commit(shop__compose=app("green"))
        assert gitops("sync").code == 0
        assert gitops("rollback", "shop").code == 0
        assert repository.read("shop/compose.yaml") == app("blue").strip()
        assert gitops("hold", "shop", "--reason", "disks").code == 0
        assert gitops("retry", "shop").code == 1
        assert gitops("sync", "-o", "json").json["apps"][0]["sync"] == "held"


def test_a_request_to_a_service_that_dies_is_carried_out_by_the_one_who_asked(start, gitops, repository):
    with start() as service:
        service.process.send_signal(signal.SIGSTOP)
        commit = repository.commit(shop__compose=app("green"))
        killer = threading.Timer(1.0, service.process.kill)
        killer.start()
        answer = gitops("sync", "-o", "json")
        killer.join()
    assert (answer.code, answer.json["commit"]) == (0, commit)


def test_its_port_shows_health_and_numbers(start):
    with start() as service:
        assert json.loads(service.get("/healthz"))["status"] == "ok"
        metrics = service.get("/metrics")
    assert 'gitops_orch_runs_total{status="in-sync"}' in metrics
    assert 'gitops_orch_app_in_sync{app="shop",namespace="default"} 1.0' in metrics
    assert 'gitops_orch_host_up{host="edge-1"} 1.0' in metrics


def test_c14_a_taken_port_does_not_keep_it_from_working(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with start(HTTP__LISTEN=listen) as service:
            assert service.named("http.unavailable")
            assert service.named("run.finished")[0]["status"] == "in-sync"


def test_c12_systemd_is_told_that_it_is_ready_lives_and_stops(start, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(WAIT_S)
        with start(notify=str(path), runs=0) as service:
            told = [manager.recv(4096).decode()]
            while not {"WATCHDOG=1"} < {message.partition(" at ")[0] for message in told} - {"READY=1"}:
                told.append(manager.recv(4096).decode())
            assert service.stop() == 0
            while "STOPPING=1" not in told:
                told.append(manager.recv(4096).decode())
    assert told[0] == "READY=1"
    assert any(message.startswith("STATUS=in-sync at ") for message in told)


def test_a_new_commit_is_found_by_polling(start, repository, gitops):
    with start(POLL__INTERVAL="1s") as service:
        commit = repository.commit(shop__compose=app("green"))
        runs = until(lambda: service.runs_until_in_sync(commit), what="a poll")
        assert "poll" in runs[0]["trigger"].split(",")
    assert gitops("plan", "-o", "json").json["actions"] == []


def test_it_survives_a_repository_that_is_gone_and_recovers(start, repository, tmp_path):
    with start(POLL__INTERVAL="1s") as service:
        repository.path.rename(tmp_path / "away")
        failed = until(
            lambda: [row for row in service.named("run.finished") if row["error"]], what="a failed fetch"
        )
        assert str(repository.path) in failed[0]["error"]
        (tmp_path / "away").rename(repository.path)
        commit = repository.commit(shop__compose=app("green"))
        until(lambda: service.runs_until_in_sync(commit), what="recovery")
        assert service.stop() == 0
