"""Git hears of it: what failed and was undone on the hosts is reverted in the repository, or it is said why not."""

from pathlib import Path

import pytest
from git_servers import http_forge
from git_story import SHOP, GitScenario, compose
from repositories import Repository

from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.controller.revert.git_revert import git_words
from gitops_orch.engine.simulated.faults import SimulatedCrash
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import SourceError
from gitops_orch.model.observed import State
from gitops_orch.model.release import ReleaseState
from gitops_orch.model.status import AppHealth, AppReleaseState, Sync
from tests.story import HOST

GOOD, BAD = compose("good:1"), compose("bad:1")


@pytest.fixture
def refusing(forge: Repository) -> Path:
    """A hook that lets nothing in."""
    hook = forge.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected, open a pull request >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


def running(story: GitScenario) -> dict[str, str]:
    return {each.id: each.image for each in story.world.containers.values() if each.state is State.RUNNING}


def test_a_release_that_failed_is_reverted_and_the_app_is_in_sync_with_nothing_touched(story):
    before = running(story)
    failed = story.push({"shop/compose.yaml": BAD}, message="make it bad")
    report = story.sync()
    head = story.forge.head()
    assert report.exit_code == 4
    assert report.final_status.commit == head
    assert story.forge.git("log", "-1", "--format=%P", head) == failed
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert running(story) == before
    shop = story.app()
    assert (shop.sync, shop.health, shop.release_state) == (
        Sync.IN_SYNC,
        AppHealth.HEALTHY,
        AppReleaseState.STABLE,
    )
    again = story.sync()
    assert (again.exit_code, again.results, story.forge.head()) == (0, (), head)
    assert running(story) == before


def test_a_release_that_fails_after_the_revert_that_it_waited_for_is_reverted_in_the_same_run(story):
    needs_shop = "x-gitops: {depends_on: [shop]}\n"
    story.push({"blog/compose.yaml": GOOD + needs_shop})
    assert story.sync().exit_code == 0
    story.push({"shop/compose.yaml": BAD, "blog/compose.yaml": BAD + needs_shop})
    report = story.sync()
    assert [each.app.name for each in report.reverts if each.pushed] == ["shop", "blog"]
    assert story.read("blog/compose.yaml") == (GOOD + needs_shop).strip()
    again = story.sync()
    assert (again.exit_code, again.results, again.reverts) == (0, (), ())


def test_the_container_that_failed_is_kept_for_a_look_until_the_app_changes(story):
    story.push({"shop/compose.yaml": BAD})
    story.sync()
    assert [each.image for each in story.world.containers.values() if "-failed" in each.name] == ["bad:1"]
    assert story.plan().actions == ()
    story.pull()
    story.push({"shop/compose.yaml": compose("good:2")})
    assert story.sync().exit_code == 0
    assert not [each for each in story.world.containers.values() if "-failed" in each.name]


def test_the_revert_says_what_it_takes_back_and_why(story):
    failed = story.push({"shop/compose.yaml": BAD})
    story.sync()
    said = story.source.commit_info(story.forge.head())
    assert said.author == "gitops-orch <gitops-orch@localhost>"
    assert said.subject.startswith("Revert default/shop to ")
    trailers = dict(said.trailers)
    assert trailers["Reverts"] == failed
    assert trailers["Gitops-Orch-App"] == "default/shop"
    assert "exited with code 3" in trailers["Gitops-Orch-Reason"]


def test_everybody_hears_of_it_once(story):
    story.push({"shop/compose.yaml": BAD})
    story.sync()
    revert = story.forge.head()[:10]
    assert "exited with code 3" in story.app().reason
    assert f"reverted in Git by {revert}" in story.app().reason
    story.sync()
    assert [message.partition(": ")[0][-10:] for message in story.messages()] == [revert, "well again"]
    assert [row.state for row in story.history.reverts().values()] == ["pushed"]


def test_a_release_that_was_tried_later_ends_the_talk_of_it(story):
    story.push({"shop/compose.yaml": BAD})
    story.sync()
    story.pull()
    story.push({"shop/compose.yaml": compose("good:2")})
    story.sync()
    story.push({"shop/compose.yaml": GOOD})
    story.sync()
    assert story.app().reason == ""


def test_only_the_apps_files_go_back_and_commits_of_others_stay(story):
    story.push({"shop/compose.yaml": BAD, "blog/compose.yaml": compose("blog:2"), "README": "new"})
    story.sync()
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert story.read("blog/compose.yaml") == compose("blog:2").strip()
    assert story.read("README") == "new"
    assert "blog:2" in running(story).values()


def test_several_commits_in_between_go_back_at_once_and_each_is_named(story):
    first = story.push({"shop/compose.yaml": compose("bad:2")})
    story.push({"blog/compose.yaml": compose("blog:2")})
    second = story.push({"shop/compose.yaml": BAD, "shop/env": "A=1"})
    story.sync()
    said = story.source.commit_info(story.forge.head())
    assert [value for key, value in said.trailers if key == "Reverts"] == [second, first]
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert story.read("blog/compose.yaml") == compose("blog:2").strip()


def test_merge_commits_in_between_go_back_like_any_other(story):
    base = story.forge.head()
    side_files = {**story.files, "shop/compose.yaml": BAD}
    side = story.forge.commit(side_files, branch="side", parents=(base,))
    main = story.push({"blog/compose.yaml": compose("blog:2")})
    merged = story.push({"shop/compose.yaml": BAD}, parents=(main, side))
    assert story.sync().exit_code == 4
    head = story.forge.head()
    assert story.forge.git("log", "-1", "--format=%P", head) == merged
    assert dict(story.source.commit_info(head).trailers)["Reverts"] == side
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert story.read("blog/compose.yaml") == compose("blog:2").strip()
    assert story.sync().exit_code == 0


def test_files_that_were_added_go_and_files_that_were_removed_come_back(story):
    mounts = "    volumes: ['./etc:/etc/shop:ro']\n"
    story.push({"shop/compose.yaml": compose("good:1", mounts), "shop/etc/a": "1"})
    assert story.sync().exit_code == 0
    story.push({"shop/compose.yaml": compose("bad:1", mounts), "shop/etc/a": None, "shop/etc/b": "2"})
    assert story.sync().exit_code == 4
    names = story.forge.git("ls-tree", "-r", "--name-only", story.forge.head()).splitlines()
    assert [name for name in names if name.startswith("shop/")] == ["shop/compose.yaml", "shop/etc/a"]
    assert story.sync().exit_code == 0


def test_an_app_at_the_root_leaves_what_no_app_reads_alone(open_story):
    story = open_story()
    story.push({"compose.yaml": "name: shop\n" + GOOD, "README": "old"})
    story.sync()
    story.push({"compose.yaml": "name: shop\n" + BAD, "README": "new", "scripts/x": "new"})
    assert story.sync().exit_code == 4
    assert story.read("compose.yaml") == ("name: shop\n" + GOOD).strip()
    assert (story.read("README"), story.read("scripts/x")) == ("new", "new")


def test_a_file_outside_of_its_directory_goes_back_where_no_other_app_reads_it(story):
    reads = "    env_file: ../env/shop.env\n"
    story.push({"shop/compose.yaml": compose("good:1", reads), "env/shop.env": "A=1"})
    story.sync()
    story.push({"shop/compose.yaml": compose("bad:1", reads), "env/shop.env": "A=2"})
    assert story.sync().exit_code == 4
    assert story.read("env/shop.env") == "A=1"
    assert story.sync().exit_code == 0


FLEET = "apiVersion: gitops-orch/v1\nkind: Fleet\nmetadata: {name: acme}\nspec: {variables: {IMAGE: '%s'}}\n"


def test_of_what_a_fleet_variable_did_nothing_is_pushed_and_the_file_is_named(open_story):
    story = open_story()
    story.push({"gitops.yaml": FLEET % "good:1", "shop/compose.yaml": compose("${IMAGE}")})
    story.sync()
    failed = story.push({"gitops.yaml": FLEET % "bad:1"})
    report = story.sync()
    assert (report.exit_code, story.forge.head()) == (4, failed)
    shop = story.app()
    assert (shop.sync, shop.release_state) == (Sync.OUT_OF_SYNC, AppReleaseState.ROLLED_BACK)
    assert "nothing was reverted in Git" in shop.reason
    assert "gitops.yaml" in shop.reason
    assert list(running(story).values()) == ["good:1"]
    assert story.sync().reverts == ()
    assert len(story.messages()) == 1
    story.push({"gitops.yaml": FLEET % "good:1"})
    assert story.sync().exit_code == 0


def test_where_its_own_files_are_only_half_of_the_cause_nothing_is_pushed(open_story):
    story = open_story()
    common = "services:\n  base:\n    image: '%s'\n"
    extends = "services:\n  web:\n    extends: {file: ../common/base.yaml, service: base}\n"
    labelled = extends + "    labels: {a: b}\n"
    story.push(
        {
            "common/base.yaml": common % "good:1",
            "shop/compose.yaml": extends,
            "blog/compose.yaml": extends,
        }
    )
    story.sync()
    failed = story.push({"common/base.yaml": common % "bad:1", "shop/compose.yaml": labelled})
    assert story.sync().exit_code == 4
    assert story.forge.head() == failed
    assert "what differs, it shares with other apps: common/base.yaml" in story.app().reason


def test_a_revert_to_a_file_that_includes_an_app_leaves_that_app_running(story):
    includes = "include: [../extra/compose.yaml]\n" + GOOD
    extra = "services: {extra: {image: 'extra:1'}}"
    story.push({"shop/compose.yaml": includes, "extra/compose.yaml": extra})
    assert story.sync().exit_code == 0
    failed = story.push({"shop/compose.yaml": BAD})  # nothing includes extra any more: it is an app now
    assert story.sync().exit_code == 4
    assert story.forge.head() != failed
    assert story.sync().exit_code == 0
    assert "extra:1" in running(story).values()
    assert "good:1" in running(story).values()


def moving(story: GitScenario, changes: list[dict[str, str]]) -> None:
    """Let somebody push before each of the next pushes."""
    push = story.source.push

    def late(made: str, *, head: str) -> None:
        if changes:
            story.pull()
            story.push(changes.pop(0))
        push(made, head=head)

    story.source.push = late


def test_who_pushes_meanwhile_is_not_overwritten_and_the_revert_comes_on_top(story):
    story.push({"shop/compose.yaml": BAD})
    moving(story, [{"blog/compose.yaml": compose("blog:2")}, {"README": "new"}])
    assert story.sync().exit_code == 4
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert story.read("blog/compose.yaml") == compose("blog:2").strip()
    assert "blog:2" in running(story).values()
    assert story.sync().exit_code == 0


def test_nothing_is_pushed_where_the_app_itself_was_changed_meanwhile(story):
    story.push({"shop/compose.yaml": BAD})
    moving(story, [{"shop/compose.yaml": compose("good:2")}])
    report = story.sync()
    assert (report.exit_code, report.reverts) == (4, ())
    assert story.read("shop/compose.yaml") == compose("good:2").strip()
    assert story.sync().exit_code == 0
    assert list(running(story).values()).count("good:2") == 1


def test_a_branch_that_never_rests_is_given_up_and_tried_again_later(story):
    story.push({"shop/compose.yaml": BAD})
    moving(story, [{"README": str(number)} for number in range(5)])
    story.sync()
    assert "the branch moved each of 5 times" in story.app().reason
    story.clock.sleep(61)
    assert story.sync().exit_code == 0
    assert story.read("shop/compose.yaml") == GOOD.strip()


def test_a_server_that_refuses_leaves_the_quarantine_and_a_loud_status(story, refusing):
    failed = story.push({"shop/compose.yaml": BAD})
    report = story.sync()
    assert (report.exit_code, story.forge.head()) == (4, failed)
    shop = story.app()
    assert shop.release_state is AppReleaseState.ROLLED_BACK
    assert "its revert could not be pushed" in shop.reason
    assert "main is protected, open a pull request" in shop.reason
    assert "let this login push to the branch" in shop.reason
    assert [news.pushed for news in report.reverts] == [False]
    assert [row.state for row in story.history.reverts().values()] == ["failed"]
    refusing.unlink()


def test_a_refused_push_is_tried_again_with_longer_waits_and_told_once(story, refusing):
    story.push({"shop/compose.yaml": BAD})
    tried = 0
    for _ in range(60):
        tried += len(story.sync().reverts)
        story.clock.sleep(30)
    assert tried == 5  # after 0, 1, 3, 7, 15 minutes
    assert len(story.messages()) == 1
    refusing.unlink()
    story.clock.sleep(3600)
    assert story.sync().exit_code == 0
    assert story.read("shop/compose.yaml") == GOOD.strip()
    story.sync()
    assert [message[-10:] for message in story.messages()][-1] == "well again"


def test_a_hook_that_says_something_else_each_time_is_told_of_once(story, refusing):
    refusing.write_text("#!/bin/sh\necho denied, request $$ >&2\nexit 1\n")
    story.push({"shop/compose.yaml": BAD})
    for _ in range(3):
        story.sync()
        story.clock.sleep(300)
    assert next(iter(story.history.reverts().values())).tries == 3
    assert len(story.messages()) == 1


def test_waits_outlast_a_restart_and_a_clock_that_is_set_back(story, refusing):
    story.push({"shop/compose.yaml": BAD})
    story.sync()
    story.reopen()
    assert story.sync().reverts == ()
    record = next(iter(story.history.reverts().values()))
    refusing.unlink()
    ahead = {name: getattr(record, name) for name in record.__slots__} | {
        "at": record.at.replace(year=2999),
        "until": record.until.replace(year=2999),
    }
    story.history.record_revert(type(record)(**ahead))
    assert [news.pushed for news in story.sync().reverts] == [True]


def test_a_token_that_may_only_read_leaves_the_quarantine_and_tells_no_secret(story, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret")
    story.forge.git("config", "http.receivepack", "false")
    with http_forge(story.forge.path.parent) as server:
        story.reopen(url=f"{server.url}/fleet.git", token_file=token)
        failed = story.push({"shop/compose.yaml": BAD})
        assert story.sync().exit_code == 4
        assert story.forge.head() == failed
        assert "the login was refused" in story.app().reason
        assert "s3cret" not in str(story.reports)
        story.forge.git("config", "http.receivepack", "true")
        story.clock.sleep(61)
        assert story.sync().exit_code == 0
    assert story.read("shop/compose.yaml") == GOOD.strip()


def test_a_remote_that_is_down_holds_nothing_up(story):
    story.push({"shop/compose.yaml": BAD})
    push, away = story.source.push, story.forge.path.with_name("away")

    def unplug(made: str, *, head: str) -> None:
        story.forge.path.rename(away)
        push(made, head=head)

    story.source.push = unplug
    assert story.sync().exit_code == 4
    assert "its revert could not be pushed" in story.app().reason
    assert "good:1" in running(story).values()
    away.rename(story.forge.path)
    story.source.push = push
    story.clock.sleep(61)
    assert story.sync().exit_code == 0
    assert story.read("shop/compose.yaml") == GOOD.strip()


def test_a_push_whose_answer_was_lost_is_no_failure(story):
    story.push({"shop/compose.yaml": BAD})
    push = story.source.push

    def lose_the_answer(made: str, *, head: str) -> None:
        push(made, head=head)
        raise SourceError("the connection was cut")

    story.source.push = lose_the_answer
    assert [news.pushed for news in story.sync().reverts] == [True]
    assert story.app().sync is Sync.IN_SYNC


def test_a_push_that_hangs_is_no_silent_loop(story):
    events = []
    story.push({"shop/compose.yaml": BAD})
    push = story.source.push

    def slow(made: str, *, head: str) -> None:
        events.append("push")
        push(made, head=head)

    story.source.push = slow
    story.reconciler.run(trigger="test", control=RunControl(progress=lambda event: events.append(event.kind)))
    at = events.index("push")
    assert (events[at - 2 : at], events[at + 1]) == (["reverting", "reverting"], "reverting")


def test_two_apps_that_fail_in_one_commit_are_reverted_one_after_the_other(story):
    failed = story.push({"shop/compose.yaml": BAD, "blog/compose.yaml": compose("bad:2")})
    report = story.sync()
    assert (report.exit_code, [news.pushed for news in report.reverts]) == (4, [True, True])
    assert story.forge.git("log", "-1", "--format=%H", "main~2") == failed
    assert story.sync().exit_code == 0
    assert sorted(running(story).values()) == ["blog:1", "good:1"]


def test_of_a_file_that_another_app_reuses_since_the_same_commit_it_is_said_why_nothing_is_reverted(story):
    reuse = "services: {front: {extends: {file: ../shop/compose.yaml, service: web}, image: 'front:1'}}"
    failed = story.push({"shop/compose.yaml": BAD, "wiki/compose.yaml": reuse})
    report = story.sync()
    assert (report.exit_code, story.forge.head()) == (4, failed)
    assert "it shares with other apps: shop/compose.yaml" in story.app().reason
    assert sorted(running(story).values()) == ["blog:1", "front:1", "good:1"]


def test_only_the_managed_path_is_written_to(open_story):
    story = open_story()
    story.reopen(path="prod")
    story.files = {"prod/hosts/h1.yaml": HOST, "shop/compose.yaml": GOOD}
    story.push({"prod/shop/compose.yaml": GOOD})
    assert story.sync().exit_code == 0
    story.push({"prod/shop/compose.yaml": BAD, "shop/compose.yaml": BAD})
    assert story.sync().exit_code == 4
    assert story.read("prod/shop/compose.yaml") == GOOD.strip()
    assert story.read("shop/compose.yaml") == BAD.strip()
    assert story.sync().exit_code == 0


def test_a_repository_of_sha256_is_reverted_as_well(tmp_path, open_story):
    story = open_story()
    story.forge = Repository(tmp_path / "forge256" / "fleet.git", object_format="sha256")
    story.reopen(url=story.forge.url)
    story.push({"shop/compose.yaml": GOOD})
    assert story.sync().exit_code == 0
    story.push({"shop/compose.yaml": BAD})
    assert [news.pushed for news in story.sync().reverts] == [True]
    assert story.sync().exit_code == 0


def test_a_crash_before_the_push_loses_nothing(story):
    story.push({"shop/compose.yaml": BAD})

    def crash(*_: object, **__: object) -> None:
        raise SimulatedCrash

    story.source.push = crash
    with pytest.raises(SimulatedCrash):
        story.sync()
    story.reopen()
    assert [news.pushed for news in story.sync().reverts] == [True]
    assert story.read("shop/compose.yaml") == GOOD.strip()


def test_a_crash_right_after_the_push_pushes_nothing_twice(story):
    story.push({"shop/compose.yaml": BAD})
    push = story.source.push

    def crash(made: str, *, head: str) -> None:
        push(made, head=head)
        raise SimulatedCrash

    story.source.push = crash
    with pytest.raises(SimulatedCrash):
        story.sync()
    head = story.forge.head()
    story.reopen()
    assert (story.sync().exit_code, story.forge.head()) == (0, head)
    assert SHOP in {row.app for row in story.history.releases() if row.state is ReleaseState.FAILED}


def test_nothing_is_pushed_unless_the_settings_say_so(open_story):
    story = open_story(push_reverts=False)
    story.push({"shop/compose.yaml": GOOD})
    story.sync()
    failed = story.push({"shop/compose.yaml": BAD})
    assert story.sync().exit_code == 4
    assert story.forge.head() == failed
    assert story.app().release_state is AppReleaseState.ROLLED_BACK


@pytest.mark.parametrize("rollback", ["hold", "off"])
def test_an_app_that_is_not_to_be_rolled_back_is_not_reverted(story, rollback):
    failed = story.push({"shop/compose.yaml": BAD + f"x-gitops: {{rollback: '{rollback}'}}\n"})
    assert story.sync().exit_code == 4
    assert story.forge.head() == failed


def test_a_first_release_that_failed_has_nothing_to_go_back_to(open_story):
    story = open_story()
    failed = story.push({"shop/compose.yaml": BAD})
    assert story.sync().exit_code == 4
    assert story.forge.head() == failed


def test_a_held_app_is_left_alone_in_git_too(story, refusing):
    from gitops_orch.model.app import Hold

    failed = story.push({"shop/compose.yaml": BAD})
    story.sync()
    refusing.unlink()
    story.history.hold(SHOP, Hold(reason="hands off"))
    story.clock.sleep(3600)
    story.sync()
    assert story.forge.head() == failed


def test_a_branch_by_its_full_name_is_pushed_to_and_a_tag_never(story):
    story.reopen(branch="refs/heads/main")
    story.push({"shop/compose.yaml": BAD})
    assert [news.pushed for news in story.sync().reverts] == [True]
    assert story.read("shop/compose.yaml") == GOOD.strip()
    assert story.forge.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    story.pull()
    story.forge.git("update-ref", "refs/tags/live", story.push({"shop/compose.yaml": compose("bad:2")}))
    story.reopen(branch="refs/tags/live", allow_force_push=True)
    assert story.sync().exit_code == 4
    assert "refs/tags/live is no branch" in story.app().reason
    assert story.forge.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/tags/live",
    ]


def test_what_a_hook_printed_is_told_and_never_committed(story):
    leaky = ImageBehaviour(exec_exit_code=1, output="password=hunter2\n")
    story.fleet.registry.push("leaky:1", leaky)
    story.push({"shop/compose.yaml": compose("leaky:1", "    post_start: [{command: [check]}]\n")})
    assert [news.pushed for news in story.sync().reverts] == [True]
    message = story.forge.git("log", "-1", "--format=%B", "main")
    assert "ended with code 1" in message
    assert "hunter2" not in message


def test_what_a_program_printed_never_stands_in_a_commit():
    assert (
        git_words("web on h1: it exited with code 3\npassword=hunter2") == "web on h1: it exited with code 3"
    )
    assert git_words("a\tb\x1b[31m \u202e c") == "a b [31m c"
    assert git_words("it exited with code 3; its last words: password=hunter2") == "it exited with code 3"
    assert git_words("") == ""
    assert len(git_words("x" * 5000)) == 201
