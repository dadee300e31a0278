"""What `status` tells of apps."""

from gitops_orch.model.app import Hold
from gitops_orch.model.observed import Health, State, UnknownHost
from gitops_orch.model.status import AppHealth, AppReleaseState, Sync
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.status import app_statuses
from tests.planner.builders import COMMIT, NOW, app, container, replace, seen, service, world


def row(the_world, name="shop"):
    rows = {status.key.name: status for status in app_statuses(the_world, make_plan(the_world))}
    return rows[name]


def here(shop, *containers, **fields):
    return world(shop, observed={"h1": seen("h1", *containers, apps=(shop,))}, **fields)


def test_what_runs_as_git_wants_it_is_in_sync_healthy_and_stable():
    shop = app()
    status = row(here(shop, container(shop)))
    assert (status.sync, status.health) == (Sync.IN_SYNC, AppHealth.HEALTHY)
    assert (status.release_state, status.commit) == (AppReleaseState.STABLE, COMMIT)
    assert status.hosts == ("h1",)


def test_an_app_that_is_not_there_yet_is_missing():
    status = row(world(app()))
    assert (status.sync, status.health) == (Sync.OUT_OF_SYNC, AppHealth.MISSING)


def test_one_of_two_that_is_sick_makes_it_degraded():
    shop = app("shop", service("a"), service("b"))
    sick = replace(container(shop, "b"), health=Health.UNHEALTHY)
    assert row(here(shop, container(shop, "a"), sick)).health is AppHealth.DEGRADED


def test_one_that_is_starting_is_progress():
    shop = app()
    assert row(here(shop, replace(container(shop), health=Health.STARTING))).health is AppHealth.PROGRESSING


def test_an_app_on_a_silent_host_is_unknown_and_not_fresh():
    from gitops_orch.model.observed import Placed

    shop = app()
    silent = {"h1": UnknownHost(name="h1", reason="no answer")}
    remembered = {"h1": (Placed(app=shop.key, service="api", slot=1),)}
    status = row(world(shop, observed=silent, last_placements=remembered))
    assert (status.sync, status.health, status.fresh) == (Sync.UNKNOWN, AppHealth.UNKNOWN, False)


def test_an_older_release_runs_while_head_is_quarantined():
    good = app(digest="good")
    chosen = (TargetRelease(app=good, commit="g" * 40, role=Role.ROLLBACK, reason="bad failed"),)
    observed = {"h1": seen("h1", container(good), apps=(good,))}
    status = row(world(observed=observed, targets=chosen, failed={good.key: {"bad": "it exited"}}))
    assert (status.sync, status.release_state) == (Sync.OUT_OF_SYNC, AppReleaseState.ROLLED_BACK)
    assert (status.commit, status.health) == ("g" * 40, AppHealth.HEALTHY)


def test_a_held_app_is_held_and_its_reason_is_shown():
    shop = app(hold=Hold(reason="disks"))
    status = row(here(shop, container(shop)))
    assert (status.sync, status.health) == (Sync.HELD, AppHealth.SUSPENDED)
    assert "disks" in status.reason


def test_an_app_whose_trouble_is_waited_for_is_out_of_sync_and_keeps_its_health():
    shop = app()
    trouble = Hold(reason="pull: registry is down", until=NOW)
    status = row(here(shop, container(shop), backoffs={shop.key: trouble}))
    assert (status.sync, status.health) == (Sync.OUT_OF_SYNC, AppHealth.HEALTHY)


def test_a_broken_app_is_unknown_and_listed():
    shop = app()
    status = row(world(observed={"h1": seen("h1", container(shop))}, invalid_apps={shop.key: "line 3"}))
    assert (status.sync, status.commit) == (Sync.UNKNOWN, COMMIT)


def test_an_app_whose_file_cannot_be_parsed_is_unknown_and_listed():
    shop, other = app(), app("other")
    observed = {"h1": seen("h1", container(shop), container(other), apps=(other,))}
    status = row(world(other, observed=observed, invalid_paths=("shop/compose.yaml",)))
    assert status.sync is Sync.UNKNOWN
    assert "shop/compose.yaml" in status.reason


def test_a_stopped_container_is_counted_as_not_running():
    shop = app()
    status = row(here(shop, replace(container(shop), state=State.EXITED)))
    assert [(s.desired_count, s.running_count, s.healthy_count) for s in status.services] == [(1, 0, 0)]


def images(the_world):
    return [service.image for service in row(the_world).services]


def test_the_image_is_the_one_that_runs_while_another_is_wanted():
    before, after = app("shop", service(image="web:1")), app("shop", service(image="web:2"))
    runs = container(before, image="web:1")
    assert images(here(after, runs)) == ["web:1"]
    assert images(here(after, replace(runs, state=State.PAUSED))) == ["web:1"]


def test_of_several_images_the_one_of_the_most_containers_is_first():
    before = app("shop", service(image="web:1", replicas=3))
    after = app("shop", service(image="web:2", replicas=3))
    olds = [container(before, slot=slot, image="web:1") for slot in (1, 2)]
    assert images(here(after, *olds, container(after, slot=3, image="web:2"))) == ["web:1, web:2"]


def test_the_image_is_git_s_where_no_container_is_up():
    before, after = app("shop", service(image="web:1")), app("shop", service(image="web:2"))
    assert images(here(after)) == ["web:2"]
    assert images(here(after, container(before, image="web:1", state=State.EXITED))) == ["web:2"]


def test_an_image_that_lost_its_tag_is_shown_by_the_tag_it_was_created_by_or_else_by_its_id():
    before, after = app("shop", service(image="web:1")), app("shop", service(image="web:2"))
    untagged = container(before, image="sha256:" + "5" * 64)
    assert images(here(before, untagged)) == ["web:1"]
    assert images(here(after, untagged)) == ["sha256:" + "5" * 12]


def test_the_same_image_is_shown_as_git_writes_it():
    written = app("shop", service(image="docker.io/library/web:latest"))
    assert images(here(written, container(written, image="web"))) == ["docker.io/library/web:latest"]
