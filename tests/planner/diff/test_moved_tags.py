"""A tag that names other bytes than a service runs: what is replaced, pulled and kept."""

import pytest

from gitops_orch.model.observed import ObservedImage
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.plan.plan import Plan
from gitops_orch.planner.inputs.world import ImagePin, TagState, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import COMMIT, IMAGE, app, container, kinds, seen, service, world

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64  # ids
WAS, NOW = "sha256:" + "a" * 64, "sha256:" + "b" * 64  # digests in the registry
OLD_IMAGE = ObservedImage(id=OLD, tags=(IMAGE,), digests=(f"stub@{WAS}",))
NEW_IMAGE = ObservedImage(id=NEW, tags=(), digests=(f"stub@{NOW}",))


def plan(
    tag: TagState | None, *, runs: str = OLD, images: tuple = (OLD_IMAGE,), pin: bool = False, **fields
) -> Plan:
    made = app("shop", service("api", **fields))
    chosen = TargetRelease(
        app=made,
        commit=COMMIT,
        tags={} if tag is None else {"api": tag},
        images={"api": ImagePin(id=OLD, digests=(f"stub@{WAS}",))} if pin else {},
    )
    host = seen("h1", container(made, image_id=runs), apps=(made,), images=images)
    return make_plan(world(made, targets=(chosen,), observed={"h1": host}))


def reasons(of: Plan, kind: Kind) -> list[str]:
    return [action.reason for action in of.actions if action.kind is kind]


def test_other_bytes_behind_the_tag_are_pulled_and_replace_with_both_digests_in_the_reason() -> None:
    moved = plan(TagState(digest=NOW))
    assert reasons(moved, Kind.PULL) == ["api needs it, and it is not on the host"]
    (why,) = reasons(moved, Kind.CREATE)
    assert why.endswith(f"tag stub:1 was pushed again: {WAS[:19]} -> {NOW[:19]}")
    (change,) = next(action.changes for action in moved.actions if action.kind is Kind.CREATE)
    assert (change.path, change.before, change.after) == ("image", WAS, NOW)


@pytest.mark.parametrize("image", [IMAGE, "docker.io/library/stub:1", "index.docker.io/stub:1"])
def test_the_same_bytes_change_nothing_however_the_image_is_written(image: str) -> None:
    assert plan(TagState(digest=WAS), image=image).actions == ()


def test_a_tag_that_was_not_checked_changes_nothing() -> None:
    assert plan(None).actions == ()


def test_a_container_of_the_bytes_that_are_wanted_stays_where_the_hosts_own_tag_is_older() -> None:
    assert plan(TagState(digest=NOW), runs=NEW, images=(OLD_IMAGE, NEW_IMAGE)).actions == ()


def test_bytes_that_are_there_are_pulled_all_the_same_where_the_hosts_own_tag_names_others() -> None:
    moved = plan(TagState(digest=NOW), images=(OLD_IMAGE, NEW_IMAGE))
    assert reasons(moved, Kind.PULL) == ["api needs it, and its tag names other bytes there"]


def test_bytes_that_failed_go_back_to_the_former_ones_and_the_way_to_try_again_is_told() -> None:
    retagged = (
        ObservedImage(id=OLD, tags=(), digests=(f"stub@{WAS}",)),
        ObservedImage(id=NEW, tags=(IMAGE,), digests=(f"stub@{NOW}",)),
    )
    back = plan(TagState(digest=NOW, failed="it exited with code 1"), runs=NEW, images=retagged, pin=True)
    (why,) = reasons(back, Kind.CREATE)
    assert f"names {NOW[:19]}, which failed: {NOW[:19]} -> {WAS[:19]}" in why
    (hold,) = back.holds
    assert "it exited with code 1" in hold.reason
    assert "gitops-orch retry default/shop" in hold.reason


def test_former_bytes_stay_while_what_the_tag_names_failed() -> None:
    assert kinds(plan(TagState(digest=NOW, failed="it exited"), images=(OLD_IMAGE,), pin=True)) == []


def test_former_bytes_are_not_asked_for_in_a_registry_by_their_id() -> None:
    tag = TagState(digest=NOW, failed="it exited")
    images = (ObservedImage(id=OLD, tags=()), ObservedImage(id=NEW, tags=(IMAGE,), digests=(f"stub@{NOW}",)))
    back = plan(tag, runs=NEW, images=images, pin=True, compose={"pull_policy": "always"})
    assert reasons(back, Kind.PULL) == []
    assert len(reasons(back, Kind.CREATE)) == 1
