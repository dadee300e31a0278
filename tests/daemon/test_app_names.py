"""Which app a person means."""

import pytest

from gitops_orch.daemon.app_names import AppSelector, find_app, find_service, near_containers
from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.app import App, AppKey, Service

SHOP = AppKey(namespace="default", name="shop")
OTHER_SHOP = AppKey(namespace="acme", name="shop")
MAIL = AppKey(namespace="acme", name="mail")
KNOWN = (SHOP, OTHER_SHOP, MAIL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("shop", SHOP), ("default/shop", SHOP), ("acme/shop", OTHER_SHOP), ("mail", MAIL), ("acme/mail", MAIL)],
)
def test_a_name_means_the_default_namespace_first_and_else_the_only_one(text, expected):
    assert find_app(text, KNOWN) == expected


def test_a_name_in_several_namespaces_must_be_written_out():
    elsewhere = AppKey(namespace="corp", name="mail")
    with pytest.raises(
        GitopsOrchError, match="mail is the name of acme/mail, corp/mail; write namespace/app"
    ):
        find_app("mail", (MAIL, elsewhere))


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("shp", KNOWN, "did you mean shop?"),
        ("zzz", KNOWN, "there are acme/mail, acme/shop, default/shop"),
        ("shop", (), "the repository has none yet"),
        ("", KNOWN, "there is no app ;"),
    ],
)
def test_a_name_that_nobody_has_is_an_error_with_a_way_out(text, known, expected):
    with pytest.raises(GitopsOrchError) as caught:
        find_app(text, known)
    assert expected in str(caught.value)


def app(key: AppKey) -> App:
    return App(key=key, path="x", digest="d", services=(Service(name="api", compose={}, image="x"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop", AppSelector(app=SHOP)),
        ("shop/api", AppSelector(app=SHOP, service="api")),
        ("acme/shop", AppSelector(app=OTHER_SHOP)),
        ("acme/shop/api", AppSelector(app=OTHER_SHOP, service="api")),
    ],
)
def test_a_service_is_named_below_its_app(text, expected):
    assert find_service(text, [app(key) for key in KNOWN]) == expected


def test_a_service_that_is_not_there_is_an_error_that_names_those_that_are():
    with pytest.raises(GitopsOrchError, match="default/shop has no service web; it has api"):
        find_service("shop/web", [app(SHOP)])


CONTAINERS = ["git-db-1-0a1b2c3", "git-web-1-e01467f", "git-web-2-99ffee1", "git-web-1-54581f3-failed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git-web-2", ["git-web-2-99ffee1"]),
        ("git-web-1", ["git-web-1-54581f3-failed", "git-web-1-e01467f"]),
        ("git-db-1-fffffff", ["git-db-1-0a1b2c3"]),
        ("git-db-1-fffffff-kept", ["git-db-1-0a1b2c3"]),
        ("gti-db-1-0a1b2c3", ["git-db-1-0a1b2c3"]),
        ("nobody", []),
    ],
)
def test_containers_that_a_name_is_likely_meant_for(text, expected):
    assert near_containers(text, CONTAINERS) == expected


def test_no_more_than_ten_containers_are_offered():
    assert len(near_containers("git", [f"git-web-{n}" for n in range(50)])) == 10
