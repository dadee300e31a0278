"""`explain` tells each event once, at the time at which it happened."""

from datetime import UTC, datetime, timedelta

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.reports.documents import timeline_rows
from gitops_orch.history.history import History

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
NAME = "shop-api-1-3fa9c2e"


@pytest.fixture
def history(tmp_path):
    opened = History.open(tmp_path / "state", None, SystemClock())
    yield opened
    opened.close()


def events(history, *rows):
    for seconds, event in rows:
        history.record_event("h1", NAME, AT + timedelta(seconds=seconds), event)
    return [(row["at"][17:19], row["event"]) for row in timeline_rows(history, NAME)]


def test_what_the_controller_did_and_the_engine_reports_is_one_event(history):
    assert events(history, (1, "start"), (2, "start done"), (30, "die"), (31, "start"), (40, "destroy")) == [
        ("02", "start done"),
        ("30", "die"),
        ("31", "start"),
        ("40", "destroy"),
    ]


def test_the_same_event_that_was_recorded_twice_is_told_once(history):
    assert events(history, (1, "die"), (1, "die"), (3, "die")) == [("01", "die"), ("03", "die")]


def test_a_removal_is_told_once(history):
    assert events(history, (1, "remove done"), (2, "destroy")) == [("01", "remove done")]
