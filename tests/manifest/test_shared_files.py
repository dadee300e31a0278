"""Which files of an app may go back without another app."""

from collections.abc import Mapping

import pytest
from manifest.compile_world import tree_of

from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import all_app_files
from gitops_orch.manifest.shared_files import Difference, Version, difference
from gitops_orch.model.app import AppKey

SHOP = AppKey(namespace="default", name="shop")
WEB = "services: {web: {image: 'web:1'%s}}"
PLAIN = WEB % ""
READS = WEB % ", env_file: [../common.env]"
MOUNTS = WEB % ", volumes: ['./etc:/etc/web:ro']"
FLEET = "apiVersion: gitops-orch/v1\nkind: Fleet\nmetadata: {name: %s}\nspec: {}\n"


def version(files: Mapping[str, str], **how: Mapping[str, str]) -> Version:
    tree = tree_of(files, **how)
    return Version(tree=tree, files=all_app_files(tree, environment=None, cache=ManifestCache()))


def differs(now: Mapping[str, str], then: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = difference(SHOP, version(now), version(then))
    return found.own, found.shared


def test_an_apps_compose_file_is_its_own():
    assert differs({"shop/compose.yaml": READS}, {"shop/compose.yaml": PLAIN}) == (("shop/compose.yaml",), ())


@pytest.mark.parametrize(
    "others", ["README", "shop/README", "shop/compose.prod.yaml", "shop/db/compose.yaml"]
)
def test_a_file_that_it_does_not_read_is_not(others):
    base = {"shop/compose.yaml": PLAIN}
    assert differs({**base, others: PLAIN}, base) == ((), ())


def test_a_file_that_it_alone_reads_is_its_own_wherever_it_is():
    base = {"shop/compose.yaml": READS}
    assert differs({**base, "common.env": "A=1"}, {**base, "common.env": "A=2"}) == (("common.env",), ())


def test_a_file_that_another_app_reads_is_shared():
    base = {"shop/compose.yaml": READS, "blog/compose.yaml": READS}
    assert differs({**base, "common.env": "A=1"}, {**base, "common.env": "A=2"}) == ((), ("common.env",))


def test_a_file_is_shared_with_one_that_would_read_it_if_it_were_there():
    optional = WEB % ", env_file: [{path: ../common.env, required: false}]"
    base = {"shop/compose.yaml": optional, "blog/compose.yaml": optional}
    assert differs(base, {**base, "common.env": "A=2"}) == ((), ("common.env",))


def test_a_mounted_directory_is_its_own_with_all_that_is_added_and_removed():
    base = {"shop/compose.yaml": MOUNTS, "shop/etc/kept": "k"}
    assert differs({**base, "shop/etc/a/b": "1"}, {**base, "shop/etc/c": "2"}) == (
        ("shop/etc/a/b", "shop/etc/c"),
        (),
    )


def test_a_directory_that_another_app_mounts_is_shared():
    other = WEB % ", volumes: ['../shop/etc:/etc/web:ro']"
    base = {"shop/compose.yaml": MOUNTS, "blog/compose.yaml": other, "shop/etc/kept": "k"}
    assert differs({**base, "shop/etc/a": "1"}, base) == ((), ("shop/etc/a",))


def test_the_fleets_document_is_shared_and_a_hosts_is_nobodys():
    base = {"shop/compose.yaml": PLAIN}
    now = {**base, "gitops.yaml": FLEET % "a", "hosts/a.yaml": "kind: Host"}
    assert differs(now, {**base, "gitops.yaml": FLEET % "b"}) == ((), ("gitops.yaml",))


def test_an_app_that_moved_is_taken_from_both_places():
    assert differs({"new/shop/compose.yaml": PLAIN}, {"shop/compose.yaml": PLAIN}) == (
        ("new/shop/compose.yaml", "shop/compose.yaml"),
        (),
    )


def test_a_file_too_broken_to_have_a_name_is_whose_it_was():
    broken = {"shop/compose.yaml": "services: ["}
    assert differs(broken, {"shop/compose.yaml": PLAIN}) == (("shop/compose.yaml",), ())


def test_a_link_that_took_the_place_of_a_file_is_a_difference():
    base = {"shop/compose.yaml": MOUNTS, "shop/etc/kept": "k"}
    now = version(base, refused={"shop/etc/a": "is a symbolic link"})
    found = difference(SHOP, now, version({**base, "shop/etc/a": "1"}))
    assert found == Difference(own=("shop/etc/a",), shared=())
