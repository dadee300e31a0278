"""`history` says why a release is not done, in the words of `status`."""

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.record import history_document
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import Release, ReleaseState

SHOP = AppKey(namespace="default", name="shop")


@pytest.fixture
def history(tmp_path):
    opened = History.open(tmp_path / "state", None, SystemClock())
    yield opened
    opened.close()


def mark(history, digest, state, reason=""):
    history.mark_release(Release(app=SHOP, digest=digest, commit="c", state=state, reason=reason))


def reasons(history):
    return [
        row["reason"].partition(" since ")[0] for row in history_document(history, None, limit=9)["releases"]
    ]


def test_a_release_under_way_has_the_reason_of_its_last_attempt_and_how_often_it_was_tried(history):
    mark(history, "one", ReleaseState.STABLE)
    mark(history, "two", ReleaseState.PROGRESSING)
    history.note_trouble(SHOP, "two", "pull failed")
    history.note_trouble(SHOP, "two", "pull failed")
    assert reasons(history) == ["pull failed; tried 2 times", ""]


def test_a_former_turn_of_the_same_release_has_it_not(history):
    mark(history, "two", ReleaseState.PROGRESSING)
    mark(history, "one", ReleaseState.STABLE)
    mark(history, "two", ReleaseState.PROGRESSING)
    history.note_trouble(SHOP, "two", "pull failed")
    assert reasons(history) == ["pull failed; tried once", "", ""]


@pytest.mark.parametrize("state", [ReleaseState.FAILED, ReleaseState.STABLE])
def test_a_release_that_has_ended_keeps_its_own_reason(history, state):
    mark(history, "one", state, "its own")
    history.note_trouble(SHOP, "one", "pull failed")
    assert reasons(history) == ["its own"]


def test_the_trouble_of_another_release_is_not_its_reason(history):
    mark(history, "one", ReleaseState.PROGRESSING)
    history.note_trouble(SHOP, "two", "pull failed")
    assert reasons(history) == [""]
