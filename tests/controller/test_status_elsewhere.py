"""`status` is asked from another process than the one that acts: it has the same reasons, and says when things were seen."""

import pytest
from story import Story

from gitops_orch.engine.simulated.faults import Fault
from gitops_orch.errors import SourceUnavailable
from gitops_orch.model.app import AppKey
from gitops_orch.model.status import AppStatus, Sync

SHOP = AppKey(namespace="default", name="shop")
FILES = {"shop/compose.yaml": "services: {web: {image: 'shop/web:1', ports: ['80:80']}}"}
CHANGED = {"shop/compose.yaml": "services: {web: {image: 'shop/web:2', ports: ['81:80']}}"}


class RefusedTo:
    """A host that refuses one kind of request."""

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def decide(self, _host: str, operation: str) -> Fault | None:
        return Fault.REFUSED if operation == self.operation else None


@pytest.fixture
def story():
    return Story()


def shop(story: Story) -> AppStatus:
    (row,) = story.reconciler.picture().apps
    return row


def restart(story: Story) -> None:
    """Come back as another process, with the same state."""
    story.reconciler = story._reconciler()


@pytest.mark.parametrize("operation", ["pull", "create_network", "create", "start"])
def test_what_kept_an_app_from_being_deployed_is_the_reason_in_every_process(story, operation):
    story.commit(FILES)
    calm, story.fleet.faults = story.fleet.faults, RefusedTo(operation)
    assert story.sync().status == "error"
    here = shop(story)
    assert f"{operation} " in here.reason
    restart(story)
    there = shop(story)
    assert there.reason.partition("; tried")[0] == here.reason.partition("; tried")[0]
    assert "tried once since" in there.reason
    assert there.sync is Sync.OUT_OF_SYNC
    story.sync()
    restart(story)
    assert "tried 2 times since" in shop(story).reason
    story.fleet.faults = calm
    restart(story)
    assert story.sync().status == "in-sync"
    assert not story.history.troubles()
    restart(story)
    assert shop(story).reason == ""


def test_the_trouble_of_a_former_commit_is_no_reason_for_the_next_one(story):
    story.commit(FILES)
    story.fleet.faults = RefusedTo("pull")
    story.sync()
    story.commit(CHANGED)
    restart(story)
    assert "tried" not in shop(story).reason


@pytest.mark.parametrize(
    "then", [CHANGED, {"shop/compose.yaml": "x-gitops: {hold: {reason: r}}\n" + CHANGED["shop/compose.yaml"]}]
)
def test_the_trouble_of_a_release_that_git_no_longer_wants_is_over(story, then):
    story.commit(FILES)
    story.fleet.faults = RefusedTo("pull")
    story.sync()
    (former,) = story.history.troubles().values()
    story.commit(then)
    story.fleet.faults = RefusedTo("create")
    story.sync()
    assert all(trouble.digest != former.digest for trouble in story.history.troubles().values())


def test_the_trouble_of_an_app_whose_file_broke_stays(story):
    story.commit(FILES)
    story.fleet.faults = RefusedTo("pull")
    story.sync()
    story.commit({"shop/compose.yaml": "services: []"})
    story.sync()
    assert story.history.troubles()


def test_the_trouble_of_an_app_that_left_git_is_forgotten(story):
    story.commit(FILES | {"blog/compose.yaml": "services: {web: {image: 'shop/web:1'}}"})
    calm, story.fleet.faults = story.fleet.faults, RefusedTo("pull")
    story.sync()
    story.fleet.faults = calm
    restart(story)
    story.commit({"blog/compose.yaml": "services: {web: {image: 'shop/web:1'}}"})
    story.sync()
    assert not story.history.troubles()


def test_a_host_that_fell_silent_says_when_it_was_seen(story):
    story.commit(FILES)
    story.sync()
    (seen,) = (host.observed_at for host in story.reconciler.picture().hosts)
    restart(story)
    story.fleet.faults = RefusedTo("observe")
    (host,) = story.reconciler.picture().hosts
    assert host.state == "unknown"
    assert 0 <= (seen - host.observed_at).total_seconds() <= 60


def test_a_remote_that_fell_silent_says_when_it_was_fetched(story):
    story.commit(FILES)
    story.sync()

    def refuse(**_):
        raise SourceUnavailable("no route")

    restart(story)
    story.source.fetch = refuse
    picture = story.reconciler.picture()
    assert "no route" in picture.error
    assert picture.fetched_at is not None
