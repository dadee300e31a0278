"""Exit codes as a table: where several hold, the first of the contract's order wins."""

from dataclasses import replace

import pytest

from gitops_orch.cli.verbs.picture_exit_code import hosts_code, plan_code, status_code
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.plan.plan import Plan, PlanHold, Refusal
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.status import AppHealth, AppReleaseState, AppStatus, HostStatus, Status, Sync

SHOP, MAIL = AppKey(namespace="default", name="shop"), AppKey(namespace="default", name="mail")
PULL = Action(id="1", payload=Pull(image="x"), host="edge", target="x", reason="because", app=SHOP)
WELL = AppStatus(
    key=SHOP,
    sync=Sync.IN_SYNC,
    health=AppHealth.HEALTHY,
    fresh=True,
    commit="c",
    release="r",
    release_state=AppReleaseState.STABLE,
)
CALM = Status(commit="c", fetched_at=None, plan=Plan(commit="c"), apps=(WELL,), hosts=())
MISTAKE = Problem(position=Position(path="x"), message="wrong")


def planned(**more) -> Status:
    return replace(CALM, plan=Plan(commit="c", **more))


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (CALM, 0),
        (planned(actions=(PULL,)), 2),
        (planned(holds=(PlanHold(subject="x", reason="y"),)), 0),
        (planned(holds=(PlanHold(subject="x", reason="y", error=True),)), 1),
        (planned(actions=(PULL,), unknown_hosts=("edge",)), 3),
        (planned(unknown_apps=(SHOP,)), 3),
        (planned(files_unknown={SHOP: "its files cannot be read"}), 3),
        (planned(refusals=(Refusal(rule="x", message="y"),), unknown_hosts=("edge",)), 1),
        (replace(CALM, error="Git is down"), 1),
        (replace(CALM, problems=(MISTAKE,)), 1),
        (replace(CALM, problems=(replace(MISTAKE, severity=Severity.WARNING),)), 0),
    ],
)
def test_plan_is_1_before_3_before_2_before_0(picture, code):
    assert plan_code(picture) == code


def test_a_diff_of_one_app_counts_its_changes_alone():
    picture = planned(actions=(PULL,))
    assert plan_code(picture, SHOP) == 2
    assert plan_code(picture, MAIL) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"health": AppHealth.SUSPENDED}, 0),
        ({"health": AppHealth.DEGRADED}, 2),
        ({"health": AppHealth.PROGRESSING}, 2),
        ({"sync": Sync.OUT_OF_SYNC}, 2),
        ({"sync": Sync.HELD}, 2),
        ({"sync": Sync.UNKNOWN, "health": AppHealth.DEGRADED}, 3),
        ({"health": AppHealth.UNKNOWN}, 3),
        ({"fresh": False}, 3),
    ],
)
def test_status_is_3_where_something_is_unknown_or_stale_before_2_where_something_is_not_well(change, code):
    assert status_code(replace(CALM, apps=(WELL, replace(WELL, **change)))) == code


@pytest.mark.parametrize("commit", ["", "c"])
def test_status_is_3_where_no_commit_can_be_read(commit):
    assert status_code(replace(CALM, commit=commit, error="Git is down")) == 3


def test_a_host_that_did_not_answer_is_unknown_to_status_and_an_error_to_hosts():
    silent = replace(CALM, hosts=(HostStatus(name="edge", state="unknown", observed_at=None),))
    assert (status_code(silent), hosts_code(silent)) == (3, 1)


def test_hosts_that_answer_are_well_whatever_is_planned_for_them():
    drained = replace(CALM, hosts=(HostStatus(name="edge", state="drain", observed_at=None),))
    assert (status_code(drained), hosts_code(drained)) == (0, 0)
