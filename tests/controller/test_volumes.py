"""A volume that is replaced with its data, as Git agrees: told as a story on a simulated host, with every crash."""

import re

import pytest
from story import Scenario

from gitops_orch.engine.simulated.images import ImageBehaviour

WORDS = re.compile(r"removes-data-[0-9a-f]{12}")
STEPS = ("stop", "remove", "remove_volume", "create_volume", "create", "start")


def shop(kind: str, words: str = "") -> dict[str, str]:
    agreed = f"x-gitops:\n  replace_volumes: {{data: [{words}]}}\n" if words else ""
    return {
        "shop/compose.yaml": agreed
        + "services:\n  db:\n    image: stub:1\n    volumes: [data:/data]\n  web:\n    image: stub:1\n"
        f"volumes:\n  data: {{driver_opts: {{type: {kind}}}}}\n"
    }


def changed() -> tuple[Scenario, str]:
    """An app whose volume got another definition in Git, and the words that its plan asks for."""
    story = Scenario()
    story.commit(shop("one"))
    assert story.sync().exit_code == 0
    story.commit(shop("two"))
    assert story.sync().exit_code == 0
    [hold] = story.plan().holds
    [words] = WORDS.findall(hold.reason)
    return story, words


def serial(story: Scenario) -> int:
    return story.world.volumes["shop_data"].serial


def test_it_stays_until_the_words_are_in_git():
    story, words = changed()
    before, containers = serial(story), dict(story.world.containers)
    assert story.sync().exit_code == 0
    assert serial(story) == before
    assert story.world.containers == containers

    story.commit(shop("two", words))
    report = story.sync()

    assert report.exit_code == 0
    assert serial(story) != before
    assert [kind for kind in story.kinds(report) if kind in STEPS] == list(STEPS)
    assert (story.plan().actions, story.plan().holds) == ((), ())


def test_what_does_not_mount_it_is_left_alone():
    story, words = changed()
    web = story.containers()["web"].id
    story.commit(shop("two", words))
    story.sync()
    assert story.containers()["web"].id == web


def test_the_words_hold_once_whatever_git_says_later():
    story, words = changed()
    for commit in (shop("two", words), shop("one"), shop("two", words), shop("one", words)):
        story.commit(commit)
        story.sync()
    made = serial(story)
    story.commit(shop("two", words))
    story.sync()
    assert serial(story) == made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", STEPS)
def test_a_crash_at_any_step_is_made_good_by_the_next_run(operation, after):
    story, words = changed()
    before = serial(story)
    story.commit(shop("two", words))
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    assert serial(story) != before
    assert story.plan().actions == ()
    made = serial(story)
    story.sync()
    assert serial(story) == made


@pytest.mark.parametrize("then", ["a new release", "a healing", "another name of the service"])
def test_a_volume_that_was_removed_under_its_container_is_held_until_it_is_there_again(then):
    story = Scenario({"shop:1": ImageBehaviour(), "shop:2": ImageBehaviour()})

    def stack(name: str, image: str) -> dict[str, str]:
        text = f'services: {{{name}: {{image: "{image}", volumes: ["data:/data"]}}}}\nvolumes: {{data: }}\n'
        return {"apps/s/compose.yaml": text, "apps/t/compose.yaml": 'services: {x: {image: "shop:1"}}'}

    story.commit(stack("db", "shop:1"))
    assert story.sync().exit_code == 0
    before = set(story.world.containers)
    lost = story.world.volumes.pop("s_data")
    if then != "a healing":
        story.commit(stack("db", "shop:2") if then == "a new release" else stack("pg", "shop:1"))
    for _ in range(2):
        assert story.sync().exit_code == 1
        assert (set(story.world.containers), "s_data" in story.world.volumes) == (before, False)
    (hold,) = story.plan().holds
    assert "volume s_data, which container" in hold.reason
    story.world.volumes["s_data"] = lost
    assert story.sync().exit_code == 0
