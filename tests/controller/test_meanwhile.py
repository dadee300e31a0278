"""Which release an app runs that must wait with head's."""

from datetime import timedelta

from simulation.memory_history import MemoryHistory

from gitops_orch.controller.facts import ReleaseFacts
from gitops_orch.controller.meanwhile import releases_that_run
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.world import Chosen, Role
from tests.planner.builders import NOW, app, container

NEEDED = (AppKey(namespace="default", name="db"),)
RELEASES = {digest: app("shop", digest=digest, depends_on=NEEDED) for digest in ("one", "two", "head")}
KEY = RELEASES["head"].key


class Commits:
    """Has the app of each release, at a commit that is named like it."""

    def app_at(self, _key, commit):
        return RELEASES[commit]


def runs(*digests, failed=(), stable=()):
    """Return the release that runs beside head's, of containers of these releases, the oldest first."""
    proved = tuple(
        Release(app=KEY, digest=each, commit=each, state=ReleaseState.STABLE) for each in stable
    )  # the newest first
    why = dict.fromkeys(failed, "it exited")
    facts = ReleaseFacts(failed={KEY: why}, stable={KEY: proved}, known=frozenset())
    head = Chosen(app=RELEASES["head"], commit="head", role=Role.HEAD)
    there = [
        container(RELEASES[each], slot=slot, commit=each, created_at=NOW + timedelta(seconds=slot))
        for slot, each in enumerate(digests, 1)
    ]
    found = releases_that_run([head], there, Commits(), MemoryHistory(), facts)
    return [(each.app.digest, each.role) for each in found]


def test_it_is_the_one_that_most_containers_are_of():
    assert runs("one", "two", "two") == [("two", Role.WAITING)]


def test_of_two_with_as_many_containers_it_is_the_one_that_was_begun_last():
    assert runs("two", "one") == [("one", Role.WAITING)]
    assert runs("one", "two") == [("two", Role.WAITING)]


def test_containers_that_a_later_release_left_as_they_were_do_not_outvote_it():
    assert runs("one", "one", "two", stable=["two", "one"]) == [("two", Role.WAITING)]
    assert runs("two", "one", stable=["two", "one"]) == [("two", Role.WAITING)]
    assert runs("one", stable=["two", "one"]) == [("two", Role.WAITING)]  # it changed no container


def test_it_is_never_one_that_failed():
    assert runs("one", "two", "two", failed=["two"]) == [("one", Role.WAITING)]
    assert runs("two", failed=["two"]) == []


def test_there_is_none_while_head_runs_already():
    assert runs("one", "head") == []
