"""What is no longer used is removed, and nothing else is."""

import pytest
from story import Scenario

COMPOSE = """
services:
  web:
    image: web:1
    volumes: ["./conf:/etc/app:ro", "rows:/rows"]
    secrets: [key]
volumes: {rows: {}}
secrets: {key: {file: key.txt}}
"""


def files(conf="one", key="one", compose=COMPOSE):
    return {"shop/compose.yaml": compose, "shop/conf/a.txt": conf, "shop/key.txt": key}


@pytest.fixture
def story():
    made = Scenario(containers_kept=0)
    made.commit(files())
    made.sync()
    return made


def file_sets(story):
    return sorted(name for name in story.world.volumes if "_files_" in name)


@pytest.mark.parametrize("changes", [{"conf": "two"}, {"key": "two"}])
def test_a_file_set_that_was_replaced_goes_and_the_other_stays(story, changes):
    before = file_sets(story)
    story.commit(files(**changes))
    story.sync()
    assert len(file_sets(story)) == 2
    assert len(set(before) & set(file_sets(story))) == 1


def test_a_file_set_stays_as_long_as_a_generation_is_kept_that_mounts_it():
    story = Scenario(containers_kept=1)
    for content, expected in (("one", 2), ("two", 3), ("three", 3)):
        story.commit(files(conf=content))
        story.sync()
        assert len(file_sets(story)) == expected


def test_the_file_sets_of_an_app_that_cannot_be_read_stay(story):
    before = file_sets(story)
    story.commit(files(compose="services: [broken"))
    story.sync()
    assert file_sets(story) == before


def test_a_volume_of_data_stays_whatever_happens(story):
    for each in list(story.world.containers.values()):
        story.reconciler.engines.by_name()["h1"].remove(each.id)
    story.commit(files(compose="services: {web: {image: 'web:1'}}"))
    story.sync()
    story.sync()
    assert "shop_rows" in story.world.volumes
    assert file_sets(story) == []
