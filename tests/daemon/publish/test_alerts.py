"""Which facts of a run people are told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lab.commands import wait_for

from gitops_orch.daemon.publish.alerts import send_alerts, send_revert_alerts, troubles_of
from gitops_orch.daemon.publish.metrics import Metrics
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import InvalidFile
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.plan.plan import Plan, PlanHold, Refusal
from gitops_orch.model.status import (
    ActionResult,
    AppHealth,
    AppReleaseState,
    AppStatus,
    HostStatus,
    Outcome,
    RevertReport,
    RunReport,
    Status,
    Sync,
)
from gitops_orch.model.trouble import Trouble
from gitops_orch.notify import Notice, NoticeKind, Outbox

AT = datetime(2026, 1, 1, tzinfo=UTC)
WELL = AppStatus(
    key=AppKey(namespace="default", name="shop"),
    sync=Sync.IN_SYNC,
    health=AppHealth.HEALTHY,
    fresh=True,
    commit="c",
    release="r",
    release_state=AppReleaseState.STABLE,
)


def report(*apps: AppStatus, **more) -> RunReport:
    picture = Status(commit="c", fetched_at=AT, plan=Plan(commit="c"), apps=apps, hosts=())
    return RunReport(
        id="1",
        trigger="poll",
        started_at=AT,
        duration_ms=120,
        final_status=replace(picture, **more),
        first_plan=Plan(commit="c"),
    )


def test_a_fleet_that_is_well_is_no_news():
    assert troubles_of(report(WELL)) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"release_state": AppReleaseState.ROLLED_BACK},
        {"release_state": AppReleaseState.FAILED},
        {"health": AppHealth.DEGRADED},
        {"health": AppHealth.MISSING},
    ],
)
def test_an_app_in_trouble_is_news_with_its_reason(change):
    troubles = troubles_of(report(replace(WELL, reason="its gate failed", **change)))
    assert "its gate failed" in troubles["default/shop"].message
    assert troubles["default/shop"].details[-1].startswith("what to do: ")


@pytest.mark.parametrize("health", [AppHealth.PROGRESSING, AppHealth.DEGRADED, AppHealth.MISSING])
def test_a_rollout_under_way_is_no_news(health):
    release_state = AppReleaseState.PROGRESSING
    under_way = replace(WELL, sync=Sync.OUT_OF_SYNC, health=health, release_state=release_state)
    assert troubles_of(report(under_way)) == {}


def test_a_silent_host_a_silent_remote_and_a_refusal_are_news():
    silent = HostStatus(name="edge", state="unknown", observed_at=None, reason="no answer in 15 s")
    refused = Plan(commit="c", refusals=(Refusal(rule="budget", message="14 of 20 would go"),))
    troubles = troubles_of(report(hosts=(silent,), plan=refused, error="no route to host"))
    assert {subject: notice.message for subject, notice in troubles.items()} == {
        "host edge": "no answer in 15 s",
        "controller": "no route to host; 14 of 20 would go",
    }


def test_a_notice_names_host_commit_and_author():
    app = replace(WELL, health=AppHealth.DEGRADED, hosts=("h1", "h2"), reason="it exited with code 1")
    details = troubles_of(report(app), lambda commit: f"{commit} Deploy it (Ann)")["default/shop"].details
    assert details[:2] == ("host: h1, h2", "commit: c Deploy it (Ann)")


@pytest.mark.parametrize(
    ("attempts", "told"), [(1, []), (2, ["pull x on h1: refused"]), (7, ["pull x on h1: refused"])]
)
def test_a_failure_that_is_not_the_releases_own_is_news_after_its_second_attempt(attempts, told):
    under_way = replace(WELL, sync=Sync.OUT_OF_SYNC, health=AppHealth.PROGRESSING)
    trouble = Trouble(
        app=WELL.key, digest="r", reason="pull x on h1: refused", since=AT, at=AT, attempts=attempts
    )
    notices = troubles_of(report(under_way), troubles={WELL.key: trouble})
    assert [notice.message for notice in notices.values()] == told


def test_a_host_that_is_down_is_one_message_that_names_its_apps():
    silent = HostStatus(name="edge", state="unknown", observed_at=None, reason="no answer in 15 s")
    app = replace(WELL, sync=Sync.UNKNOWN, health=AppHealth.UNKNOWN, hosts=("edge",))
    troubles = troubles_of(report(app, hosts=(silent,)))
    assert list(troubles) == ["host edge"]
    assert "apps there: default/shop" in troubles["host edge"].details


def test_metrics_count_what_a_run_did_and_forget_apps_that_are_gone():
    metrics = Metrics()
    action = Action(id="1", payload=Pull(image="x"), host="edge", target="x", reason="because")
    done = ActionResult(action=action, outcome=Outcome.DONE, duration_ms=1)
    metrics.record(replace(report(WELL), results=(done,)))
    text = metrics.exposition(is_alive=True).decode()
    assert 'gitops_orch_actions_total{kind="pull",result="done"} 1.0' in text
    assert 'gitops_orch_app_healthy{app="shop",namespace="default"} 1.0' in text
    metrics.record(report())
    assert 'app="shop"' not in metrics.exposition(is_alive=True).decode()


def test_a_revert_in_git_is_news_of_the_run_that_made_it_and_counted():
    news = RevertReport(app=WELL.key, commit="d", pushed=True, message="reverted in Git by d")
    told = replace(report(WELL), reverts=(news,))
    assert [notice.message for notice in troubles_of(told).values()] == ["reverted in Git by d"]
    metrics = Metrics()
    metrics.record(told)
    metrics.record(replace(report(WELL), reverts=(replace(news, pushed=False),)))
    text = metrics.exposition(is_alive=True).decode()
    assert 'gitops_orch_reverts_total{result="pushed"} 1.0' in text
    assert 'gitops_orch_reverts_total{result="not-pushed"} 1.0' in text


def test_a_run_that_saw_nothing_says_of_nobody_that_all_is_well_again():
    told = []

    class Inbox:
        def deliver(self, notice):
            told.append(notice.subject)
            return True

    outbox = Outbox([Inbox()])
    silent = HostStatus(name="edge", state="unknown", observed_at=None, reason="no answer in 15 s")
    send_alerts(outbox, report(replace(WELL, health=AppHealth.DEGRADED), hosts=(silent,)))
    send_alerts(outbox, report(error="the mirror is damaged"))
    outbox.close()
    assert told == ["default/shop", "host edge", "controller"]


CHECK = "shop-web-1 on h1: its health check fails: timed out after {} ms; x-gitops.drift forbids a repair"
LOOKUP = "pull x on h1: lookup registry: read udp 172.17.0.2:{}->8.8.8.8:53: i/o timeout"


@pytest.mark.parametrize("message", [CHECK, LOOKUP, "its healthcheck reports unhealthy: at {} o'clock"])
def test_a_reason_that_differs_only_in_what_was_printed_is_told_once(message):
    told = []

    class Inbox:
        def deliver(self, notice):
            told.append(notice.message)
            return True

    outbox = Outbox([Inbox()])
    for number in (5001, 5002, 47834):
        outbox.send(Notice(subject="default/shop", message=message.format(number)))
        outbox.send(Notice(subject="host edge", message=f"mark {number}"))
        wait_for("the mark", lambda number=number: f"mark {number}" in told)
    outbox.close()
    assert told == [message.format(5001), "mark 5001", "mark 5002", "mark 47834"]


@pytest.mark.parametrize("subject", ["default/shop", "volume data"])
def test_what_holds_an_app_that_runs_on_is_news_at_once(subject):
    hold = PlanHold(subject=subject, reason="port 80 is taken on h1", app=WELL.key, error=True)
    notice = troubles_of(report(WELL, plan=Plan(commit="c", holds=(hold,))))["default/shop"]
    assert "port 80 is taken on h1" in notice.message
    assert notice.kind is NoticeKind.WARNING


def test_a_hold_that_was_wished_for_is_no_news():
    hold = PlanHold(subject="default/shop", reason="held until tomorrow", app=WELL.key)
    assert troubles_of(report(WELL, plan=Plan(commit="c", holds=(hold,)))) == {}


def given_up(until: str) -> RunReport:
    reason = f"name was repaired 5 times; it is left alone until {until}, until the app changes"
    hold = PlanHold(subject="shop-api-1 on h1", reason=reason, app=WELL.key, error=True, stopped=True)
    return report(WELL, plan=Plan(commit="c", holds=(hold,)))


def test_healing_that_was_given_up_is_news_once_though_its_end_is_told_to_the_second():
    told = {troubles_of(given_up(until))["default/shop"].message for until in ("10:00:00Z", "10:00:01Z")}
    assert told == {"shop-api-1 on h1: name was repaired 5 times"}


def test_healing_that_was_given_up_is_counted():
    metrics = Metrics()
    metrics.record(given_up("10:00:00Z"))
    line = 'gitops_orch_app_healing_stopped{app="shop",namespace="default"} 1.0'
    assert line in metrics.exposition(is_alive=True).decode()


class Box:
    """Notes what is told and what is settled."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.troubled: set[str] = set()

    def send(self, notice) -> None:
        self.told.append(f"{notice.subject}: {notice.message}")

    def settle(self, troubled) -> None:
        self.troubled = set(troubled)


@pytest.mark.parametrize("silent", [False, True])
def test_a_mistake_in_a_file_is_news_whatever_other_hosts_do(silent):
    mistake = "shop/compose.yaml:3:5: services.api.imgae: unknown key"
    hold = PlanHold(subject="default/shop", reason=mistake, app=WELL.key)
    edge = HostStatus(name="edge", state="unknown", observed_at=None, reason="no answer in 15 s")
    broken = replace(WELL, sync=Sync.UNKNOWN, hosts=("h1",))
    plan = Plan(commit="c", holds=(hold,))
    notices = troubles_of(report(broken, plan=plan, hosts=(edge,) if silent else ()))
    assert mistake in notices["default/shop"].message


def test_a_file_that_belongs_to_no_app_is_news_with_its_mistake():
    broken = InvalidFile(path="new/compose.yaml", key=None, mistake="new/compose.yaml:1:11: not YAML")
    (notice,) = troubles_of(report(WELL, invalid_files=(broken,))).values()
    assert (notice.subject, notice.message) == ("file new/compose.yaml", "new/compose.yaml:1:11: not YAML")


def test_the_end_of_what_cannot_be_seen_or_is_tried_again_is_not_told():
    box = Box()
    edge = HostStatus(name="edge", state="unknown", observed_at=None, reason="no answer in 15 s")
    send_alerts(box, report(replace(WELL, sync=Sync.UNKNOWN, hosts=("edge",)), hosts=(edge,)))
    assert box.troubled == {"host edge", "default/shop"}
    first = Trouble(app=WELL.key, digest="new", reason="cannot be pulled", since=AT, at=AT, attempts=1)
    send_alerts(box, report(WELL), troubles={WELL.key: first})
    assert box.troubled == {"default/shop"}
    assert box.told == ["host edge: no answer in 15 s"]


def test_a_run_over_some_apps_tells_what_it_reverted_in_git():
    box = Box()
    news = RevertReport(app=WELL.key, commit="d", pushed=True, message="reverted in Git by d")
    send_revert_alerts(box, replace(report(replace(WELL, health=AppHealth.DEGRADED)), reverts=(news,)))
    assert box.told == ["default/shop: reverted in Git by d"]
