"""Apps that depend on one another, over whole reconciles."""

from simulation import tampering

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.status import AppReleaseState, Outcome, Sync
from tests.story import Scenario

DB = """
services:
  db: {{image: "{image}", deploy: {{update_config: {{monitor: 1s}}}}}}
"""
SHOP = """
x-gitops: {{depends_on: [db]}}
services:
  web: {{image: "{image}", deploy: {{update_config: {{monitor: 1s}}}}}}
"""
IMAGES = {"bad:1": ImageBehaviour(exits_after_s=0.2, exit_code=1)}


def commit(story, db, shop):
    story.commit(
        {
            "db/compose.yaml": DB.format(image=db),
            "shop/compose.yaml": SHOP.format(image=shop),
            "free/compose.yaml": FREE,
        }
    )
    return story.sync()


FREE = "services: {free: {image: 'free:1', deploy: {update_config: {monitor: 1s}}}}"


def running(story):
    return {c.image for c in story.world.containers.values() if c.state.value == "running"}


def app(report, name):
    return next(row for row in report.final_status.apps if row.key.name == name)


def story_with_a_failed_db():
    story = Scenario(IMAGES)
    assert commit(story, "db:1", "shop:1").exit_code == 0
    return story, commit(story, "bad:1", "shop:2")


def test_an_app_stays_behind_with_what_it_depends_on_and_follows_once_that_is_mended():
    story, report = story_with_a_failed_db()
    assert report.exit_code == 4
    assert running(story) == {"db:1", "shop:1", "free:1"}
    assert app(report, "db").release_state is AppReleaseState.ROLLED_BACK
    assert app(report, "shop").sync is Sync.HELD
    assert "waits for default/db, which was rolled back" in app(report, "shop").reason

    mended = commit(story, "db:2", "shop:2")
    assert mended.exit_code == 0
    assert running(story) == {"db:2", "shop:2", "free:1"}
    order = [r.action.app.name for r in mended.results if r.action.kind.value == "wait_healthy"]
    assert order == ["db", "shop"]


def test_meanwhile_it_is_healed_at_the_release_that_it_runs():
    story, _ = story_with_a_failed_db()
    tampering.remove(story.world, next(c for c in story.world.containers.values() if c.image == "shop:1"))
    report = story.sync()
    assert {r.outcome for r in report.results} == {Outcome.DONE}
    assert running(story) == {"db:1", "shop:1", "free:1"}
    assert story.sync().results == ()


def test_what_leaves_git_goes_after_what_depends_on_it():
    story = Scenario(IMAGES)
    commit(story, "db:1", "shop:1")
    story.commit({"free/compose.yaml": FREE})
    report = story.sync()
    assert [r.action.app.name for r in report.results if r.action.kind.value == "remove"] == ["shop", "db"]
    assert running(story) == {"free:1"}


def test_an_app_outlives_its_file_while_another_still_runs_what_needs_it():
    story = Scenario(IMAGES)
    commit(story, "db:1", "shop:1")
    lonely = SHOP.format(image="bad:1").replace("{depends_on: [db]}", "{}")
    story.commit({"shop/compose.yaml": lonely, "free/compose.yaml": FREE})
    report = story.sync()
    assert report.exit_code == 4
    assert running(story) == {"db:1", "shop:1", "free:1"}
    assert "is kept while default/shop runs a release that depends on it" in app(report, "db").reason
    story.commit({"shop/compose.yaml": lonely.replace("bad:1", "shop:2"), "free/compose.yaml": FREE})
    assert story.sync().exit_code == 0
    assert running(story) == {"shop:2", "free:1"}
