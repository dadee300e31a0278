"""Data that several apps share stays shared while Git cannot say so: a mistake in one app keeps no other one down."""

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.model.observed import State
from tests.story import Scenario

PLACES = {"a directory of the host": "/srv/media:/media", "a volume": "media:/media"}
VOLUMES = "volumes: {media: {name: media, external: true}}\n"


def app(name: str, place: str, *, image: str = "", more: str = "", head: str = "") -> str:
    return (
        f'{head}services:\n  {name}:\n    image: "{image or name}:1"\n    restart: "no"\n'
        f'    volumes: ["{place}"]\n{more}{VOLUMES}'
    )


MISTAKE = "    imagee: x\n"
NEVER = "x-gitops: {prune: never}\n"
# What Git has of sonarr afterwards: nothing that could say what it shares.
UNREAD = {
    "its file has a mistake": lambda place: {
        "sonarr/compose.yaml": app("sonarr", place, more=MISTAKE, head=NEVER)
    },
    "its file is no mapping": lambda _: {"sonarr/compose.yaml": "- sonarr\n"},
    "it left Git and is kept": lambda _: {},
    "its service left and is kept": lambda place: {
        "sonarr/compose.yaml": app("other", "/srv/x:/x", head=NEVER)
    },
}


def running(story: Scenario) -> set[str]:
    return {
        each.labels["com.docker.compose.service"]
        for each in story.world.containers.values()
        if each.state is State.RUNNING
    }


def held(story: Scenario) -> dict[str, str]:
    return {hold.subject: hold.reason for hold in story.plan().holds if hold.error}


@pytest.fixture(params=PLACES.values(), ids=PLACES)
def place(request) -> str:
    return request.param


def deployed(files) -> Scenario:
    story = Scenario()
    requests.add_volume(story.world, "media", driver="local", labels={})
    # A further app, so that one that leaves is not all that there is.
    story.commit({**files, "w/compose.yaml": "services: {w: {image: 'w:1'}}\n"})
    assert story.sync().exit_code == 0
    return story


def commit(story: Scenario, files) -> None:
    story.commit({**files, "w/compose.yaml": "services: {w: {image: 'w:1'}}\n"})
    story.sync()


@pytest.mark.parametrize("unread", UNREAD.values(), ids=UNREAD)
def test_a_neighbour_is_started_again_and_a_further_one_joins(place, unread):
    radarr = {"radarr/compose.yaml": app("radarr", place)}
    story = deployed({"sonarr/compose.yaml": app("sonarr", place, head=NEVER), **radarr})
    commit(story, {**unread(place), **radarr})
    requests.stop(story.world, story.containers()["radarr"], killed=False)
    story.clock.sleep(5)
    story.sync()
    assert running(story) >= {"sonarr", "radarr"}
    commit(story, {**unread(place), **radarr, "lidarr/compose.yaml": app("lidarr", place)})
    assert running(story) >= {"sonarr", "radarr", "lidarr"}
    assert held(story).keys().isdisjoint({"default/radarr", "default/lidarr"})


@pytest.mark.parametrize("unread", UNREAD.values(), ids=UNREAD)
def test_data_that_no_other_app_has_is_not_given_to_a_new_one(place, unread):
    story = deployed({"sonarr/compose.yaml": app("sonarr", place, head=NEVER)})
    commit(story, {**unread(place), "lidarr/compose.yaml": app("lidarr", place)})
    assert "lidarr" not in running(story)
    reason = held(story)["default/lidarr"]
    assert "is in use on h1 by container sonarr-sonarr-1" in reason
    assert ("correct the file of default/sonarr" in reason) == ("sonarr" in str(story.plan().unknown_apps))


@pytest.mark.parametrize("unread", UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize("image", ["sonarr", "docker.io/library/sonarr"])
def test_shared_data_is_not_given_to_a_second_app_of_the_same_image(place, unread, image):
    """It may be the same app under another name, for which two at once are one too many."""
    backup = {"backup/compose.yaml": app("backup", place)}
    story = deployed({"sonarr/compose.yaml": app("sonarr", place, head=NEVER), **backup})
    commit(story, {**unread(place), **backup, "shows/compose.yaml": app("shows", place, image=image)})
    assert running(story) >= {"sonarr", "backup"}
    assert "shows" not in running(story)


def test_a_former_user_that_gave_its_data_away_does_not_come_back_beside_the_new_one(place):
    one, other = app("one", place), app("one", "/srv/x:/x")
    story = deployed({"one/compose.yaml": one})
    commit(story, {"one/compose.yaml": other, "two/compose.yaml": app("two", place)})
    assert running(story) >= {"one", "two"}
    commit(story, {"one/compose.yaml": one, "two/compose.yaml": app("two", place, more=MISTAKE)})
    assert "correct the file of default/two" in held(story)["default/one"]
