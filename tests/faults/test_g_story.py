"""Faults on the Git side as the whole controller meets them: nothing is pruned, what runs is kept well, and it is told."""

import pytest
from git_story import SHOP, GitScenario, compose
from source_fixtures import forge
from story_fixtures import open_story, story

from gitops_orch.errors import SourceError
from gitops_orch.model.status import AppReleaseState

__all__ = ["forge", "open_story", "story"]

GOOD, BAD = compose("good:1"), compose("bad:1")
FLEET = (
    "apiVersion: gitops-orch/v1\nkind: Fleet\nmetadata: {name: acme}\nspec: {prune: {allow_empty: true}}\n"
)


def images(story: GitScenario) -> list[str]:
    return sorted(each.image for each in story.world.containers.values())


def healed(story: GitScenario) -> list[str]:
    """Lose every container, and return what the next run makes."""
    story.world.containers.clear()
    story.sync()
    return images(story)


def test_g01_what_runs_is_healed_while_a_rewritten_branch_is_held(story):
    story.push({"shop/compose.yaml": compose("other:1")}, parents=())
    report = story.sync()
    assert report.exit_code == 1
    assert "gitops-orch accept" in report.final_status.error
    assert images(story) == healed(story) == ["blog:1", "good:1"]
    story.history.accept(story.forge.head())
    assert story.sync().exit_code == 0
    assert "other:1" in images(story)


@pytest.mark.parametrize("spoil", ["deleted", "renamed", "gone"])
def test_g04_g05_g08_what_runs_is_healed_while_there_is_no_branch(story, spoil):
    head = story.forge.head()
    if spoil == "gone":
        story.forge.path.rename(story.forge.path.with_name("away"))
    else:
        story.forge.git("update-ref", "-d", "refs/heads/main")
    if spoil == "renamed":
        story.forge.git("update-ref", "refs/heads/master", head)
    report = story.sync()
    assert (report.exit_code, report.results) == (1, ())
    assert report.final_status.error
    assert ("master" in report.final_status.error) == (spoil == "renamed")
    assert healed(story) == ["blog:1", "good:1"]


@pytest.mark.parametrize("files", [{"README": "x"}, {"apps/.gitkeep": ""}])
def test_g25_a_tree_that_lost_all_manifests_prunes_nothing(story, files):
    story.files = files
    story.push({})
    report = story.sync()
    assert (report.exit_code, report.results) == (1, ())
    assert "cannot be acted on" in report.final_status.error
    assert images(story) == ["blog:1", "good:1"]
    assert healed(story) == ["blog:1", "good:1"]


def test_g25_an_empty_tree_is_refused_unless_the_fleet_allows_it(open_story):
    story = open_story()
    story.files = {"apps/.gitkeep": ""}
    story.push({})
    assert "allow_empty" in story.sync().final_status.error
    story.push({"gitops.yaml": FLEET})
    assert story.sync().final_status.error == ""


def test_g39_a_push_that_loses_the_race_each_time_leaves_the_pin_and_a_loud_status(story):
    story.push({"shop/compose.yaml": BAD})
    push = story.source.push

    def late(made: str, *, head: str) -> None:
        story.push({"README": made})
        push(made, head=head)

    story.source.push = late
    assert story.sync().exit_code == 4
    assert story.app().release_state is AppReleaseState.ROLLED_BACK
    assert "the branch moved each of 5 times" in story.app().reason
    assert "good:1" in images(story)


@pytest.mark.parametrize("bad", ["", "0", "HEAD", "main", "-", ":refs/heads/main", "g" * 40, "1" * 41])
@pytest.mark.parametrize("which", ["made", "head"])
def test_g41_what_is_no_commit_is_never_pushed(story, bad, which):
    head = story.forge.head()
    words = {"made": head, "head": head, which: bad}
    with pytest.raises(SourceError, match="not a full commit id"):
        story.source.push(words["made"], head=words["head"])
    assert story.forge.head() == head


def test_c19_a_revert_is_not_forced_over_a_change_of_the_same_files(story):
    story.push({"shop/compose.yaml": BAD})
    push = story.source.push

    def late(made: str, *, head: str) -> None:
        story.push({"shop/compose.yaml": compose("bad:2")})
        push(made, head=head)

    story.source.push = late
    assert story.sync().exit_code == 4
    assert story.read("shop/compose.yaml") == compose("bad:2").strip()
    assert "good:1" in images(story)


@pytest.mark.parametrize("rebased", [False, True])
def test_c20_the_same_files_in_another_commit_stay_quarantined_until_retry(open_story, rebased):
    story = open_story(push_reverts=False)
    base = story.push({"shop/compose.yaml": GOOD})
    story.sync()
    story.push({"shop/compose.yaml": BAD})
    assert story.sync().exit_code == 4
    again = story.push({"README": "x"}, parents=(base,) if rebased else None)
    story.history.accept(again)
    report = story.sync()
    assert (report.exit_code, report.final_status.commit) == (4, again)
    assert "wait_healthy" not in story.kinds(report)
    story.history.clear_failed(SHOP)
    assert "wait_healthy" in story.kinds(story.sync())
