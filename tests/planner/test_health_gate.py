"""When a new container has proved itself, and when it never will."""

from datetime import timedelta

import pytest

from gitops_orch.model.app import Readiness
from gitops_orch.model.observed import Details, EndedBy, Health, ProbeResult, State
from gitops_orch.model.plan.values import Gate
from gitops_orch.planner.health_gate import (
    GateProgress,
    GateState,
    evaluate_gate,
    is_doubtful,
    is_probe_due,
    resumed,
    without_long_pause,
)
from tests.planner.builders import NOW, app, container, replace

GATE = Gate(monitor_s=10, deadline_s=60)
WELL = container(app())


def ended(code, policy="no", by=EndedBy.ITSELF, **fields):
    """A container that has exited."""
    details = Details(exit_code=code, restart_policy=policy, ended_by=by, **fields)
    return replace(WELL, state=State.EXITED, details=details)


def watched(*looks, gate=GATE):
    """Judge looks of (second, container) in turn; return the last verdict."""
    watch = GateProgress(since_s=0)
    for at, seen in looks:
        verdict = evaluate_gate(gate, watch, seen, at)
        if verdict.state is not GateState.WAITING:
            return verdict
        watch = verdict.progress
    return verdict


def test_running_for_the_whole_monitor_period_passes():
    assert watched((0, WELL), (5, WELL)).state is GateState.WAITING
    assert watched((0, WELL), (10, WELL)).state is GateState.PASSED


def test_a_break_starts_the_period_anew():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, WELL), (6, starting), (10, WELL)).state is GateState.WAITING


def test_with_a_healthcheck_running_is_not_enough():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, starting), (30, starting)).state is GateState.WAITING
    late = watched((0, starting), (60, starting))
    assert late.state is GateState.FAILED
    assert "not healthy within 60 s" in late.reason


def test_what_does_well_at_the_deadline_may_finish_its_monitor_period_and_no_more():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, starting), (61, WELL)).state is GateState.WAITING
    assert watched((0, starting), (61, WELL), (71, WELL)).state is GateState.PASSED
    assert watched((0, starting), (61, WELL), (65, starting)).state is GateState.FAILED


def started(second, **fields):
    """A container that was started then and is not healthy yet."""
    details = Details(started_at=NOW + timedelta(seconds=second), **fields)
    return replace(WELL, health=Health.STARTING, details=details)


def test_a_start_by_a_hand_or_the_daemon_begins_the_whole_gate_again():
    restarted = watched((0, started(0)), (50, started(50)), (100, started(50)))
    assert restarted.state is GateState.WAITING
    assert watched((0, started(0)), (50, started(50)), (110, started(50))).state is GateState.FAILED


def test_a_restart_by_policy_gains_no_time():
    crashed = started(50, restart_count=1)
    assert watched((0, started(0)), (50, crashed), (60, crashed)).state is GateState.FAILED


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (replace(WELL, state=State.EXITED, details=Details(exit_code=3)), "exited with code 3"),
        (ended(1, "always", restart_count=9, error='exec: "gone": not found'), "exited with code 1"),
        (ended(3, "on-failure:2", restart_count=2), "exited with code 3"),
        (replace(WELL, health=Health.UNHEALTHY), "unhealthy"),
        (replace(WELL, state=State.RESTARTING, details=Details(exit_code=127)), "cannot be started"),
        (replace(WELL, state=State.RESTARTING, details=Details(exit_code=126)), "cannot be started"),
        (replace(WELL, details=Details(oom_killed=True)), "memory"),
        (replace(ended(3), state=State.REMOVING), "exited with code 3"),
        (replace(ended(0, oom_killed=True), state=State.DEAD), "memory"),
    ],
)
def test_what_is_certain_to_be_bad_fails_at_once(seen, reason):
    verdict = watched((0, seen))
    assert verdict.state is GateState.FAILED
    assert reason in verdict.reason


@pytest.mark.parametrize("state", [State.REMOVING, State.DEAD])
@pytest.mark.parametrize(
    "details", [None, Details(), Details(exit_code=137), Details(exit_code=143, ended_by=EndedBy.REQUEST)]
)
@pytest.mark.parametrize("gate", [GATE, replace(GATE, completes=True), replace(GATE, is_finished_job=True)])
def test_a_container_that_is_being_removed_is_no_verdict_on_its_release(state, details, gate):
    verdict = watched((0, replace(WELL, state=state, details=details)), gate=gate)
    assert verdict.state is GateState.STOPPED
    assert "remove it" in verdict.reason


def crashed(times, state=State.RUNNING, code=0):
    return replace(WELL, state=state, details=Details(restart_count=times, exit_code=code))


def test_a_crash_loop_is_found_though_it_looks_running_each_time():
    verdict = watched((0, WELL), (1, crashed(5)), (2, crashed(6)))
    assert verdict.state is GateState.FAILED
    assert "restarted 6 times" in verdict.reason


def test_a_container_that_its_policy_restarts_has_not_failed_yet():
    again = [(1, crashed(1, State.RESTARTING, 1)), (2, crashed(1)), (5, crashed(5, State.RESTARTING, 1))]
    assert watched((0, WELL), *again).state is GateState.WAITING
    assert watched((0, WELL), *again, (6, crashed(5)), (16, crashed(5))).state is GateState.PASSED


def test_monitor_begins_again_with_a_restart_that_no_look_saw():
    first = replace(WELL, details=Details(started_at=NOW))
    second = replace(WELL, details=Details(started_at=NOW + timedelta(seconds=7), restart_count=1))
    assert watched((0, first), (7, second), (12, second)).state is GateState.WAITING
    assert watched((0, first), (7, second), (17, second)).state is GateState.PASSED


def test_the_file_says_how_many_restarts_there_may_be():
    strict, patient = replace(GATE, restarts_max=0), replace(GATE, restarts_max=20)
    assert watched((0, WELL), (1, crashed(1)), gate=strict).state is GateState.FAILED
    assert watched((0, WELL), (1, crashed(20)), gate=patient).state is GateState.WAITING


def test_restarts_before_its_dependencies_have_passed_do_not_count():
    watch = GateProgress(since_s=0)
    for at, times, counting in ((0, 0, False), (5, 9, False), (6, 14, True)):
        verdict = evaluate_gate(GATE, watch, crashed(times), at, counting=counting)
        assert verdict.state is GateState.WAITING
        watch = verdict.progress
    assert evaluate_gate(GATE, watch, crashed(15), 7).state is GateState.FAILED


def test_restarts_before_the_first_look_count_where_it_was_started_for_this_gate():
    verdict = watched((0, crashed(6)), gate=replace(GATE, is_new=True))
    assert verdict.state is GateState.FAILED


def test_a_start_by_a_hand_sets_the_count_back_and_a_loop_after_it_is_found():
    verdict = watched((0, crashed(4)), (1, crashed(0)), (2, crashed(6)))
    assert verdict.state is GateState.FAILED


def test_one_that_restarts_till_its_deadline_fails_and_the_reason_has_the_count():
    verdict = watched((0, WELL), (30, crashed(3, State.RESTARTING, 9)), (60, crashed(4, State.RESTARTING, 9)))
    assert verdict.state is GateState.FAILED
    assert "restarted 4 times, the last time with exit code 9" in verdict.reason


def test_between_two_starts_an_engine_calls_it_unhealthy_and_that_says_nothing():
    between = replace(crashed(1, State.RESTARTING, 1), health=Health.UNHEALTHY)
    assert watched((0, between)).state is GateState.WAITING


@pytest.mark.parametrize("code", [1, 137, 143])
def test_what_ended_by_itself_has_failed_whatever_its_exit_code_looks_like(code):
    verdict = watched((0, WELL), (1, ended(code)))
    assert (verdict.state, verdict.reason) == (GateState.FAILED, f"it exited with code {code}")


def test_old_crashes_do_not_count_against_a_container_that_is_well_now():
    scarred = replace(WELL, details=Details(restart_count=7))
    assert watched((0, scarred), (10, scarred)).state is GateState.PASSED


def test_a_job_passes_by_ending_well_and_only_so():
    job = Gate(monitor_s=0, deadline_s=60, completes=True)
    assert watched((0, WELL), (30, WELL), gate=job).state is GateState.WAITING
    assert watched((0, ended(0)), gate=job).state is GateState.PASSED
    bad = replace(WELL, state=State.EXITED, details=Details(exit_code=1))
    assert watched((0, bad), gate=job).state is GateState.FAILED


def test_without_a_monitor_period_the_first_good_look_passes():
    assert watched((0, WELL), gate=Gate(monitor_s=0, deadline_s=60)).state is GateState.PASSED


@pytest.mark.parametrize("policy", ["no", "on-failure", "on-failure:3"])
def test_a_one_shot_that_ends_with_0_and_that_nothing_restarts_is_done(policy):
    assert watched((0, WELL), (1, ended(0, policy))).state is GateState.PASSED


@pytest.mark.parametrize(
    "stopped",
    [
        ended(0, by=EndedBy.REQUEST),
        ended(1, by=EndedBy.REQUEST),
        ended(0, by=EndedBy.DAEMON),
        ended(137, by=EndedBy.DAEMON),
        ended(137, by=EndedBy.UNKNOWN),
        ended(143, by=EndedBy.UNKNOWN),
        ended(0, "always", EndedBy.UNKNOWN),
        ended(1, "unless-stopped", EndedBy.UNKNOWN),
        ended(1, "on-failure", EndedBy.UNKNOWN),
        ended(1, "on-failure:3", EndedBy.UNKNOWN, restart_count=2),
        ended(128, "always", EndedBy.UNKNOWN, error="port is already allocated"),
    ],
)
@pytest.mark.parametrize("gate", [GATE, Gate(monitor_s=0, deadline_s=60, completes=True)])
def test_what_was_stopped_from_outside_is_no_verdict(stopped, gate):
    verdict = watched((0, WELL), (1, stopped), gate=gate)
    assert verdict.state is GateState.STOPPED
    assert "it was stopped" in verdict.reason


def test_one_that_was_killed_for_want_of_memory_was_not_stopped():
    verdict = watched((0, WELL), (1, ended(137, oom_killed=True)))
    assert verdict.state is GateState.FAILED


def test_doubt_falls_on_what_is_not_plainly_well():
    assert not is_doubtful(WELL)
    assert is_doubtful(replace(WELL, details=Details(restart_count=1)))
    assert is_doubtful(replace(WELL, state=State.EXITED))
    assert is_doubtful(replace(WELL, health=Health.STARTING))


PROBED = replace(GATE, readiness=Readiness(port=80, interval_s=2, retries=2))
READY, NOT_READY = ProbeResult(ready=True), ProbeResult(ready=False, detail="connection refused")


def probed(*looks):
    """Judge looks of (second, probe) at a container that runs well; return the last verdict."""
    watch = GateProgress(since_s=0)
    for at, answer in looks:
        verdict = evaluate_gate(PROBED, watch, WELL, at, answer)
        if verdict.state is not GateState.WAITING:
            return verdict
        watch = verdict.progress
    return verdict


def test_with_a_probe_running_is_not_enough():
    assert probed((0, NOT_READY), (30, NOT_READY)).state is GateState.WAITING
    late = probed((0, NOT_READY), (60, NOT_READY))
    assert late.state is GateState.FAILED
    assert "not ready: connection refused" in late.reason


def test_readiness_counts_from_the_first_probe_that_passes():
    assert probed((0, NOT_READY), (5, READY), (14, READY)).state is GateState.WAITING
    assert probed((0, NOT_READY), (5, READY), (15, READY)).state is GateState.PASSED


def test_one_failed_probe_is_no_break_but_does_not_pass_either():
    assert probed((0, READY), (5, NOT_READY), (10, READY)).state is GateState.PASSED
    assert probed((0, READY), (10, NOT_READY)).state is GateState.WAITING


def test_failures_in_a_row_start_the_period_anew():
    flapping = [(0, READY), (4, NOT_READY), (6, NOT_READY), (8, READY)]
    assert probed(*flapping, (12, READY)).state is GateState.WAITING
    assert probed(*flapping, (18, READY)).state is GateState.PASSED


def test_between_two_probes_the_last_answer_holds():
    assert probed((0, READY), (1, None), (10, None)).state is GateState.PASSED


def test_a_probe_is_due_at_its_interval_and_only_of_a_container_that_does_well_otherwise():
    asked = GateProgress(since_s=0, probed_at_s=4)
    assert is_probe_due(PROBED, GateProgress(since_s=0), WELL, 4)
    assert not is_probe_due(PROBED, asked, WELL, 5)
    assert is_probe_due(PROBED, asked, WELL, 6)
    assert not is_probe_due(PROBED, asked, replace(WELL, health=Health.STARTING), 6)
    assert not is_probe_due(GATE, asked, WELL, 6)


def crashed_once(second):
    """A container that its policy has just restarted."""
    again = started(second, restart_count=1)
    return replace(again, health=Health.STARTING)


@pytest.mark.parametrize("unseen_s", [45, 300, 86_400])
def test_time_in_which_nobody_looked_is_none_of_the_deadline(unseen_s):
    first = evaluate_gate(GATE, GateProgress(since_s=0), started(0), 1)
    at = 1 + unseen_s
    late = evaluate_gate(GATE, resumed(first.progress, at), crashed_once(unseen_s), at)
    assert late.state is GateState.WAITING
    end = evaluate_gate(GATE, late.progress, crashed_once(unseen_s), at + 59)
    assert end.state is GateState.FAILED


@pytest.mark.parametrize("paused_s", [61, 300, 86_400])
def test_a_long_pause_between_two_polls_of_a_run_moves_the_deadline(paused_s):
    first = evaluate_gate(GATE, GateProgress(since_s=0), started(0), 1)
    at = 1 + paused_s
    late = evaluate_gate(GATE, without_long_pause(GATE, first.progress, at), crashed_once(paused_s), at)
    assert late.state is GateState.WAITING


@pytest.mark.parametrize("every_s", [1, 10, 30, 100])
def test_slow_answers_do_not_move_the_deadline_without_end(every_s):
    watch, starting = GateProgress(since_s=0), replace(WELL, health=Health.STARTING)
    for at in range(every_s, 8 * 100, every_s):
        verdict = evaluate_gate(GATE, without_long_pause(GATE, watch, at), starting, at)
        watch = verdict.progress
        if verdict.state is GateState.FAILED:
            break
    assert verdict.state is GateState.FAILED
    assert at <= 60 * max(1, every_s / 10)


def test_the_time_that_a_probe_may_take_counts_against_the_deadline():
    slow = replace(PROBED, readiness=replace(PROBED.readiness, timeout_s=50))
    watch = GateProgress(since_s=0, polled_at_s=0)
    assert without_long_pause(slow, watch, 55).since_s == 0
    assert without_long_pause(slow, watch, 80).since_s == 20


def test_a_wait_that_was_never_looked_at_begins_with_its_first_look():
    assert resumed(GateProgress(since_s=5), 1000).since_s == 1000


@pytest.mark.parametrize("times", [2, 3])
def test_a_wait_that_is_taken_up_again_before_a_look_has_no_longer_a_deadline(times):
    watch = GateProgress(since_s=0, polled_at_s=10)
    for number in range(1, times + 1):
        watch = resumed(watch, 100 * number)
    assert watch.since_s == 100 * times - 10


@pytest.mark.parametrize("every_s", [1, 5, 10])
def test_runs_that_follow_one_another_do_not_put_the_deadline_off(every_s):
    watch, starting = GateProgress(since_s=0), replace(WELL, health=Health.STARTING)
    for at in range(0, 200, every_s):
        verdict = evaluate_gate(GATE, resumed(watch, at), starting, at)
        watch = verdict.progress
        if verdict.state is GateState.FAILED:
            break
    assert at == 60
