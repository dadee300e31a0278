"""What is computed once per release: keyed secrets, hashes of former versions, what an Engine is too old for."""

import hashlib

import pytest
from story import Scenario

from gitops_orch.engine import labels
from gitops_orch.engine.payload import spec_hash

SECRET = """
services:
  web: {image: "web:1", secrets: [key]}
secrets:
  key: {file: key.txt}
"""


def test_the_digest_of_a_secret_cannot_be_found_on_a_host():
    story = Scenario()
    story.commit({"shop/compose.yaml": SECRET, "shop/key.txt": "hunter2"})
    story.sync()
    volume = next(v for v in story.world.volumes.values() if "_files_" in v.name)
    digest = volume.labels[labels.FILES]
    content = hashlib.sha256(b"hunter2").hexdigest()
    plain = hashlib.sha256(b"file" + f"\0\0{0o444:o}\x000:0\0{content}".encode()).hexdigest()
    assert digest != plain
    assert not volume.name.endswith(plain[:12])
    assert story.plan().actions == ()


def test_the_same_secret_keeps_its_volume_from_run_to_run():
    story = Scenario()
    story.commit({"shop/compose.yaml": SECRET, "shop/key.txt": "hunter2"})
    story.sync()
    before = sorted(story.world.volumes)
    story.commit({"shop/compose.yaml": SECRET, "shop/key.txt": "hunter2", "README": "more"})
    story.sync()
    assert sorted(story.world.volumes) == before


PLAIN = {"shop/compose.yaml": "services: {web: {image: 'web:1', environment: {A: '1'}, labels: {a: b}}}"}
EDITED = {"shop/compose.yaml": "services: {web: {image: 'web:1', environment: {A: '2'}, labels: {a: b}}}"}


@pytest.fixture
def upgraded(monkeypatch):
    """A fleet made by this version, and a controller whose hash function is another one."""
    story = Scenario()
    story.commit(PLAIN)
    story.sync()
    plain = spec_hash.hash_payload
    monkeypatch.setattr(labels, "SPEC_HASH_VERSION", "3")
    monkeypatch.setattr("gitops_orch.controller.releases.spec_cache.SPEC_HASH_VERSION", "3")
    monkeypatch.setattr(
        "gitops_orch.controller.releases.spec_cache.hash_payload", lambda *a, **k: plain(*a, **k)[::-1]
    )
    story.reconciler = story._reconciler()
    return story


@pytest.fixture
def remembers(monkeypatch):
    def second(_payload, app, service, salt):
        return spec_hash.spec_hash(app, service, salt=salt)

    monkeypatch.setitem(spec_hash.FORMER, "2", second)


def test_a_new_hash_function_recreates_nothing(upgraded):
    assert upgraded.plan().actions == ()


@pytest.mark.usefixtures("remembers")
def test_a_new_hash_function_beside_the_old_one_recreates_nothing(upgraded):
    assert upgraded.plan().actions == ()


@pytest.mark.usefixtures("remembers")
def test_the_old_function_still_finds_every_change(upgraded):
    upgraded.commit({"shop/compose.yaml": PLAIN["shop/compose.yaml"].replace("a: b", "a: c")})
    assert "create" in [action.kind.value for action in upgraded.plan().actions]


def test_without_the_old_function_inspection_finds_what_it_can(upgraded):
    upgraded.commit(EDITED)
    assert "create" in [action.kind.value for action in upgraded.plan().actions]


def test_what_was_made_after_the_upgrade_is_compared_by_the_new_function(upgraded):
    upgraded.commit(EDITED)
    upgraded.sync()
    assert upgraded.plan().actions == ()
    upgraded.commit({"shop/compose.yaml": EDITED["shop/compose.yaml"].replace("a: b", "a: c")})
    assert "create" in [action.kind.value for action in upgraded.plan().actions]


NEWER = """
services:
  db: {image: "db:1"}
  web:
    image: "web:1"
    healthcheck: {test: "true", start_interval: 1s}
"""


def test_a_key_that_the_engine_is_too_old_for_holds_the_app_before_anything_is_touched():
    story = Scenario()
    story.commit({"shop/compose.yaml": NEWER, "blog/compose.yaml": "services: {a: {image: 'a:1'}}"})
    report = story.sync()
    assert sorted(story.containers()) == ["a"]
    assert list(story.world.images) == [story.containers()["a"].image_id]
    hold = next(hold for hold in report.final_status.plan.holds if str(hold.app) == "default/shop")
    assert hold.error
    assert "web cannot run on h1" in hold.reason
    assert "healthcheck.start_interval needs Engine API 1.44, this Engine speaks 1.41" in hold.reason


def test_it_goes_on_once_the_engine_is_new_enough():
    story = Scenario()
    story.commit({"shop/compose.yaml": NEWER})
    story.sync()
    story.world.api_version = "1.45"
    story.sync()
    assert sorted(story.containers()) == ["db", "web"]


def test_an_app_that_runs_is_left_as_it_is_by_a_key_that_is_too_new():
    story = Scenario()
    story.commit({"shop/compose.yaml": NEWER.replace(", start_interval: 1s", "")})
    story.sync()
    before = {each.id for each in story.world.containers.values()}
    story.commit({"shop/compose.yaml": NEWER})
    story.sync()
    assert {each.id for each in story.world.containers.values()} == before


def test_a_hold_in_git_counts_though_it_changes_no_container():
    story = Scenario()
    files = {"shop/compose.yaml": SECRET, "shop/key.txt": "hunter2"}
    story.commit(files)
    story.sync()
    story.commit(files | {"shop/compose.yaml": SECRET + "x-gitops: {hold: {reason: not now}}"})
    assert [hold.reason for hold in story.sync().final_status.plan.holds] == ["held: not now"]
