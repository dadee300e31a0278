"""What hosts do to a fleet (FAULTS, E): they boot, are replaced, are cut off, and come back with old things on them."""

import pytest
from faults.fleet_story import FOREVER_S, FleetStory, app, host, on

from gitops_orch.model.plan.action import intent_of
from gitops_orch.model.status import AppHealth, AppReleaseState, Sync

HOSTS = {**host("h1"), **host("h2")}
APPS = {**app("one", policy=on("h1")), **app("two", policy=on("h2"))}


def deployed(**images):
    story = FleetStory(images)
    story.push(HOSTS, APPS)
    assert story.sync().exit_code == 0
    return story


def test_e19_a_host_that_boots_brings_its_containers_back_and_nobody_else_starts_them():
    story = deployed()
    story.fleet.world("h1").crash(story.fleet.now_s() + 60)
    down = story.sync()
    assert story.host(down, "h1").state == "unknown"
    story.clock.sleep(61)
    back = story.sync()
    assert (back.exit_code, back.results) == (0, ())
    assert story.running("h1") == ["one"]


def test_e19_what_no_restart_policy_brings_back_is_started_once():
    story = FleetStory()
    story.push(HOSTS, {path: text.replace("restart: always", 'restart: "no"') for path, text in APPS.items()})
    assert story.sync().exit_code == 0
    story.fleet.world("h1").crash(story.fleet.now_s() + 60)
    story.clock.sleep(61)
    assert story.kinds(story.sync()) == ["start", "wait_healthy"]
    assert story.sync().results == ()


def replace_host(story, name):
    world = story.fleet.world(name)
    world.engine_id = "another-engine-entirely"
    for each in (world.containers, world.volumes, world.images):
        each.clear()


def test_e20_a_host_that_was_replaced_is_not_touched_and_says_so():
    story = deployed()
    replace_host(story, "h1")
    report = story.sync()
    assert (report.exit_code, report.results) == (3, ())
    row = story.host(report, "h1")
    assert row.state == "unknown"
    assert "another Engine answers than before (id another-engi instead of" in row.reason
    assert "the trailer `Let-Go: h1`" in row.reason
    assert story.app(report, "one").sync is Sync.UNKNOWN
    assert story.app(report, "two").sync is Sync.IN_SYNC
    assert story.sync().results == ()


@pytest.mark.parametrize("way", ["accept", "trailer"])
def test_e20_the_replacement_is_set_up_once_a_person_says_so(way):
    story = deployed()
    replace_host(story, "h1")
    assert story.sync().results == ()
    if way == "accept":
        story.history.accept(story.source.fetch())
    else:
        story.push(HOSTS, APPS, trailers=[("Let-Go", "h1")])
    assert story.sync().exit_code == 0
    assert (story.running("h1"), story.running("h2")) == (["one"], ["two"])
    story.push(HOSTS, APPS, app("three"))
    assert story.sync().exit_code == 0


def test_e20_a_trailer_that_names_another_host_allows_nothing():
    story = deployed()
    replace_host(story, "h1")
    story.push(HOSTS, APPS, trailers=[("Let-Go", "h2")])
    assert story.sync().results == ()


def test_e20_an_engine_that_was_seen_before_the_controller_started_anew_is_known():
    story = deployed()
    story.reconciler = story._reconciler()
    replace_host(story, "h1")
    assert story.sync().exit_code == 3


def test_e25_half_of_the_hosts_cut_off_during_a_rollout_reverts_nothing():
    names = [f"h{number}" for number in range(6)]
    story = FleetStory()
    hosts = {path: text for name in names for path, text in host(name).items()}
    wide = ", replicas: 6, placement: {max_replicas_per_node: 1}"

    def commit(image):
        files = app("wide", image=image)
        story.push(
            hosts,
            {
                path: text.replace("{monitor: 1s}}", f"{{monitor: 1s}}{wide}}}")
                for path, text in files.items()
            },
        )

    commit("good:1")
    assert story.sync().exit_code == 0
    commit("good:2")
    for name in names[:3]:
        story.fleet.world(name).cut(story.fleet.now_s() + FOREVER_S)
    cut = story.sync()
    assert cut.exit_code == 3
    assert story.app(cut, "wide").release_state not in {AppReleaseState.ROLLED_BACK, AppReleaseState.FAILED}
    assert story.app(cut, "wide").health is AppHealth.UNKNOWN
    assert {each.image for name in names[:3] for each in story.on(name)} == {"good:1"}
    for name in names[:3]:
        story.fleet.world(name).trouble = None
    assert story.sync().exit_code == 0
    assert {each.image for name in names for each in story.on(name) if each.state.value == "running"} == {
        "good:2"
    }


def test_e26_a_host_that_comes_back_goes_straight_to_the_current_commit():
    story = deployed()
    story.fleet.world("h1").cut(story.fleet.now_s() + FOREVER_S)
    for number in (2, 3, 4):
        story.push(HOSTS, app("one", image=f"good:{number}", policy=on("h1")), app("two", policy=on("h2")))
        assert story.sync().exit_code == 3
    story.fleet.world("h1").trouble = None
    back = story.sync()
    assert back.exit_code == 0
    intents = [intent_of(result.action) for result in back.results]
    made = [intent.image for intent in intents if intent is not None]
    assert made == ["good:4"]
