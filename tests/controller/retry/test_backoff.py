"""How long an app waits after trouble that is not its own."""

from datetime import UTC, datetime

import pytest

from gitops_orch.controller.retry.backoff import Backoff
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.status import ActionResult, FailureKind, Outcome

APP = AppKey(namespace="default", name="shop")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def result(outcome=Outcome.FAILED, *, release="one", failure=FailureKind.OTHER):
    action = Action(
        id="pull",
        payload=Pull(image="x:1"),
        host="h1",
        target="x:1",
        name="x:1",
        reason="",
        app=APP,
        release=release,
    )
    return ActionResult(
        action=action, outcome=outcome, duration_ms=1, error="registry is down", failure=failure
    )


def waits_s(backoff, now_s=0.0, digest="one"):
    hold = backoff.holds({APP: digest}, now_s, NOW).get(APP)
    return (hold.until - NOW).total_seconds() if hold else None


def test_each_trouble_doubles_the_wait_up_to_a_limit():
    backoff = Backoff()
    waits = []
    for _ in range(8):
        backoff.note([result()], 0.0)
        waits.append(waits_s(backoff))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_the_reason_says_what_happened():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    assert "registry is down" in backoff.holds({APP: "one"}, 0.0, NOW)[APP].reason


def test_the_wait_ends():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    assert waits_s(backoff, 10.0) is None


def test_a_changed_app_is_tried_at_once():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    assert waits_s(backoff, digest="two") is None


def test_what_serves_meanwhile_is_no_proof_that_the_trouble_is_over():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    backoff.note([result(Outcome.DONE)], 0.0, waiting={APP})
    backoff.note([result()], 0.0)
    assert waits_s(backoff) == 20


def test_success_forgets_the_trouble():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    backoff.note([result(Outcome.DONE)], 0.0)
    backoff.note([result()], 0.0)
    assert waits_s(backoff) == 10


@pytest.mark.parametrize("others", [(), (Outcome.DONE,)])
def test_an_attempt_that_was_broken_off_does_not_say_that_the_trouble_is_over(others):
    backoff = Backoff()
    for wait_s in (10, 20, 40):
        backoff.note([result()], 0.0)
        assert waits_s(backoff) == wait_s
        backoff.note([*map(result, others), result(Outcome.SKIPPED)], 100.0)


def test_a_failed_gate_that_quarantines_is_no_trouble_of_the_world():
    backoff = Backoff()
    backoff.note([result(failure=FailureKind.GATE)], 0.0, frozenset({APP}))
    assert waits_s(backoff) is None


def test_a_failed_gate_of_a_release_that_was_stable_is_not_tried_in_every_run():
    backoff = Backoff()
    backoff.note([result(failure=FailureKind.GATE)], 0.0)
    assert waits_s(backoff) == 10


def test_the_end_of_a_wait_is_told_once_to_who_asks_for_one_span_after_another():
    backoff = Backoff()
    backoff.note([result()], 0.0)
    told = [backoff.expires_between(second, second + 1) for second in range(12)]
    assert told.count(True) == 1
