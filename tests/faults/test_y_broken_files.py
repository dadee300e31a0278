"""A Compose file that breaks never removes its app, whatever the app was called and whatever was lost."""

import pytest

from tests.story import Damaged, Refused, Scenario

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
)
BROKEN = {
    "a list": "- services\n",
    "text": "services\n",
    "a number": "42\n",
    "null": "null\n",
    "an empty mapping": "{}\n",
    "an empty file": "",
    "a pointer": POINTER,
    "over 1 MB": b"# " + b"x" * 1_100_000,
    "no YAML": "services: [\n",
    "not UTF-8": b"name: \xff\xfe\n",
    "a symbolic link": Refused(),
    "a blob that is missing": Damaged(),
    "another name and a mistake": "name: other\nservices: {web: {imag: 'stub:1'}}\n",
    "no name and a mistake": "services: {web: {imag: 'stub:1'}}\n",
    "an included file that is missing": "include: [gone.yaml]\n",
    "a base that is missing": "services: {web: {extends: {file: gone.yaml, service: web}}}\n",
}
WEB = "services: {web: {image: 'stub:1'}}\n"
BLOG = {"blog/compose.yaml": WEB}


def deployed(files) -> Scenario:
    story = Scenario()
    story.commit(files)
    assert story.sync().exit_code == 0
    return story


def running(story: Scenario) -> set[str]:
    return {each.labels["gitops-orch.app"] for each in story.world.containers.values()}


def holds(story: Scenario) -> dict[str, str]:
    return {hold.subject: hold.reason for hold in story.plan().holds}


def forget(story: Scenario) -> None:
    """Delete the history; the containers stay."""
    story.history = type(story.history)()
    story.reconciler = story._reconciler()


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("lost", [False, True], ids=["", "history is lost"])
@pytest.mark.parametrize(
    ("head", "app"),
    [
        ("name: store\n", "default/store"),
        ("x-gitops: {namespace: prod}\n", "prod/shop"),
        ("", "default/shop"),
    ],
)
def test_a_file_that_breaks_keeps_its_app_and_names_the_mistake(head, app, lost, content):
    story = deployed({"shop/compose.yaml": head + WEB, **BLOG})
    before = set(story.world.containers)
    if lost:
        forget(story)
    story.commit({"shop/compose.yaml": content, **BLOG})
    report = story.sync()
    assert set(story.world.containers) == before
    assert report.exit_code == 1
    assert "keeps what it runs: " in holds(story)[app]
    assert "shop/compose.yaml" in holds(story)[app] or "gone.yaml" in holds(story)[app]
    row = next(row for row in story.reconciler.read_status().apps if str(row.key) == app)
    assert row.sync.value == "unknown"


@pytest.mark.parametrize("content", ["- services\n", "name: [\n", Refused()])
@pytest.mark.parametrize("lost", [False, True], ids=["", "history is lost"])
def test_a_file_that_moved_and_broke_in_one_commit_removes_nothing(lost, content):
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, **BLOG})
    if lost:
        forget(story)
    story.commit({"webshop/compose.yaml": content, **BLOG})
    story.sync()
    assert running(story) == {"store", "blog"}
    assert "webshop/compose.yaml cannot be read: it may be there" in holds(story)["default/store"]


def test_an_app_that_moved_before_its_file_broke_is_known_by_its_new_place():
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, **BLOG})
    story.commit({"new/compose.yaml": "name: store\n" + WEB, **BLOG})
    assert story.sync().exit_code == 0
    story.commit({"new/compose.yaml": "[]\n", "shop/README.md": "moved"})
    story.sync()
    assert running(story) == {"store"}  # blog left Git, which is certain: the broken file was store
    assert "keeps what it runs" in holds(story)["default/store"]


def test_an_app_that_moved_before_history_was_lost_and_its_file_broke_is_kept_with_all_others():
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, **BLOG})
    story.commit({"new/compose.yaml": "name: store\n" + WEB, **BLOG})
    story.sync()
    forget(story)
    story.commit({"new/compose.yaml": "[]\n"})
    story.sync()
    assert running(story) == {"store", "blog"}


def test_a_file_whose_app_lives_elsewhere_by_now_may_be_any_app():
    story = deployed({"a/compose.yaml": "name: shop\n" + WEB, "b/compose.yaml": "name: blog\n" + WEB})
    story.commit({"b/compose.yaml": "name: shop\n" + WEB, "a/compose.yaml": "- blog\n"})
    story.sync()
    assert running(story) == {"shop", "blog"}


def test_a_file_that_gets_another_of_composes_names_and_breaks_is_still_its_directorys_app():
    story = deployed({"shop/docker-compose.yml": "name: store\n" + WEB, **BLOG})
    story.commit({"shop/compose.yaml": "- nothing\n", **BLOG})
    story.sync()
    assert "keeps what it runs" in holds(story)["default/store"]


def test_a_file_that_becomes_a_link_is_not_replaced_by_the_one_beside_it():
    stale = {"shop/docker-compose.yml": "services: {old: {image: 'stub:1'}}\n"}
    story = deployed({"shop/compose.yaml": WEB, **stale})
    before = set(story.world.containers)
    story.commit({"shop/compose.yaml": Refused(), **stale})
    story.sync()
    assert set(story.world.containers) == before


@pytest.mark.parametrize("place", ["apps", "apps/shop"])
def test_an_app_whose_directory_becomes_a_link_or_a_submodule_is_kept(place):
    story = deployed({"apps/shop/compose.yaml": WEB, **BLOG})
    story.commit({place: Refused("a submodule is not fetched"), **BLOG})
    story.sync()
    assert running(story) == {"shop", "blog"}
    assert f"{place}: is not read: a submodule is not fetched" in holds(story)["default/shop"]


@pytest.mark.parametrize(
    "used",
    ["include: [parts/web.yaml]\n", "services: {web: {extends: {file: parts/web.yaml, service: web}}}\n"],
)
@pytest.mark.parametrize("content", ["- web\n", Refused(), "services: [\n"])
def test_a_part_that_breaks_keeps_the_app_that_uses_it(used, content):
    story = deployed({"shop/compose.yaml": f"name: store\n{used}", "shop/parts/web.yaml": WEB, **BLOG})
    story.commit({"shop/compose.yaml": used, "shop/parts/web.yaml": content, **BLOG})
    story.sync()
    assert running(story) == {"store", "blog"}
    assert "shop/parts/web.yaml" in holds(story)["default/store"]


def test_an_app_that_takes_the_name_of_another_by_mistake_is_still_what_it_was():
    story = deployed({"shop/compose.yaml": "name: shop\n" + WEB, **BLOG})
    story.commit({"shop/compose.yaml": "name: shop\n" + WEB, "blog/compose.yaml": "name: shop\n" + WEB})
    story.sync()
    assert running(story) == {"shop", "blog"}
    assert "blog/compose.yaml" in holds(story)["default/blog"]


@pytest.mark.parametrize("lost", [False, True], ids=["", "history is lost"])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("journal/compose.yaml", "name: journal\nservices: {web: {imag: 'stub:1'}}\n"),
        ("store/compose.yaml", "name: my-store\nx-gitops: {namespace: prod}\nservices: {web: {imag: x}}\n"),
        ("stacks/store/compose.yaml", "name: journal\ninclude: [gone.yaml]\n" + WEB),
        ("copy/compose.yaml", "name: blog\n" + WEB),  # blog is there: the name is the mistake
        ("copy/compose.yaml", "name: blog\nservices: {web: {imag: 'stub:1'}}\n"),
    ],
)
def test_an_app_that_is_renamed_with_a_mistake_is_not_removed(path, text, lost):
    """Nothing tells a new app with a mistake from the one that disappeared: only the mended file does."""
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, **BLOG})
    before = set(story.world.containers)
    if lost:
        forget(story)
    story.commit({path: text, **BLOG})
    for _ in range(2):
        assert story.sync().exit_code == 1
    assert set(story.world.containers) == before
    assert f"{path} cannot be read: it may be there" in holds(story)["default/store"]


def test_an_app_that_was_renamed_with_a_mistake_leaves_once_the_file_is_mended():
    story = deployed({"shop/compose.yaml": WEB, **BLOG})
    story.commit({"new/compose.yaml": "name: new\nservices: {web: {imag: x}}\n", **BLOG})
    story.sync()
    story.commit({"new/compose.yaml": "name: new\n" + WEB, **BLOG})
    story.sync()
    assert running(story) == {"blog", "new"}


def test_two_broken_files_with_the_name_of_one_app_may_be_any_two_apps():
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, "cart/compose.yaml": WEB, **BLOG})
    broken = "name: store\nservices: {web: {imag: 'stub:1'}}\n"
    story.commit({"one/compose.yaml": broken, "two/compose.yaml": broken, **BLOG})
    story.sync()
    assert running(story) == {"store", "cart", "blog"}


def test_what_was_broken_and_is_mended_under_another_name_leaves_then():
    story = deployed({"shop/compose.yaml": "name: store\n" + WEB, **BLOG})
    for content in ("- services\n", "- still\n"):
        story.commit({"shop/compose.yaml": content, **BLOG})
        story.sync()
    assert running(story) == {"store", "blog"}
    story.commit({**BLOG, "README.md": "the shop is closed"})
    story.sync()
    assert running(story) == {"blog"}
