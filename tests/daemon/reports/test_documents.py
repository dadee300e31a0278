"""`history` says why a release is not done, in the words of `status`, and of one app only what concerns it."""

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.daemon.reports.documents import history_document
from gitops_orch.history.history import History
from gitops_orch.history.records import RunRecord
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


BLOG = AppKey(namespace="default", name="blog")
REASONS = [
    "the remote does not answer",
    "default/blog: pull of blog:9 failed",
    "default/shop: shop-web-1 on h1: it exited",
    "h1/data: the volume is not ours",
    "create blog-web-1 on h1: no space is left",
    "create shop-web-1 on h1: no space is left",
    "host h2: no route",
]


def run_of_both(history):
    row = {"kind": "create", "host": "h1", "namespace": "default", "result": "failed"}
    results = {
        "reasons": REASONS,
        "apps": [{"namespace": "default", "app": name} for name in ("blog", "shop")],
        "holds": [{"subject": "h1/data", "reason": "the volume is not ours", "app": "default/blog"}],
        "actions": [row | {"app": name, "name": f"{name}-web-1"} for name in ("blog", "shop")],
    }
    history.record_run(
        RunRecord(
            id="r",
            commit="c",
            author="",
            trigger="poll",
            started_at=SystemClock().now(),
            duration_ms=1,
            status="error",
            exit_code=1,
            plan_digest="p",
            plan_json={},
            results_json=results,
            apps=(BLOG, SHOP),
        )
    )


@pytest.mark.parametrize(
    ("app", "left"),
    [
        (None, REASONS),
        ("shop", [REASONS[0], REASONS[2], REASONS[5], REASONS[6]]),
        ("blog", [REASONS[0], REASONS[1], *REASONS[3:5], REASONS[6]]),
    ],
)
def test_the_runs_of_an_app_have_its_own_reasons_and_general_ones(history, app, left):
    for key in (SHOP, BLOG):
        history.mark_release(Release(app=key, digest="one", commit="c", state=ReleaseState.STABLE))
    run_of_both(history)
    (run,) = history_document(history, app, limit=9)["runs"]
    assert run["reasons"] == left
