"""`status` of one app; what another process is told."""

import pytest
from command_line import HOST, app

pytestmark = pytest.mark.waits


@pytest.fixture
def two_apps(repository, gitops):
    repository.commit("two", hosts__edge=HOST, shop__compose=app(), blog__compose=app())
    assert gitops("sync").code == 0
    return repository


def test_status_of_an_app_shows_that_app_and_its_services(two_apps, gitops):
    answer = gitops("status", "blog")
    assert answer.code == 0
    assert "default/blog" in answer.out
    assert "default/shop" not in answer.out
    assert "api      1/1" in answer.out
    document = gitops("status", "blog", "-o", "json").json
    assert [row["app"] for row in document["apps"]] == ["blog"]


def test_status_of_an_app_is_not_about_the_others(two_apps, gitops, repository):
    repository.commit("a change", blog__compose=app("green"))
    assert gitops("status").code == 2
    assert gitops("status", "shop").code == 0
    assert gitops("status", "blog").code == 2


def test_status_of_an_app_that_is_not_there_names_the_one_that_was_meant(two_apps, gitops):
    answer = gitops("status", "blgo")
    assert answer.code == 1
    assert "did you mean blog?" in answer.err


def test_the_sides_of_a_held_difference_are_shown(two_apps, gitops, repository):
    gitops("hold", "shop", "--reason", "a freeze")
    repository.commit("a change", shop__compose=app("green"))
    assert gitops("plan").code == 0
    answer = gitops("diff", "shop")
    assert answer.code == 2
    assert "environment.COLOUR: blue -> green" in answer.out
