"""Requests of other commands: each is answered once, and none of them ends the service or is obeyed too late."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.desk import Desk
from gitops_orch.daemon.requests import ANSWER_WAIT_MAX_S
from gitops_orch.history.history import History


class Clock(SystemClock):
    """A clock that is moved by hand."""

    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def history(tmp_path, clock):
    made = History.open(tmp_path, None, clock)
    yield made
    made.close()


@pytest.fixture
def desk(history, clock):
    return Desk(SimpleNamespace(history=history, clock=clock))


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
