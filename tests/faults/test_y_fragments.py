"""An app that another one reuses stays an app; what never was one is a fragment."""

import pytest
from manifest.compile_world import compiled, errors, warnings

from tests.faults.test_y_broken_files import forget, holds, running
from tests.story import Scenario

SHOP = "services: {web: {image: 'stub:1', environment: {V: '%s'}}}\n"
REUSES = {
    "extends": "services: {page: {extends: {file: ../shop/compose.yaml, service: web}}}\n",
    "includes": "include: [../shop/compose.yaml]\nservices: {page: {image: 'stub:1'}}\n",
    "extends by way of a third file": "services: {page: {extends: {file: ../base.yaml, service: base}}}\n",
}
BASE = {"base.yaml": "services: {base: {extends: {file: shop/compose.yaml, service: web}}}\n"}


@pytest.mark.parametrize("reuse", REUSES.values(), ids=REUSES.keys())
@pytest.mark.parametrize("lost", [False, True], ids=["", "history is lost"])
@pytest.mark.parametrize("head", ["", "name: store\n"])
def test_an_app_that_another_one_reuses_stays_an_app_and_is_updated(reuse, lost, head):
    story = Scenario()
    story.commit({"shop/compose.yaml": head + SHOP % 1, **BASE})
    assert story.sync().exit_code == 0
    if lost:
        forget(story)
    for version in (1, 2):
        story.commit({"shop/compose.yaml": head + SHOP % version, "blog/compose.yaml": reuse, **BASE})
        report = story.sync()
        assert report.exit_code == 0
        assert running(story) == {"blog", "store" if head else "shop"}
    [warning] = [each for each in report.final_status.problems if each.position.path == "shop/compose.yaml"]
    assert (
        "stays an app, and blog/compose.yaml reuses it; write x-gitops: {fragment: false}" in warning.message
    )


@pytest.mark.parametrize("reuse", REUSES.values(), ids=REUSES.keys())
def test_what_was_never_an_app_and_is_reused_is_not_deployed(reuse):
    story = Scenario()
    story.commit({"shop/compose.yaml": SHOP % 1, "blog/compose.yaml": reuse, **BASE})
    assert story.sync().exit_code == 0
    assert running(story) == {"blog"}


def test_a_fragment_that_nobody_reuses_any_more_is_an_app():
    story, wiki = Scenario(), {"wiki/compose.yaml": SHOP % 1}
    story.commit({"shop/compose.yaml": SHOP % 1, "blog/compose.yaml": REUSES["extends"], **wiki})
    story.sync()
    story.commit({"shop/compose.yaml": SHOP % 1, **wiki})
    story.sync()
    assert running(story) == {"shop", "wiki"}


@pytest.mark.parametrize("head", ["", "name: store\n"])
@pytest.mark.parametrize("reuse", [{}, {"blog/compose.yaml": REUSES["extends"]}])
def test_an_app_that_becomes_a_fragment_is_held_until_somebody_allows_it(head, reuse):
    app = "default/store" if head else "default/shop"
    story = Scenario()
    story.commit({"shop/compose.yaml": head + SHOP % 1, "blog/compose.yaml": SHOP % 1})
    story.sync()
    files = {
        "shop/compose.yaml": head + "x-gitops: {fragment: true}\n" + SHOP % 1,
        "blog/compose.yaml": SHOP % 1,
        **reuse,
    }
    for _ in range(2):
        story.commit(files)
        story.sync()
        assert app.partition("/")[2] in running(story)
        reason = holds(story)[app]
        assert "shop/compose.yaml" in reason
        assert f"`Allow-Prune: {app}`" in reason
        assert "blog/compose.yaml" in reason or not reuse
    story.commit(files)
    story.source.trailers[story.source.fetch()] = (("Allow-Prune", app),)
    assert story.sync().exit_code == 0
    assert running(story) == {"blog"}


def test_a_fragment_stays_one_while_the_file_that_reuses_it_cannot_be_read():
    story = Scenario()
    parts = {"web/compose.yaml": SHOP % 1, "db/compose.yaml": "services: {db: {image: 'stub:1'}}\n"}
    root = "name: whole\ninclude: [web/compose.yaml, db/compose.yaml]\n"
    story.commit({"compose.yaml": root, **parts})
    assert story.sync().exit_code == 0
    before = set(story.world.containers)
    for broken in ("- oops\n", "include: [\n"):
        story.commit({"compose.yaml": broken, **parts})
        story.sync()
        assert set(story.world.containers) == before


def test_an_app_that_is_reused_and_breaks_keeps_what_it_runs():
    story = Scenario()
    story.commit({"shop/compose.yaml": "name: store\n" + SHOP % 1, "blog/compose.yaml": SHOP % 1})
    story.sync()
    story.commit({"shop/compose.yaml": "- broken\n", "blog/compose.yaml": REUSES["extends"]})
    story.sync()
    assert running(story) == {"store", "blog"}
    assert "keeps what it runs" in holds(story)["default/store"]


@pytest.mark.parametrize("reuse", REUSES.values(), ids=REUSES.keys())
def test_a_file_that_says_so_is_an_app_whoever_reuses_it(reuse):
    files = {
        "shop/compose.yaml": "x-gitops: {fragment: false}\n" + SHOP % 1,
        "blog/compose.yaml": reuse,
        **BASE,
    }
    desired = compiled(files)
    assert [str(app.key) for app in desired.apps] == ["default/blog", "default/shop"]
    assert not warnings(desired)


def test_a_file_that_says_so_is_a_fragment_though_nobody_reuses_it():
    desired = compiled(
        {"base/compose.yaml": "x-gitops: {fragment: true}\nservices: {web: {}}\n", "a/compose.yaml": SHOP % 1}
    )
    assert [str(app.key) for app in desired.apps] == ["default/a"]
    assert [str(each) for each in desired.fragments] == [
        "base/compose.yaml: is a fragment and no app, because it declares x-gitops: {fragment: true}"
    ]
    assert not errors(desired)


def test_what_is_extended_and_does_not_say_what_it_is_gets_a_warning_and_what_is_included_does_not():
    extended = compiled({"shop/compose.yaml": SHOP % 1, "blog/compose.yaml": REUSES["extends"]})
    [warning] = warnings(extended)
    assert "shop/compose.yaml" in warning
    assert "is no app of its own, and blog/compose.yaml reuses it" in warning
    included = compiled({"shop/compose.yaml": SHOP % 1, "blog/compose.yaml": REUSES["includes"]})
    assert not warnings(included)
    assert [str(each) for each in included.fragments] == [
        "shop/compose.yaml: is a fragment and no app, because blog/compose.yaml reuses it"
    ]


def test_a_declaration_changes_no_container():
    plain = compiled({"shop/compose.yaml": SHOP % 1}).apps[0]
    said = compiled({"shop/compose.yaml": "x-gitops: {fragment: false}\n" + SHOP % 1}).apps[0]
    assert plain.digest == said.digest
