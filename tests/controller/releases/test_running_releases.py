"""Which release an app runs that must wait with head's."""

from datetime import timedelta

from simulation.memory_history import MemoryHistory

from gitops_orch.controller.releases.release_history import ReleaseFacts
from gitops_orch.controller.releases.running_releases import running_releases
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import State
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.planner.inputs.world import Role, TargetRelease
from tests.planner.builders import NOW, app, container, replace, service, spec_of

NEEDED = (AppKey(namespace="default", name="db"),)
SERVICES = ("web", "worker", "cache")


def release(digest, **values):
    """A release of the shop; a service that has the same value in two of them has the same containers."""
    services = [service(name, compose={"environment": {"A": values.get(name, "0")}}) for name in SERVICES]
    return app("shop", *services, digest=digest, depends_on=NEEDED)


RELEASES = {
    "one": release("one"),
    "two": release("two", web="2"),
    "three": release("three", web="2", worker="3"),
    "label": release("label"),  # of which no container differs from one's
    "head": release("head", web="9"),
}
KEY = RELEASES["head"].key


class Commits:
    """Has the app of each release, at a commit that is named like it."""

    def app_at(self, _key, commit):
        return RELEASES[commit]


def made(digest, name, at, **fields):
    return container(
        RELEASES[digest],
        name,
        commit=digest,
        id=f"{digest}-{name}",
        created_at=NOW + timedelta(seconds=at),
        **fields,
    )


def found(*there, failed=(), stable=()):
    """What is found of these containers; `stable` are releases, the newest first."""
    proved = tuple(Release(app=KEY, digest=each, commit=each, state=ReleaseState.STABLE) for each in stable)
    why = dict.fromkeys(failed, "it exited")
    facts = ReleaseFacts(failed={KEY: why}, stable={KEY: proved}, known=frozenset())
    head = TargetRelease(app=RELEASES["head"], commit="head", role=Role.HEAD)

    def hashes(of):
        return {each.name: {spec_of(of, each.name).hash} for each in of.services}

    return [
        (each.app.digest, each.is_partial)
        for each in running_releases([head], there, Commits(), MemoryHistory(), facts, hashes)
    ]


def runs(*digests, **known):
    """What is found of a container of each service, that these releases created, the oldest first."""
    there = [made(digest, name, at) for at, (digest, name) in enumerate(zip(digests, SERVICES, strict=False))]
    return found(*there, **known)


def test_it_is_the_one_that_most_containers_are_just_as():
    assert runs("three", "three", "three") == [("three", False)]
    assert runs("one", "one", "one", stable=["one"]) == [("one", False)]


def test_containers_that_a_later_release_left_as_they_were_do_not_outvote_it():
    assert runs("two", "one", "one") == [("two", False)]
    assert runs("two", "one", "one", stable=["two", "one"]) == [("two", False)]
    assert runs("three", "three", "one") == [("three", False)]


def test_a_release_that_changed_no_container_is_the_one_that_runs_once_it_was_stable():
    assert runs("one", "one", "one", stable=["label", "one"]) == [("label", False)]


def test_where_a_rollout_broke_off_a_mixture_runs():
    assert runs("two", "three", "one", stable=["two"]) == [("three", False)]  # all that differed was replaced
    assert runs("one", "three", "one", stable=["one"]) == [("one", True)]


def test_what_runs_in_a_slot_counts_and_not_what_has_ended_there():
    ended = made("three", "web", 9, state=State.EXITED)
    others = made("one", "worker", 0), made("one", "cache", 0)
    assert found(ended, made("one", "web", 0), *others) == [("one", False)]
    assert found(ended, *others) == [("one", False)]


def test_a_preparation_of_a_release_is_no_container_that_runs():
    prepares = made("one", "web", 9, state=State.EXITED)
    owner = replace(prepares.owner, service="web.pre_start.1", release="three", commit="three")
    there = [made("one", name, 0) for name in SERVICES]
    assert found(replace(prepares, owner=owner), *there, stable=["one"]) == [("one", False)]


def test_it_is_never_one_that_failed():
    assert runs("two", "one", "one", failed=["two"]) == [("one", True)]
    assert runs("two", "two", "two", failed=["two"]) == []


def test_there_is_none_while_head_runs_already():
    assert runs("head", "one", "one") == []
