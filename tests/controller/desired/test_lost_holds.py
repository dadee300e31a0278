"""Holds and pins that a lost history may have held are reported until a person says how it is."""

from datetime import UTC, datetime

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.controller.desired.lost_holds import REASON, with_lost_commands
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Placed
from gitops_orch.model.plan.plan import Plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACED = Placed(app=AppKey(namespace="default", name="shop"), service="web", slot=1)


@pytest.fixture
def history(tmp_path):
    opened = History.open(tmp_path / "state", None, SystemClock())
    yield opened
    opened.close()


def reasons(history, containers=()):
    return [hold.reason for hold in with_lost_commands(Plan(commit="c"), history, containers).holds]


def test_a_new_controller_reports_no_loss(history):
    assert reasons(history) == []
    history.note_continuity(NOW)
    history.remember_host("h1", (PLACED,), NOW)
    assert reasons(history) == []


def test_containers_that_history_knows_nothing_of_are_a_loss(history):
    assert reasons(history, ["a container of ours"]) == [REASON]


def test_a_loss_is_reported_until_it_is_acknowledged(history):
    history.remember_host("h1", (PLACED,), NOW)
    assert reasons(history) == reasons(history) == [REASON]
    history.acknowledge_loss()
    assert reasons(history) == []
