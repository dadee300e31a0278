"""The loop neither loses a wake-up nor runs twice for a burst of them."""

import threading

import pytest
from lab.commands import wait_for

from gitops_orch.clock import SystemClock
from gitops_orch.controller.loop import EVENT, POLL, REQUEST, Loop
from gitops_orch.errors import HistoryError

WAIT_S = 10


class Runs:
    """Runs that a test lets go one by one."""

    def __init__(self, error=None):
        self.calls = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.error = error

    def __call__(self, **call):
        self.calls.append(call)
        self.begun.release()
        assert self.go.acquire(timeout=WAIT_S)
        if self.error:
            raise self.error


def looping(runs, **more):
    loop = Loop(runs, SystemClock(), lambda report: None, **more)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    return loop, thread


def end(loop, thread, runs):
    loop.stop()
    runs.go.release(5)
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_a_wake_up_during_a_run_makes_one_more_run_and_many_make_no_more():
    runs = Runs()
    loop, thread = looping(runs)
    loop.wake(POLL)
    assert runs.begun.acquire(timeout=WAIT_S)
    for _ in range(50):
        loop.wake(EVENT)
    runs.go.release()
    assert runs.begun.acquire(timeout=WAIT_S)
    runs.go.release()
    end(loop, thread, runs)
    assert len(runs.calls) == 2


def test_events_alone_ask_git_nothing_and_wait_for_no_silent_host():
    runs = Runs()
    loop, thread = looping(runs)
    loop.wake(EVENT)
    assert runs.begun.acquire(timeout=WAIT_S)
    end(loop, thread, runs)
    assert (runs.calls[0]["fetch"], runs.calls[0]["quick"]) == (False, True)


def test_a_fault_in_a_run_does_not_end_the_loop():
    runs = Runs(error=HistoryError("disk full"))
    loop, thread = looping(runs)
    for _ in range(2):
        loop.wake(POLL)
        assert runs.begun.acquire(timeout=WAIT_S)
        runs.go.release()
    end(loop, thread, runs)
    assert len(runs.calls) == 2


def test_stopping_is_told_to_the_run_under_way():
    runs = Runs()
    loop, thread = looping(runs)
    loop.wake(POLL)
    assert runs.begun.acquire(timeout=WAIT_S)
    assert not runs.calls[0]["should_stop"]()
    loop.stop()
    assert runs.calls[0]["should_stop"]()
    end(loop, thread, runs)


def test_whatever_comes_up_is_told_to_a_run_that_only_waits():
    runs = Runs()
    loop, thread = looping(runs)
    loop.wake(POLL)
    assert runs.begun.acquire(timeout=WAIT_S)
    should_yield = runs.calls[0]["should_yield"]
    assert not should_yield()
    loop.wake(EVENT)
    assert should_yield()
    end(loop, thread, runs)


class Moments(SystemClock):
    """A clock that stands still until a test moves it."""

    at_s = 100.0

    def monotonic_s(self):
        return self.at_s


def test_events_of_one_host_cause_at_most_one_pass_a_second():
    runs, clock = Runs(), Moments()
    loop = Loop(runs, clock, lambda report: None)
    loop.wake(EVENT, "h1")
    assert loop._due_in_s() == 0
    loop._take_reasons()
    loop.wake(EVENT, "h1")
    assert loop._due_in_s() == pytest.approx(1)
    clock.at_s += 0.7
    assert loop._due_in_s() == pytest.approx(0.3)
    clock.at_s += 0.3
    assert loop._due_in_s() == 0


@pytest.mark.parametrize("other", [(EVENT, "h2"), (POLL, ""), (REQUEST, "")])
def test_what_else_comes_up_does_not_wait_for_a_storm_of_events(other):
    loop = Loop(Runs(), Moments(), lambda report: None)
    loop.wake(EVENT, "h1")
    loop._take_reasons()
    loop.wake(EVENT, "h1")
    loop.wake(*other)
    assert loop._due_in_s() == 0


def test_a_run_that_waits_for_gates_does_not_yield_to_a_storm_of_events():
    runs = Runs()
    loop, thread = looping(runs)
    loop.wake(EVENT, "h1")
    assert runs.begun.acquire(timeout=WAIT_S)
    loop.wake(EVENT, "h1")
    assert not runs.calls[0]["should_yield"]()
    wait_for("the end of the second", runs.calls[0]["should_yield"], deadline_s=WAIT_S)
    end(loop, thread, runs)


def test_a_loop_that_sleeps_is_not_stalled():
    loop, thread = looping(Runs())
    assert loop.quiet_s() == 0
    loop.stop()
    thread.join(WAIT_S)
