"""Troubles of apps, and when hosts answered, are known to the next process."""

from datetime import timedelta

import pytest
from simulation.simulated_clock import SimulatedClock

from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey

SHOP = AppKey(namespace="default", name="shop")
BLOG = AppKey(namespace="default", name="blog")


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def history(tmp_path, clock):
    opened = History.open(tmp_path / "state", None, clock)
    yield opened
    opened.close()


def test_attempts_at_a_release_are_counted_from_the_first(history, clock):
    history.note_trouble(SHOP, "d1", "pull failed")
    began = clock.now()
    clock.sleep(60)
    history.note_trouble(SHOP, "d1", "start failed")
    trouble = history.troubles()[SHOP]
    assert (trouble.reason, trouble.attempts, trouble.since) == ("start failed", 2, began)
    assert trouble.at - trouble.since == timedelta(seconds=60)


def test_another_release_begins_with_its_first_attempt(history):
    history.note_trouble(SHOP, "d1", "pull failed")
    history.note_trouble(SHOP, "d2", "pull failed")
    assert history.troubles()[SHOP].attempts == 1


def test_only_the_named_apps_are_out_of_trouble(history):
    history.note_trouble(SHOP, "d1", "pull failed")
    history.note_trouble(BLOG, "d1", "pull failed")
    history.clear_troubles([SHOP])
    assert set(history.troubles()) == {BLOG}


def test_a_host_was_seen_when_it_answered_last(history, clock):
    history.note_seen(["h1", "h2"], clock.now())
    clock.sleep(60)
    history.note_seen(["h1"], clock.now())
    seen = history.seen()
    assert seen["h1"] - seen["h2"] == timedelta(seconds=60)


def test_when_the_remote_answered_is_remembered(history, clock):
    assert history.fetched_at() is None
    history.set_fetched_at(clock.now())
    assert history.fetched_at() == clock.now()
