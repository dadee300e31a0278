"""Reverting the revert: what is a wish to try a failed release again, and what is not."""

import pytest
from git_story import SHOP, GitScenario, compose

from gitops_orch.model.status import AppReleaseState, Sync

GOOD, BAD = compose("good:1"), compose("bad:1")


@pytest.fixture
def reverted(story) -> GitScenario:
    """A story whose bad release was reverted by the controller."""
    story.push({"shop/compose.yaml": BAD})
    assert story.sync().exit_code == 4
    assert story.read("shop/compose.yaml") == GOOD.strip()
    return story


def bad_again(story: GitScenario, message: str, **how: object) -> str:
    return story.push({"shop/compose.yaml": BAD}, message=message, **how)


def words_for(revert: str) -> str:
    """What `git revert` writes."""
    return f'Revert "Revert default/shop"\n\nThis reverts commit {revert}.'


def was_tried(story: GitScenario) -> bool:
    return "wait_healthy" in story.kinds(story.sync())


def test_a_reverted_revert_lands_the_change_where_its_cause_is_cured(reverted):
    reverted.cure()
    bad_again(reverted, words_for(reverted.forge.head()))
    assert reverted.sync().exit_code == 0
    shop = reverted.app()
    assert (shop.sync, shop.release_state, shop.reason) == (Sync.IN_SYNC, AppReleaseState.STABLE, "")
    assert "bad:1" in {each.image for each in reverted.world.containers.values()}
    assert reverted.history.failed_digests(SHOP) == {}


def test_git_itself_writes_the_words(reverted, tmp_path):
    clone = tmp_path / "clone"
    reverted.forge.git("clone", "-q", str(reverted.forge.path), str(clone))
    reverted.forge.git(
        f"--git-dir={clone / '.git'}", f"--work-tree={clone}", "revert", "--no-edit", "HEAD",
        environ={"GIT_WORK_TREE": str(clone)},
    )  # fmt: skip
    reverted.forge.git(f"--git-dir={clone / '.git'}", "push", "-q", "origin", "HEAD:main")
    assert reverted.read("shop/compose.yaml") == BAD.strip()
    assert was_tried(reverted)


@pytest.mark.parametrize("words", ["again\n\nReverts: {}", "again\n\nThis reverts commit {:.12} (Revert).\n"])
def test_a_trailer_or_an_abbreviated_id_will_do(reverted, words):
    bad_again(reverted, words.format(reverted.forge.head()))
    assert was_tried(reverted)


def test_one_that_fails_again_is_reverted_again_and_lifts_nothing_a_second_time(reverted):
    first = reverted.forge.head()
    again = bad_again(reverted, words_for(first))
    report = reverted.sync()
    assert report.exit_code == 4
    second = reverted.forge.head()
    assert second not in {first, again}
    assert reverted.read("shop/compose.yaml") == GOOD.strip()
    bad_again(reverted, words_for(first))
    assert not was_tried(reverted)
    bad_again(reverted, words_for(second))
    assert was_tried(reverted)


def test_the_same_files_that_come_back_without_a_word_stay_blocked(reverted):
    bad_again(reverted, "make it bad once more")
    assert not was_tried(reverted)
    assert reverted.app().release_state is AppReleaseState.ROLLED_BACK


def test_a_pushed_back_revert_is_reverted_again_but_only_after_a_wait(reverted):
    bad = bad_again(reverted, "make it bad once more")
    reverted.sync()
    assert reverted.forge.head() == bad
    reverted.clock.sleep(61)
    reverted.sync()
    assert reverted.read("shop/compose.yaml") == GOOD.strip()
    assert next(iter(reverted.history.reverts().values())).tries == 2


def test_our_own_words_are_nobodys_wish(reverted):
    bad_again(reverted, "make it bad once more")
    reverted.clock.sleep(61)
    reverted.sync()
    said = reverted.source.commit_info(reverted.forge.head())
    assert (
        len([key for key, _ in said.trailers if key == "Reverts"]) == 3
    )  # both bad ones and our first revert
    bad_again(reverted, "and again")
    assert not was_tried(reverted)


def test_a_rebased_branch_lifts_nothing_a_second_time(reverted):
    first = reverted.forge.head()
    base = reverted.forge.git("rev-list", "--max-parents=0", "main")
    bad_again(reverted, words_for(first))
    assert was_tried(reverted)
    reverted.forge.commit({"README": "rewritten"}, parents=(base,))
    head = bad_again(reverted, words_for(first))
    reverted.history.accept(head)
    assert not was_tried(reverted)


def test_reverting_anything_else_lifts_nothing(reverted):
    failed = reverted.forge.git("rev-parse", "main~1")
    bad_again(reverted, words_for(failed))
    assert not was_tried(reverted)
    bad_again(reverted, words_for("1" * 40))
    assert not was_tried(reverted)


def test_a_revert_of_another_app_lifts_nothing(reverted):
    reverted.push({"shop/compose.yaml": GOOD, "blog/compose.yaml": compose("bad:2")})
    assert reverted.sync().exit_code == 4
    other = reverted.forge.head()
    reverted.pull()
    bad_again(reverted, words_for(other))
    assert not was_tried(reverted)


def test_it_is_lifted_without_push_reverts_and_after_a_rollback_by_command_too(reverted):
    reverted.settings["push_reverts"] = False
    reverted.reopen()
    bad_again(reverted, words_for(reverted.forge.head()))
    assert was_tried(reverted)
    assert reverted.read("shop/compose.yaml") == BAD.strip()


def test_looking_lifts_nothing(reverted):
    bad_again(reverted, words_for(reverted.forge.head()))
    reverted.reconciler.read_status()
    assert reverted.history.failed_digests(SHOP) != {}
    assert "wait_healthy" in {action.kind.value for action in reverted.plan().actions}


def test_a_revert_of_another_release_lifts_nothing(reverted):
    reverted.pull()
    reverted.push({"shop/compose.yaml": compose("bad:2")})
    assert was_tried(reverted)
    bad_again(reverted, words_for(reverted.forge.head()))
    assert not was_tried(reverted)


def test_a_persons_own_revert_that_is_reverted_lifts_nothing(open_story):
    story = open_story(push_reverts=False)
    for image in (GOOD, BAD, GOOD):
        story.push({"shop/compose.yaml": image})
        story.sync()
    bad_again(story, words_for(story.forge.head()))
    assert not was_tried(story)
