"""Self-heal over many runs: limits on restarts, crash loops that back off, fights that are not fought."""

from itertools import pairwise

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.status import AppHealth, Outcome
from tests.story import Scenario

FILE = """
services:
  api:
    image: "{image}"
    restart: "{restart}"
    mem_limit: 64m
    deploy: {{update_config: {{monitor: 1s}}}}
"""
IMAGES = {
    "good:1": ImageBehaviour(),
    "sick:1": ImageBehaviour(healthcheck=True, healthy_after_s=1, unhealthy_after_s=20),
    "ends:1": ImageBehaviour(exits_after_s=5, exit_code=1),
}


def running(image, restart="always"):
    story = Scenario(IMAGES)
    story.commit({"shop/compose.yaml": FILE.format(image=image, restart=restart)})
    assert story.sync().exit_code == 0
    return story


def passes(story, count, *, every_s, befall=lambda: None):
    """Return the kinds of what each of so many passes did."""
    done = []
    for _ in range(count):
        story.clock.sleep(every_s)
        befall()
        done.append([r.action.kind.value for r in story.sync().results if r.outcome is Outcome.DONE])
    return done


def app(story):
    return story.reconciler.read_status().apps[0]


def test_an_unhealthy_container_is_restarted_five_times_and_then_left_alone():
    story = running("sick:1")
    done = passes(story, 8, every_s=25)
    assert done == [["restart"]] * 5 + [[]] * 3
    assert app(story).health is AppHealth.DEGRADED
    assert "restarted 5 times within 300 s" in app(story).reason


def test_it_is_restarted_again_after_the_cool_down_or_when_somebody_says_so():
    story = running("sick:1")
    passes(story, 6, every_s=25)
    assert story.reconciler.reset(app(story).key)
    assert passes(story, 1, every_s=25) == [["restart"]]
    passes(story, 5, every_s=25)
    assert passes(story, 2, every_s=2000) == [[], ["restart"]]


def test_what_is_known_outlives_the_controller():
    story = running("sick:1")
    passes(story, 6, every_s=25)
    story.reconciler = story._reconciler()
    assert passes(story, 1, every_s=25) == [[]]
    assert "restarted 5 times" in app(story).reason


def test_a_wall_clock_that_was_set_back_over_a_restart_makes_nobody_wait_for_it():
    story = running("ends:1", restart="no")
    passes(story, 4, every_s=30)
    assert passes(story, 1, every_s=6) == [[]]
    story.clock.skew(-3600)
    story.reconciler = story._reconciler()
    assert passes(story, 1, every_s=1) == [["start", "wait_healthy"]]


def test_a_history_that_makes_no_sense_is_forgotten():
    story = running("sick:1")
    for nonsense in ("{", "[[1, 2]]", '{"a": 1}', '[["d","a","s","x","h","p","","",[]]]'):
        story.history.set_healed(nonsense)
        story.reconciler = story._reconciler()
        assert app(story) is not None


def test_a_changed_service_is_healed_again_at_once():
    story = running("sick:1")
    passes(story, 6, every_s=25)
    story.commit({"shop/compose.yaml": FILE.format(image="sick:1", restart="unless-stopped")})
    assert story.sync().exit_code == 0
    assert passes(story, 1, every_s=25) == [["restart"]]


def test_a_container_that_ends_again_and_again_is_started_later_each_time():
    story = running("ends:1", restart="no")
    starts = []
    for second in range(400):
        story.clock.sleep(1)
        if any("start" in kinds for kinds in passes(story, 1, every_s=0)):
            starts.append(second)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == sorted(gaps)
    assert 5 <= len(starts) <= 7


def test_a_wait_that_ends_wakes_the_service_once():
    story = running("ends:1", restart="no")
    story.clock.sleep(6)
    story.sync()
    now = story.clock.monotonic_s()
    told = [story.reconciler.is_to_be_retried(now + s, now + s + 1) for s in range(30)]
    assert told.count(True) == 1


def test_going_back_and_forth_between_releases_counts_as_no_healing():
    story = Scenario(IMAGES)
    for memory in ("64m", "32m", "64m", "32m", "64m"):
        text = FILE.format(image="good:1", restart="always").replace("64m", memory)
        story.commit({"shop/compose.yaml": text})
        assert story.sync().exit_code == 0
    assert not story.reconciler.reset(app(story).key)
