"""What is told by containers when history is gone."""

from datetime import timedelta

from gitops_orch.controller.releases.release_history import recovered_releases, release_facts
from gitops_orch.model.observed import State
from gitops_orch.model.release import Release, ReleaseState
from tests.planner.builders import NOW, app, container, replace, service

SHOP = app(digest="good")
BAD = app(digest="bad")
KEPT = replace(container(BAD), name="shop-api-1-abcdef0-failed", state=State.EXITED)


def told(*containers, known=frozenset()):
    return {release.digest: release.state for release in recovered_releases(containers, known)}


def test_a_container_kept_under_a_failed_name_quarantines_its_release():
    assert told(container(SHOP), KEPT) == {"good": ReleaseState.STABLE, "bad": ReleaseState.FAILED}


def test_it_does_so_too_when_a_person_has_started_it_again():
    again = replace(KEPT, state=State.RUNNING)
    assert [row.state for row in recovered_releases([again], frozenset())] == [ReleaseState.FAILED]


def test_what_history_knows_is_not_told_again():
    assert told(container(SHOP), KEPT, known=frozenset({SHOP.key})) == {}


def test_a_container_that_does_not_do_well_proves_nothing():
    assert told(replace(container(SHOP), state=State.RESTARTING)) == {}


def test_the_newest_stable_release_that_is_another_one_is_the_way_back():
    rows = [Release(app=SHOP.key, digest=d, commit=d, state=ReleaseState.STABLE) for d in ("c", "b", "a")]
    facts = release_facts(rows)
    assert facts.stable_other_than(SHOP.key, "c").digest == "b"
    assert facts.stable_other_than(SHOP.key, "z").digest == "c"


def test_a_container_whose_predecessor_is_still_there_has_not_passed_its_gate():
    old = replace(container(SHOP), created_at=NOW)
    young = replace(container(BAD), id="young", created_at=NOW + timedelta(seconds=1))
    assert told(young, old) == {"good": ReleaseState.STABLE}
    assert told(young) == {"bad": ReleaseState.STABLE}


def test_the_release_that_made_a_container_last_is_the_newest_though_most_are_of_an_earlier_one():
    """What a release left as it was is still of the one before."""
    shop = app("shop", service("web"), service("db"), service("cache"))
    left = [container(shop, name, release="first", created_at=NOW) for name in ("db", "cache")]
    web = container(shop, "web", release="second", created_at=NOW + timedelta(seconds=1))
    facts = release_facts(reversed(recovered_releases([web, *left], frozenset())))
    assert [release.digest for release in facts.stable[shop.key]] == ["second", "first"]
