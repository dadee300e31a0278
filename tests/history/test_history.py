from datetime import UTC, datetime, timedelta, timezone

import pytest

from gitops_orch.errors import HistoryError
from gitops_orch.history.bounds import TRIMMED_EVERY
from gitops_orch.history.records import ImageRecord, RunRecord
from gitops_orch.history.runs import REQUEST_ROWS_MAX
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.observed import Placed
from gitops_orch.model.release import Release, ReleaseState

SHOP = AppKey(namespace="default", name="shop")
BLOG = AppKey(namespace="team", name="shop")
NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)


def release(digest, state=ReleaseState.STABLE, *, app=SHOP, **fields):
    return Release(app=app, digest=digest, commit="c" * 40, state=state, at=NOW, **fields)


def run(number, *apps, commit="c" * 40):
    return RunRecord(
        id=f"run-{number}",
        commit=commit,
        author="Ada",
        trigger="poll",
        started_at=NOW + timedelta(seconds=number),
        duration_ms=12,
        status="in-sync",
        exit_code=0,
        plan_digest="d" * 64,
        plan_json={"actions": [{"id": "1", "changes": [{"from": None, "to": 1.5}]}]},
        results_json={"actions": []},
        apps=apps,
    )


def image(container, digest="r1", *, app=SHOP):
    return ImageRecord(
        app=app,
        service="web",
        slot=1,
        host="h1",
        container=container,
        reference="nginx:1",
        image_id="sha256:1",
        digests=("nginx@sha256:2",),
        commit="c" * 40,
        release=digest,
        at=NOW,
    )


def test_everything_survives_a_restart(open_history):
    first = open_history()
    first.mark_release(release("d1"))
    first.pin(SHOP, "c" * 40, "d1", "by hand")
    first.hold(BLOG, Hold(reason="move", until=NOW))
    first.remember_host("h1", (Placed(app=SHOP, service="web", slot=2),), NOW)
    first.record_image(image("web-1"))
    first.record_run(run(1, SHOP))
    first.record_event("h1", "web-1", NOW, "die", "exit 1")
    first.set_salt("salt")
    first.set_last_commit("https://x", "main", "a" * 40)
    first.accept("b" * 40)
    first.close()
    later = open_history()
    assert later.releases() == (release("d1"),)
    assert later.pins()[SHOP].digest == "d1"
    assert later.holds() == {BLOG: Hold(reason="move", until=NOW)}
    assert later.remembered() == {"h1": (Placed(app=SHOP, service="web", slot=2),)}
    assert later.images(SHOP) == (image("web-1"),)
    assert later.runs() == (run(1, SHOP),)
    assert [(told.event, told.detail, told.at) for told in later.timeline("web-1")] == [
        ("die", "exit 1", NOW)
    ]
    assert (later.salt(), later.last_commit("https://x", "main")) == ("salt", "a" * 40)
    assert later.accepted() == {"b" * 40}
    assert not later.rebuilt


def test_the_last_stable_release_is_found_behind_failed_ones(history):
    for made in (release("d1"), release("d2"), release("d3", ReleaseState.FAILED, reason="gate")):
        history.mark_release(made)
    assert history.stable(SHOP) == release("d2")
    assert history.failed_digests(SHOP) == {"d3": "gate"}
    assert history.stable(BLOG) is None


def test_a_release_has_one_state_and_marking_it_again_makes_it_the_newest(history):
    history.mark_release(release("d1", ReleaseState.PROGRESSING))
    history.mark_release(release("d2"))
    history.mark_release(release("d1"))
    assert [(told.digest, told.state) for told in history.releases(SHOP)] == [
        ("d1", ReleaseState.STABLE),
        ("d2", ReleaseState.STABLE),
    ]
    assert history.stable(SHOP) == release("d1")


def test_a_release_that_only_labels_tell_of_stays_known_as_such_after_a_restart(open_history):
    """It is no proof that the app was deployed from this repository."""
    history = open_history()
    history.mark_release(release("one"))
    history.mark_release(release("two", recovered=True))
    history.close()
    assert {each.digest: each.recovered for each in open_history().releases()} == {"one": False, "two": True}


def test_a_retry_lifts_the_quarantine_of_one_app_alone(history):
    for app in (SHOP, BLOG):
        history.mark_release(release("bad", ReleaseState.FAILED, app=app))
        history.mark_release(release("good", app=app))
    history.clear_failed(SHOP)
    assert history.failed_digests(SHOP) == {}
    assert set(history.failed_digests(BLOG)) == {"bad"}
    assert history.stable(SHOP) is not None


def test_a_pin_replaces_the_former_and_is_lifted(history):
    history.pin(SHOP, "1" * 40, "d1", "one")
    history.pin(SHOP, "2" * 40, "d2", "two")
    assert {app: (pin.commit, pin.digest, pin.reason) for app, pin in history.pins().items()} == {
        SHOP: ("2" * 40, "d2", "two")
    }
    history.unpin(SHOP)
    history.unpin(SHOP)
    assert history.pins() == {}


def test_a_hold_without_an_end_lasts_until_it_is_resumed(history):
    history.hold(SHOP, Hold(reason="x"))
    assert history.holds()[SHOP].until is None
    history.resume(SHOP)
    assert history.holds() == {}


def test_times_of_any_zone_come_back_as_the_same_moment(history):
    until = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    history.hold(SHOP, Hold(reason="x", until=until))
    found = history.holds()[SHOP].until
    assert found == until
    assert found.utcoffset() == timedelta(0)


def test_a_host_that_answered_empty_differs_from_one_that_never_answered(history):
    history.remember_host("h1", (Placed(app=SHOP, service="web", slot=1),), NOW)
    history.remember_host("h1", (), NOW)
    assert history.remembered() == {"h1": ()}
    assert "h2" not in history.remembered()


def test_that_history_is_continuous_is_no_host_that_it_remembers(history):
    assert not history.is_continuous()
    history.note_continuity(NOW)
    history.remember_host("h1", (), NOW)
    assert history.is_continuous()
    assert history.remembered() == {"h1": ()}


def test_a_history_of_the_version_before_is_continuous_by_its_host_without_a_name(history):
    history.remember_host("", (), NOW)
    assert history.is_continuous()
    assert history.remembered() == {}


def test_what_is_known_of_one_host_does_not_touch_another(history):
    one = (Placed(app=SHOP, service="web", slot=1), Placed(app=BLOG, service="web", slot=1))
    history.remember_host("h1", one, NOW)
    history.remember_host("h2", one[:1], NOW)
    history.remember_host("h2", (), NOW)
    assert history.remembered() == {"h1": one, "h2": ()}


def test_images_are_told_by_app_and_release_and_once_per_container(history):
    history.record_image(image("web-1", "r1"))
    history.record_image(image("web-2", "r2"))
    history.record_image(image("web-1", "r3"))
    history.record_image(image("web-9", "r1", app=BLOG))
    assert [told.container for told in history.images(SHOP)] == ["web-1", "web-2"]
    assert history.images(SHOP, "r1") == ()
    assert history.images(SHOP, "r3") == (image("web-1", "r3"),)


def test_runs_are_told_newest_first_and_by_app(history):
    for made in (run(1, SHOP), run(2, BLOG, SHOP), run(3)):
        history.record_run(made)
    assert [told.id for told in history.runs()] == ["run-3", "run-2", "run-1"]
    assert [told.id for told in history.runs(SHOP)] == ["run-2", "run-1"]
    assert [told.id for told in history.runs(limit=1)] == ["run-3"]
    assert history.runs(BLOG)[0].apps == (SHOP, BLOG)


def test_a_request_waits_until_it_is_answered(history, open_history):
    service = open_history()
    number = history.request("sync", {"app": "shop"})
    (waiting,) = service.pending_requests()
    assert (waiting.id, waiting.verb, waiting.arguments) == (number, "sync", {"app": "shop"})
    assert history.request_result(number) is None
    service.finish_request(number, 3, {"status": "unknown"})
    assert history.request_result(number) == (3, {"status": "unknown"})
    assert service.pending_requests() == ()


def test_a_request_nobody_made_has_no_result(history):
    with pytest.raises(HistoryError, match="request 77"):
        history.request_result(77)


def test_requests_are_not_heaped_up_without_end(history):
    for _ in range(100):
        history.request("sync", {})
    with pytest.raises(HistoryError, match="100 requests wait already"):
        history.request("sync", {})


def test_last_commits_are_kept_by_repository_and_branch(history):
    history.set_last_commit("u", "main", "1" * 40)
    history.set_last_commit("u", "main", "2" * 40)
    history.set_last_commit("u", "prod", "3" * 40)
    assert history.last_commit("u", "main") == "2" * 40
    assert history.last_commit("u", "prod") == "3" * 40
    assert history.last_commit("v", "main") is None
    assert history.salt() is None


def test_trimming_keeps_the_newest(history):
    for number in range(10):
        history.record_run(run(number, SHOP))
        history.mark_release(release(f"d{number}"))
        history.mark_release(release(f"d{number}", app=BLOG))
        history.record_image(image(f"web-{number}", f"d{number}"))
    history.trim(runs=3, releases=2)
    assert [told.id for told in history.runs(SHOP)] == ["run-9", "run-8", "run-7"]
    assert [told.digest for told in history.releases(SHOP)] == ["d9", "d8"]
    assert [told.digest for told in history.releases(BLOG)] == ["d9", "d8"]
    assert [told.release for told in history.images(SHOP)] == ["d9", "d8"]


def test_trimming_never_forgets_what_an_app_could_go_back_to(history):
    history.mark_release(release("pinned"))
    history.mark_release(release("good"))
    history.record_image(image("web-1", "good"))
    history.pin(SHOP, "c" * 40, "pinned", "x")
    for number in range(5):
        history.mark_release(release(f"bad{number}", ReleaseState.FAILED))
    history.trim(runs=1, releases=2)
    assert history.stable(SHOP) == release("good")
    assert [told.digest for told in history.releases(SHOP)] == ["bad4", "bad3", "good", "pinned"]
    assert history.images(SHOP, "good") == (image("web-1", "good"),)


def test_a_run_kept_out_of_sight_does_not_stop_the_next(history):
    history.record_run(run(1))
    history.trim(runs=0, releases=0)
    history.record_run(run(1))
    assert len(history.runs()) == 1


def test_threads_write_at_once(history):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: history.mark_release(release(f"d{number}")), range(100)))
        list(pool.map(lambda number: history.record_run(run(number, SHOP)), range(100)))
    assert len(history.releases(SHOP)) == 100
    assert len(history.runs(limit=1000)) == 100


def test_a_release_that_comes_again_has_a_row_for_each_time(history):
    for digest, state in (
        *(("a", "progressing"), ("a", "stable"), ("b", "progressing"), ("b", "failed")),
        *(("a", "stable"), ("b", "stable")),
    ):
        history.mark_release(
            Release(app=SHOP, digest=digest, commit="c" * 40, state=ReleaseState(state), reason="")
        )
    logged = [(each.digest, each.state.value) for each in history.release_log(SHOP)]
    assert logged == [("b", "stable"), ("a", "stable"), ("b", "failed"), ("a", "stable")]
    assert [each.digest for each in history.release_log(limit=2)] == ["b", "a"]
    assert len(history.releases(SHOP)) == 2


@pytest.mark.parametrize("rows_max", [10, 250])
def test_events_do_not_grow_without_limit_though_no_run_is_recorded(history, monkeypatch, rows_max):
    monkeypatch.setattr("gitops_orch.history.fleet.EVENT_ROWS_MAX", rows_max)
    for number in range(600):
        history.record_event("h1", "web-1", NOW, "die", str(number))
    told = [each.detail for each in history.timeline("web-1")]
    assert len(told) <= rows_max + TRIMMED_EVERY
    assert told[-1] == "599"


def test_answered_requests_do_not_grow_without_limit_though_no_run_is_recorded(history):
    for _ in range(2 * REQUEST_ROWS_MAX):
        number = history.request("hold", {})
        history.finish_request(number, 0, {})
    first = number - REQUEST_ROWS_MAX - TRIMMED_EVERY
    assert history.request_result(number) == (0, {})
    with pytest.raises(HistoryError):
        history.request_result(first)
