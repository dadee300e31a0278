"""When a new container has proved itself, and when it never will."""

import pytest

from gitops_orch.model.app import Readiness
from gitops_orch.model.observed import Details, Health, ProbeResult, State
from gitops_orch.model.plan import Gate
from gitops_orch.planner.gate import Judgement, Watch, is_doubtful, is_probe_due, judge
from tests.planner.builders import app, container, replace

GATE = Gate(monitor_s=10, deadline_s=60)
WELL = container(app())


def watched(*looks, gate=GATE):
    """Judge looks of (second, container) in turn; return the last verdict."""
    watch = Watch(since_s=0)
    for at, seen in looks:
        verdict = judge(gate, watch, seen, at)
        if verdict.judgement is not Judgement.WAITING:
            return verdict
        watch = verdict.watch
    return verdict


def test_running_for_the_whole_monitor_period_passes():
    assert watched((0, WELL), (5, WELL)).judgement is Judgement.WAITING
    assert watched((0, WELL), (10, WELL)).judgement is Judgement.PASSED


def test_a_break_starts_the_period_anew():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, WELL), (6, starting), (10, WELL)).judgement is Judgement.WAITING


def test_with_a_healthcheck_running_is_not_enough():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, starting), (30, starting)).judgement is Judgement.WAITING
    late = watched((0, starting), (60, starting))
    assert late.judgement is Judgement.FAILED
    assert "not well within 60 s" in late.reason


def test_what_does_well_at_the_deadline_may_finish_its_monitor_period_and_no_more():
    starting = replace(WELL, health=Health.STARTING)
    assert watched((0, starting), (61, WELL)).judgement is Judgement.WAITING
    assert watched((0, starting), (61, WELL), (71, WELL)).judgement is Judgement.PASSED
    assert watched((0, starting), (61, WELL), (65, starting)).judgement is Judgement.FAILED


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (replace(WELL, state=State.EXITED, details=Details(exit_code=3)), "exited with code 3"),
        (replace(WELL, state=State.EXITED), "exited with code 0"),
        (replace(WELL, health=Health.UNHEALTHY), "unhealthy"),
        (replace(WELL, state=State.RESTARTING), "keeps crashing"),
        (replace(WELL, details=Details(oom_killed=True)), "memory"),
        (replace(WELL, state=State.DEAD), "is dead"),
    ],
)
def test_what_is_certain_to_be_bad_fails_at_once(seen, reason):
    verdict = watched((0, seen))
    assert verdict.judgement is Judgement.FAILED
    assert reason in verdict.reason


def test_a_crash_loop_is_found_though_it_looks_running_each_time():
    again = replace(WELL, details=Details(restart_count=1))
    assert watched((0, WELL), (1, again)).judgement is Judgement.FAILED


def test_old_crashes_do_not_count_against_a_container_that_is_well_now():
    scarred = replace(WELL, details=Details(restart_count=7))
    assert watched((0, scarred), (10, scarred)).judgement is Judgement.PASSED


def test_a_job_passes_by_ending_well_and_only_so():
    job = Gate(monitor_s=0, deadline_s=60, completes=True)
    assert watched((0, WELL), (30, WELL), gate=job).judgement is Judgement.WAITING
    assert watched((0, replace(WELL, state=State.EXITED)), gate=job).judgement is Judgement.PASSED
    bad = replace(WELL, state=State.EXITED, details=Details(exit_code=1))
    assert watched((0, bad), gate=job).judgement is Judgement.FAILED


def test_without_a_monitor_period_the_first_good_look_passes():
    assert watched((0, WELL), gate=Gate(monitor_s=0, deadline_s=60)).judgement is Judgement.PASSED


def test_doubt_falls_on_what_is_not_plainly_well():
    assert not is_doubtful(WELL)
    assert is_doubtful(replace(WELL, details=Details(restart_count=1)))
    assert is_doubtful(replace(WELL, state=State.EXITED))
    assert is_doubtful(replace(WELL, health=Health.STARTING))


PROBED = replace(GATE, readiness=Readiness(port=80, interval_s=2, retries=2))
READY, NOT_READY = ProbeResult(ready=True), ProbeResult(ready=False, detail="connection refused")


def probed(*looks):
    """Judge looks of (second, probe) at a container that runs well; return the last verdict."""
    watch = Watch(since_s=0)
    for at, answer in looks:
        verdict = judge(PROBED, watch, WELL, at, answer)
        if verdict.judgement is not Judgement.WAITING:
            return verdict
        watch = verdict.watch
    return verdict


def test_with_a_probe_running_is_not_enough():
    assert probed((0, NOT_READY), (30, NOT_READY)).judgement is Judgement.WAITING
    late = probed((0, NOT_READY), (60, NOT_READY))
    assert late.judgement is Judgement.FAILED
    assert "not ready: connection refused" in late.reason


def test_readiness_counts_from_the_first_probe_that_passes():
    assert probed((0, NOT_READY), (5, READY), (14, READY)).judgement is Judgement.WAITING
    assert probed((0, NOT_READY), (5, READY), (15, READY)).judgement is Judgement.PASSED


def test_one_failed_probe_is_no_break_but_does_not_pass_either():
    assert probed((0, READY), (5, NOT_READY), (10, READY)).judgement is Judgement.PASSED
    assert probed((0, READY), (10, NOT_READY)).judgement is Judgement.WAITING


def test_failures_in_a_row_start_the_period_anew():
    flapping = [(0, READY), (4, NOT_READY), (6, NOT_READY), (8, READY)]
    assert probed(*flapping, (12, READY)).judgement is Judgement.WAITING
    assert probed(*flapping, (18, READY)).judgement is Judgement.PASSED


def test_between_two_probes_the_last_answer_holds():
    assert probed((0, READY), (1, None), (10, None)).judgement is Judgement.PASSED


def test_a_probe_is_due_at_its_interval_and_only_of_a_container_that_does_well_otherwise():
    asked = Watch(since_s=0, probed_at_s=4)
    assert is_probe_due(PROBED, Watch(since_s=0), WELL, 4)
    assert not is_probe_due(PROBED, asked, WELL, 5)
    assert is_probe_due(PROBED, asked, WELL, 6)
    assert not is_probe_due(PROBED, asked, replace(WELL, health=Health.STARTING), 6)
    assert not is_probe_due(GATE, asked, WELL, 6)
