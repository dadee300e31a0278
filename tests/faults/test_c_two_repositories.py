"""Two repositories on one Engine: what one controller reports never leads to the loss of the other's apps (A20)."""

import pytest

from gitops_orch.cli.verbs.picture_exit_code import status_code
from tests.faults.test_y_broken_files import forget, holds, running
from tests.story import Scenario, Source

WEB = "services: {web: {image: 'stub:1'}}\n"
STATEFUL = "services: {db: {image: 'stub:1', volumes: ['data:/data']}}\nvolumes: {data: {}}\n"
JOB = "services: {job: {image: 'stub:1', x-gitops: {job: {schedule: '* * * * *'}}}, web: {image: 'stub:1'}}\n"


@pytest.fixture(params=[WEB, STATEFUL, JOB], ids=["web", "with a volume", "with a job"])
def pair(request) -> tuple[Scenario, Scenario]:
    """Two controllers of two repositories, one Engine, and no instance set."""
    first, second = Scenario(), Scenario()
    second.source = Source("second")
    second.clock, second.fleet = first.clock, first.fleet
    second.reconciler = second._reconciler()
    second.own = request.param
    first.commit({"a1/compose.yaml": request.param, "a2/compose.yaml": WEB})
    second.commit({"b1/compose.yaml": request.param})
    assert first.sync().exit_code == 0
    assert second.sync().exit_code == 0
    return first, second


def test_each_reports_the_others_apps_and_proposes_nothing_that_removes_them(pair):
    first, second = pair
    assert first.sync().exit_code == second.sync().exit_code == 0
    reason = holds(second)["default/a1"]
    assert "was never in this repository: perhaps another controller" in reason
    assert "`instance`" in reason
    assert "Allow-Prune" not in reason
    assert "accept" not in reason
    assert "was never in this repository" in holds(first)["default/b1"]


def test_status_shows_them_and_does_not_fail_for_them(pair):
    picture = pair[1].reconciler.read_status()
    assert {str(row.key) for row in picture.apps} == {"default/a1", "default/a2", "default/b1"}
    assert status_code(picture) == 0


def test_no_acceptance_removes_them(pair):
    first, second = pair
    second.commit({"b2/compose.yaml": WEB})
    second.history.accept(second.source.fetch())
    second.sync()
    assert running(first) == {"a1", "a2", "b2"}


def test_the_removal_of_all_own_apps_is_refused_though_others_run(pair):
    first, second = pair
    second.commit({"README.md": "nothing is left"})
    assert second.sync().final_status.plan.refusals
    assert "b1" in running(first)


def test_without_history_they_are_still_the_others_and_our_own_are_ours(pair):
    first, second = pair
    for _ in range(2):
        forget(second)
        second.sync()
    assert "was never in this repository" in holds(second)["default/a1"]
    second.commit({"b1/compose.yaml": second.own, "b2/compose.yaml": WEB})
    second.sync()
    forget(second)
    second.commit({"b2/compose.yaml": WEB})
    assert second.sync().exit_code == 0
    assert running(first) == {"a1", "a2", "b2"}


def test_one_that_is_named_in_full_by_a_commit_goes(pair):
    first, second = pair
    second.commit({"b2/compose.yaml": WEB})
    second.sync()
    second.commit({"b1/compose.yaml": second.own, "b2/compose.yaml": WEB})
    second.source.trailers[second.source.fetch()] = (("Allow-Prune", "default/a1"),)
    second.sync()
    assert "a1" not in running(first)
