"""What history keeps of reverts in Git, and of those that people took back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from gitops_orch.history.records import RevertRecord
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import Release, ReleaseState

SHOP = AppKey(namespace="default", name="shop")
BLOG = AppKey(namespace="team", name="shop")
NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
RECORD = RevertRecord(
    app=SHOP,
    digest="bad",
    to_digest="good",
    head="c" * 40,
    state="failed",
    message="main is protected",
    hint="let this login push",
    commit="",
    tries=1,
    at=NOW,
    until=NOW + timedelta(seconds=60),
)


def failed(app: AppKey, digest: str = "bad") -> Release:
    return Release(app=app, digest=digest, commit="c" * 40, state=ReleaseState.FAILED, reason="it", at=NOW)


def test_reverts_survive_a_restart_and_the_last_word_holds(open_history):
    first = open_history()
    first.record_revert(RECORD)
    last = replace(RECORD, state="pushed", commit="d" * 40, tries=2)
    first.record_revert(last)
    first.record_revert(replace(RECORD, app=BLOG))
    first.close()
    assert open_history().reverts() == {(SHOP, "bad"): last, (BLOG, "bad"): replace(RECORD, app=BLOG)}


def test_relanding_lifts_the_quarantine_of_that_release_alone_and_is_remembered(open_history):
    first = open_history()
    for release in (failed(SHOP), failed(SHOP, "worse"), failed(BLOG)):
        first.mark_release(release)
    for record in (RECORD, replace(RECORD, digest="worse"), replace(RECORD, app=BLOG)):
        first.record_revert(record)
    first.record_reverted_revert(SHOP, "bad", "e" * 40)
    first.record_reverted_revert(SHOP, "bad", "e" * 40)
    first.close()
    history = open_history()
    assert set(history.failed_digests(SHOP)) == {"worse"}
    assert set(history.failed_digests(BLOG)) == {"bad"}
    assert set(history.reverts()) == {(SHOP, "worse"), (BLOG, "bad")}
    assert history.reverted_reverts() == {(SHOP, "e" * 40)}


def test_relanding_leaves_a_release_that_is_stable_by_now(history):
    history.mark_release(replace(failed(SHOP), state=ReleaseState.STABLE))
    history.record_reverted_revert(SHOP, "bad", "e" * 40)
    assert [release.digest for release in history.releases(SHOP)] == ["bad"]


def test_a_retry_forgets_the_reverts_of_that_app_alone(history):
    for app in (SHOP, BLOG):
        history.mark_release(failed(app))
        history.record_revert(replace(RECORD, app=app))
    history.clear_failed(SHOP)
    assert set(history.reverts()) == {(BLOG, "bad")}


def test_trimming_forgets_the_reverts_of_the_releases_that_it_forgets(history):
    for digest in ("bad", "worse"):
        history.mark_release(failed(SHOP, digest))
        history.record_revert(replace(RECORD, digest=digest))
    history.trim(runs=10, releases=1)
    assert set(history.reverts()) == {(SHOP, "worse")}


def test_a_history_that_was_made_without_these_tables_gets_them(open_history):
    first = open_history()
    with first._store.begin() as connection:
        for table in ("reverts", "relanded"):
            connection.execute(text(f"DROP TABLE {table}"))
    first.close()
    assert open_history().reverts() == {}


def test_what_another_process_writes_is_seen_at_the_next_look(open_history):
    mine, theirs = open_history(), open_history()
    for step, expected in (
        (lambda: theirs.mark_release(failed(SHOP)), {"bad"}),
        (lambda: theirs.mark_release(failed(SHOP, "worse")), {"bad", "worse"}),
        (lambda: theirs.mark_release(replace(failed(SHOP), state=ReleaseState.STABLE)), {"worse"}),
        (lambda: theirs.clear_failed(SHOP), set()),
    ):
        step()
        rows = mine.releases()
        assert {row.digest for row in rows if row.state is ReleaseState.FAILED} == expected


def test_all_releases_are_read_again_only_after_a_change(history):
    history.mark_release(failed(SHOP))
    before = history.releases()
    assert history.releases() is before
    history.mark_release(failed(SHOP))
    assert history.releases() is not before


def test_a_file_that_is_lost_takes_all_releases_with_it(open_history, tmp_path):
    history = open_history()
    history.mark_release(failed(SHOP))
    assert len(history.releases()) == 1
    for file in (tmp_path / "state").glob("history.db*"):
        file.unlink()
    history.mark_release(failed(BLOG))
    assert [row.app for row in history.releases()] == [BLOG]
