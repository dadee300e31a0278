"""Which release an app runs."""

from gitops_orch.model.app import Rollback
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.inputs.world import Role
from gitops_orch.planner.releases.quarantine import choose_release
from tests.planner.builders import app

HEAD = app(digest="head")
STABLE = Release(app=HEAD.key, digest="stable", commit="s" * 40, state=ReleaseState.STABLE)


def choose(of=HEAD, pin=None, failed=None, stable=None):
    return choose_release(of, "h" * 40, pin=pin, failed=failed or {}, stable=stable)


def test_head_runs_where_nothing_speaks_against_it():
    assert choose(stable=STABLE).role is Role.HEAD


def test_a_failed_head_falls_back_to_the_last_stable_one():
    choice = choose(failed={"head": "it exited"}, stable=STABLE)
    assert (choice.role, choice.commit) == (Role.ROLLBACK, STABLE.commit)
    assert "it exited" in choice.reason


def test_a_failed_head_with_nothing_stable_stays_up():
    choice = choose(failed={"head": "it exited"})
    assert (choice.role, choice.stays_running) == (Role.HEAD, True)
    assert "it exited" in choice.reason


def test_a_stable_release_that_failed_since_is_no_way_back():
    assert choose(failed={"head": "x", "stable": "y"}, stable=STABLE).stays_running


def test_rollback_hold_stops_a_first_release_too():
    held = app(digest="head", rollback=Rollback.HOLD)
    assert choose(of=held, failed={"head": "x"}).role is Role.BLOCKED


def test_rollback_hold_stops_where_it_is():
    held = app(digest="head", rollback=Rollback.HOLD)
    choice = choose(of=held, failed={"head": "x"}, stable=STABLE)
    assert choice.role is Role.BLOCKED
    assert "rollback: hold" in choice.reason


def test_a_pin_wins_over_head_and_quarantine():
    choice = choose(pin=STABLE, failed={"head": "x"})
    assert (choice.role, choice.commit) == (Role.PINNED, STABLE.commit)


def test_a_quarantine_of_another_digest_does_not_touch_head():
    assert choose(failed={"older": "x"}, stable=STABLE).role is Role.HEAD
