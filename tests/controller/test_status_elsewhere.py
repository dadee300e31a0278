"""`status` is asked from another process than the one that acts: it has the same reasons, and says when things were seen."""

import itertools

import pytest
from story import Scenario

from gitops_orch.engine.simulated.faults import Fault
from gitops_orch.errors import SourceHeld, SourceUnavailable
from gitops_orch.model.app import AppKey, Hold
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


class Counted:
    """A host that fails at one kind of request, and how often it was asked."""

    def __init__(self, operation: str) -> None:
        self.operation, self.count = operation, 0

    def decide(self, _host: str, operation: str) -> Fault | None:
        self.count += operation == self.operation
        return Fault.SERVER_ERROR if operation == self.operation else None


@pytest.fixture
def story():
    return Scenario()


def shop(story: Scenario) -> AppStatus:
    (row,) = story.reconciler.read_status().apps
    return row


def restart(story: Scenario) -> None:
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
    assert former.digest not in {trouble.digest for trouble in story.history.troubles().values()}


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


BLOG = {"blog/compose.yaml": "services: {web: {image: 'blog/web:1'}}"}


@pytest.mark.parametrize("operation", ["stop", "remove", "remove_network"])
def test_the_removal_of_an_app_that_left_git_is_tried_after_longer_and_longer_waits(story, operation):
    story.commit(FILES | BLOG)
    story.sync()
    calm, story.fleet.faults = story.fleet.faults, Counted(operation)
    restart(story)
    story.commit(BLOG)
    tried = []
    for second in range(120):
        asked = story.fleet.faults.count
        story.sync()
        if story.fleet.faults.count > asked:
            tried.append(second)
        story.clock.sleep(1)
    waits = [after - before for before, after in itertools.pairwise(tried)]
    assert len(tried) < 5
    assert waits == sorted(waits)
    (trouble,) = story.history.troubles().values()
    assert trouble.attempts == len(tried)
    story.fleet.faults = calm
    restart(story)
    assert story.sync().exit_code == 0
    assert not story.history.troubles()
    assert [row.key.name for row in story.reconciler.read_status().apps] == ["blog"]


@pytest.mark.parametrize("back", [FILES, CHANGED])
def test_an_app_that_comes_back_does_not_wait_for_its_removal(story, back):
    story.commit(FILES | BLOG)
    story.sync()
    calm, story.fleet.faults = story.fleet.faults, Counted("remove")
    restart(story)
    story.commit(BLOG)
    assert story.sync().status == "error"
    story.reconciler.engines.by_name()["h1"].wire.faults = calm
    story.commit(back | BLOG)
    assert story.sync().exit_code == 0
    assert not story.history.troubles()


def test_the_trouble_of_a_removal_is_over_once_a_person_keeps_the_app(story):
    story.commit(FILES | BLOG)
    story.sync()
    story.fleet.faults = Counted("remove")
    restart(story)
    story.commit(BLOG)
    story.sync()
    assert story.history.troubles()
    story.history.hold(SHOP, Hold(reason="look at it first"))
    story.sync()
    assert not story.history.troubles()
    row = next(row for row in story.reconciler.read_status().apps if row.key == SHOP)
    assert (row.sync, "look at it first" in row.reason) == (Sync.HELD, True)


def test_the_trouble_of_a_removal_stays_while_its_host_is_silent(story):
    story.commit(FILES | BLOG)
    story.sync()
    story.fleet.faults = Counted("remove")
    restart(story)
    story.commit(BLOG)
    story.sync()
    story.fleet.faults = RefusedTo("observe")
    restart(story)
    story.sync()
    assert story.history.troubles()


def test_a_host_that_fell_silent_says_when_it_was_seen(story):
    story.commit(FILES)
    story.sync()
    (seen,) = (host.observed_at for host in story.reconciler.read_status().hosts)
    restart(story)
    story.fleet.faults = RefusedTo("observe")
    (host,) = story.reconciler.read_status().hosts
    assert host.state == "unknown"
    assert 0 <= (seen - host.observed_at).total_seconds() <= 60


def test_a_remote_that_fell_silent_says_when_it_was_fetched(story):
    story.commit(FILES)
    story.sync()

    def refuse(**_):
        raise SourceUnavailable("no route")

    restart(story)
    story.source.fetch = refuse
    picture = story.reconciler.read_status()
    assert "no route" in picture.error
    assert picture.fetched_at is not None


def held(**_):
    raise SourceHeld("the branch was rewritten", commit="d" * 40)


def test_a_rewritten_branch_was_fetched_although_it_is_held(story):
    story.commit(FILES)
    story.sync()
    story.clock.sleep(20)
    story.source.fetch = held
    report = story.sync()
    now = story.clock.now()
    assert "rewritten" in report.final_status.error
    assert (now - report.final_status.fetched_at).total_seconds() < 10
    restart(story)
    seen = story.reconciler.read_status(fetch=False)
    assert (now - seen.fetched_at).total_seconds() < 10


def test_a_new_commit_was_fetched_when_it_was_found(story):
    story.commit(FILES)
    story.sync()
    story.clock.sleep(20)
    story.commit({**FILES, "note.txt": "a change"})
    story.sync()
    now = story.clock.now()
    restart(story)
    assert (now - story.reconciler.read_status(fetch=False).fetched_at).total_seconds() < 10


def test_a_first_commit_that_is_held_was_fetched(story):
    story.source.fetch = held
    assert story.sync().final_status.fetched_at is not None
    assert story.history.fetched_at() is not None
