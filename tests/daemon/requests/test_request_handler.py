"""Requests of other commands: each is answered once, and none of them ends the service or is obeyed too late."""

import shutil
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.app_names import find_app
from gitops_orch.daemon.requests.dispatch import ANSWER_WAIT_MAX_S
from gitops_orch.daemon.requests.request_handler import RequestHandler
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey


class Clock(SystemClock):
    """A clock that is moved by hand."""

    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def history(state, clock):
    made = History.open(state, None, clock)
    yield made
    made.close()


@pytest.fixture
def desk(history, clock):
    return RequestHandler(SimpleNamespace(history=history, clock=clock))


def test_a_request_that_makes_no_sense_is_answered_and_does_not_end_the_service(history, desk):
    number = history.request("rollback", {})
    assert desk.answer_new()
    code, answer = history.request_result(number)
    assert code == 1
    assert "could not carry out rollback" in answer["error"]


def test_a_request_that_nobody_waits_for_any_more_is_not_carried_out(history, desk, clock):
    number = history.request("sync", {})
    clock.ahead = timedelta(seconds=ANSWER_WAIT_MAX_S + 1)
    desk.answer_new()
    assert history.request_result(number)[0] == 1
    with desk.serving_syncs() as asked:
        assert asked.numbers == ()


def delete(directory, _copy):
    for file in directory.glob("history.db*"):
        file.unlink()


def put_back_a_former_copy(directory, copy):
    delete(directory, copy)
    shutil.copytree(copy, directory, dirs_exist_ok=True)


@pytest.mark.parametrize("replace", [delete, put_back_a_former_copy])
@pytest.mark.parametrize("verb", ["rollback", "sync"])
@pytest.mark.usefixtures("known")
def test_requests_are_answered_after_the_history_file_was_replaced(history, desk, state, replace, verb):
    copy = shutil.copytree(state, state.with_name("copy"))
    for _ in range(5):
        history.request("rollback", {})
    desk.answer_new()
    replace(state, copy)
    with closing(History.open(state, None, SystemClock())) as other_process:
        number = other_process.request(verb, {"apps": "shpo"})
        assert desk.answer_new()
        served(desk)
        assert other_process.request_result(number)[0] == 1


@pytest.mark.usefixtures("known")
def test_a_sync_of_a_former_history_file_does_not_answer_another_request_of_its_number(history, desk, state):
    lost = history.request("sync", {"apps": "shpo"})
    desk.answer_new()
    delete(state, None)
    with closing(History.open(state, None, SystemClock())) as other_process:
        number = other_process.request("sync", {"apps": "shop"})
        assert number == lost
        served(desk)
        assert other_process.request_result(number) is None
        desk.answer_new()
        assert served(desk).numbers == (number,)


@pytest.fixture
def known(monkeypatch):
    keys = {name: AppKey(namespace="default", name=name) for name in ("shop", "blog")}
    monkeypatch.setattr(
        "gitops_orch.daemon.requests.request_handler.named_apps",
        lambda _house, names: frozenset(find_app(name, keys.values()) for name in names),
    )
    return keys


def served(desk, **how):
    with desk.serving_syncs(**how) as asked:
        return asked


def test_syncs_that_name_the_same_apps_share_a_run_and_others_wait_for_theirs(history, desk, known):
    both = [history.request("sync", {"apps": names}) for names in ("shop blog", "blog shop")]
    one, every = history.request("sync", {"apps": "shop"}), history.request("sync", {})
    desk.answer_new()
    runs = [served(desk), served(desk), served(desk)]
    assert [run.numbers for run in runs] == [tuple(both), (one,), (every,)]
    assert [run.apps for run in runs] == [frozenset(known.values()), {known["shop"]}, frozenset()]
    assert not desk.has_waiting()


def test_a_run_for_another_reason_serves_no_sync_of_some_apps(history, desk, known):
    one, every = history.request("sync", {"apps": "shop"}), history.request("sync", {})
    desk.answer_new()
    run = served(desk, also_of_some_apps=False)
    assert (run.numbers, run.apps) == ((every,), frozenset())
    assert desk.has_waiting()
    assert served(desk).numbers == (one,)


def test_a_sync_of_an_app_that_is_not_there_is_answered_and_the_next_one_is_served(history, desk, known):
    wrong, right = (history.request("sync", {"apps": name}) for name in ("shpo", "shop"))
    desk.answer_new()
    assert served(desk).numbers == (right,)
    code, answer = history.request_result(wrong)
    assert code == 1
    assert "there is no app shpo" in answer["error"]
