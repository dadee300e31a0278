"""The log tells what happens when it happens, and nothing of a run that found nothing new."""

from datetime import UTC, datetime

import pytest
import structlog
from structlog.testing import capture_logs

from gitops_orch.controller.execute.run_control import ProgressEvent, silent
from gitops_orch.controller.record.run_log import RunLog
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Start
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import ActionResult, FailureKind, Outcome, RunReport, SkipReason, Status

ACTION = Action(
    id="a", payload=Start(), host="h1", target="x", name="web-1", reason="not running",
    app=AppKey(namespace="default", name="shop"),
)  # fmt: skip


@pytest.fixture
def lines():
    structlog.reset_defaults()
    with capture_logs() as logged:
        yield logged


def report(
    *results: ActionResult, commit: str = "c" * 40, error: str = "", exit_code: int = 0, status: str = ""
) -> RunReport:
    picture = Status(commit=commit, fetched_at=None, plan=Plan(commit=commit), apps=(), hosts=(), error=error)
    return RunReport(
        id="r", trigger="poll", started_at=datetime(2026, 1, 1, tzinfo=UTC), duration_ms=1, final_status=picture,
        first_plan=picture.plan, results=results, exit_code=exit_code, status=status,
    )  # fmt: skip


def ended(outcome: Outcome, **more) -> ActionResult:
    return ActionResult(action=ACTION, outcome=outcome, duration_ms=5, **more)


def test_an_action_is_logged_when_it_starts_and_when_it_ends(lines):
    heard = []
    follow = RunLog().following(heard.append)
    follow(ProgressEvent(kind="started", action=ACTION))
    assert [(row["event"], row["name"], row["reason"]) for row in lines] == [
        ("action.started", "web-1", "not running")
    ]
    follow(ProgressEvent(kind="finished", action=ACTION, result=ended(Outcome.DONE)))
    assert (lines[1]["event"], lines[1]["result"], lines[1]["log_level"]) == (
        "action.finished",
        "done",
        "info",
    )
    assert [event.kind for event in heard] == ["started", "finished"]


@pytest.mark.parametrize(
    ("result", "level"),
    [
        (ended(Outcome.FAILED, error="no such command"), "error"),
        (ended(Outcome.FAILED, error="registry down", failure=FailureKind.TRANSIENT), "warning"),
        (ended(Outcome.FAILED, error="one of many", failure=FailureKind.TOLERATED), "warning"),
        (ended(Outcome.SKIPPED, error="start failed"), "debug"),
    ],
)
def test_a_failure_is_a_warning_or_an_error_and_what_it_skips_is_not_listed(lines, result, level):
    RunLog().following(silent)(ProgressEvent(kind="finished", action=ACTION, result=result))
    assert [row["log_level"] for row in lines] == [level]


def test_a_run_that_found_nothing_new_is_a_debug_line(lines):
    log = RunLog()
    for run in (report(), report(), report(commit="d" * 40), report(commit="d" * 40)):
        log.finished(run)
    assert [row["log_level"] for row in lines] == ["info", "debug", "info", "debug"]


def test_a_run_that_fails_is_a_warning_once_until_something_changes(lines):
    log = RunLog()
    for run in (report(error="gone", exit_code=1), report(error="gone", exit_code=1), report()):
        log.finished(run)
    assert [row["log_level"] for row in lines] == ["warning", "debug", "info"]


def test_skipped_actions_are_counted_in_the_line_of_the_run(lines):
    RunLog().finished(report(ended(Outcome.FAILED), ended(Outcome.SKIPPED), ended(Outcome.SKIPPED)))
    assert (lines[0]["action_count"], lines[0]["skipped_count"]) == (3, 2)


def test_a_wait_that_goes_on_in_the_next_run_is_logged_once_and_warns_of_nothing(lines):
    log = RunLog()
    left = ended(Outcome.SKIPPED, skip_reason=SkipReason.RUN_STOPPED)
    for _ in range(3):
        follow = log.following(silent)
        follow(ProgressEvent(kind="started", action=ACTION))
        follow(ProgressEvent(kind="finished", action=ACTION, result=left))
        log.finished(report(left, exit_code=1, status="progressing"))
    follow(ProgressEvent(kind="started", action=ACTION))
    follow(ProgressEvent(kind="finished", action=ACTION, result=ended(Outcome.DONE)))
    assert [(row["event"], row["log_level"]) for row in lines if row["log_level"] != "debug"] == [
        ("action.started", "info"),
        ("run.finished", "info"),
        ("action.finished", "info"),
    ]
