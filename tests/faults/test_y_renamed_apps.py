"""An app or a volume under another name never starts on an empty volume without a word."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from tests.faults.test_y_broken_files import holds, running
from tests.story import Scenario

VOLUME = (
    "services: {web: {image: 'stub:1'}, db: {image: 'pg:16', volumes: ['data:/data']}}\nvolumes: {data: {}}\n"
)
DIRECTORY = "services: {web: {image: 'stub:1'}, db: {image: 'pg:16', volumes: ['./data:/data']}}\n"
STATELESS = "services: {web: {image: 'stub:1', ports: ['80:80']}}\n"
OTHER = {"other/compose.yaml": "services: {o: {image: 'stub:1'}}\n"}
RENAMES = {
    "directory": ("weblog/compose.yaml", ""),
    "name": ("blog/compose.yaml", "name: weblog\n"),
    "namespace": ("blog/compose.yaml", "x-gitops: {namespace: prod}\n"),
}
NEW = {"directory": "default/weblog", "name": "default/weblog", "namespace": "prod/blog"}


def deployed(text: str) -> Scenario:
    story = Scenario()
    story.commit({"blog/compose.yaml": text, **OTHER})
    assert story.sync().exit_code == 0
    return story


def live(story: Scenario) -> set[tuple[str, str]]:
    return {
        (each.labels["gitops-orch.namespace"] + "/" + each.labels["gitops-orch.app"], each.state.value)
        for each in story.world.containers.values()
    }


@pytest.mark.parametrize("how", RENAMES)
@pytest.mark.parametrize("text", [VOLUME, DIRECTORY], ids=["volume", "directory"])
def test_an_app_under_another_name_is_held_and_keeps_running_under_the_old_one(how, text):
    story = deployed(text)
    before = set(story.world.containers)
    path, head = RENAMES[how]
    story.commit({path: head + text, **OTHER})
    for _ in range(2):
        report = story.sync()
        assert set(story.world.containers) == before
        assert report.exit_code == 1
    new, old = holds(story)[NEW[how]], holds(story)["default/blog"]
    assert "looks like default/blog under another name" in new
    assert "db has " in new
    assert (
        f"write `name: blog`{' and x-gitops: {namespace: default}' if how == 'namespace' else ''} in {path}"
        in new
    )
    assert "`Allow-Prune: default/blog`" in new
    assert NEW[how] in old


@pytest.mark.parametrize("how", ["directory", "name"])
@pytest.mark.parametrize("text", [VOLUME, DIRECTORY], ids=["volume", "directory"])
def test_the_way_out_that_is_named_keeps_the_data(how, text):
    story = deployed(text)
    before = set(story.world.containers)
    path, head = RENAMES[how]
    story.commit({path: head + text, **OTHER})
    story.sync()
    story.commit({path: "name: blog\n" + text, **OTHER})
    assert story.sync().exit_code == 0
    assert set(story.world.containers) == before


@pytest.mark.parametrize("how", RENAMES)
@pytest.mark.parametrize("accept", [False, True], ids=["trailer", "accept"])
def test_a_person_may_start_it_without_the_data_and_the_old_volume_stays(how, accept):
    story = deployed(VOLUME)
    path, head = RENAMES[how]
    story.commit({path: head + VOLUME, **OTHER})
    story.sync()
    if accept:
        story.history.accept(story.source.fetch())
    else:
        story.source.amend(("Allow-Prune", "default/blog"))
    assert story.sync().exit_code == 0
    assert {key for key, _ in live(story)} == {NEW[how], "default/other"}
    assert "blog_data" in story.world.volumes


@pytest.mark.parametrize("how", RENAMES)
def test_without_data_the_old_one_goes_only_once_the_new_one_is_healthy(how):
    story = deployed(STATELESS)
    path, head = RENAMES[how]
    story.commit({path: head + STATELESS, **OTHER})
    report = story.sync()
    assert report.exit_code == 0
    assert {key for key, _ in live(story)} == {NEW[how], "default/other"}
    order = [(str(each.action.app), each.action.kind.value) for each in report.results]
    assert order.index((NEW[how], "wait_healthy")) < order.index(("default/blog", "remove"))


def test_a_renamed_app_that_fails_leaves_the_old_container_there():
    story = deployed("services: {web: {image: 'stub:1'}}\n")
    story.fleet.registry.push("stub:2", ImageBehaviour(exits_after_s=1, exit_code=3))
    story.commit({"weblog/compose.yaml": "services: {web: {image: 'stub:2'}}\n", **OTHER})
    for _ in range(3):
        story.sync()
        assert ("default/blog", "running") in live(story)
    assert "is removed once default/weblog" in holds(story)["default/blog"]


def test_a_crash_before_the_new_one_proved_itself_does_not_remove_the_old_one():
    story = deployed("services: {web: {image: 'stub:1'}}\n")
    story.commit({"weblog/compose.yaml": "services: {web: {image: 'stub:1'}}\n", **OTHER})
    story.crash_at("start", after=True)
    assert "blog" in running(story)
    assert story.sync().exit_code == 0
    assert running(story) == {"weblog", "other"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (VOLUME, VOLUME.replace("data:/data", "pgdata:/data").replace("{data:", "{pgdata:")),
        (DIRECTORY, DIRECTORY.replace("./data", "./pgdata")),
    ],
    ids=["volume key", "directory"],
)
def test_a_volume_under_another_key_is_held_with_the_way_to_keep_its_data(before, after):
    story = deployed(before)
    there = set(story.world.containers)
    story.commit({"blog/compose.yaml": after, **OTHER})
    for _ in range(2):
        assert story.sync().exit_code == 1
        assert set(story.world.containers) == there
    reason = holds(story)["default/blog"]
    assert "pgdata" in reason
    assert "To keep the data" in reason
    story.history.accept(story.source.fetch())
    assert story.sync().exit_code == 0
    assert story.sync().exit_code == 0


def test_a_volume_that_is_named_in_full_is_a_wish():
    story = deployed(VOLUME)
    kept = VOLUME.replace("data:/data", "pgdata:/data").replace("{data: {}}", "{pgdata: {name: blog_data}}")
    story.commit({"blog/compose.yaml": kept, **OTHER})
    assert story.sync().exit_code == 0
    empty = VOLUME.replace("{data: {}}", "{data: {name: fresh}}")
    story.commit({"blog/compose.yaml": empty, **OTHER})
    assert story.sync().exit_code == 0


def test_an_unlike_app_that_comes_as_another_leaves_is_no_rename():
    story = deployed(VOLUME)
    new = VOLUME.replace("pg:16", "mysql:8").replace("stub:1", "shop:1")
    story.commit({"shop/compose.yaml": new, **OTHER})
    assert story.sync().exit_code == 0
    assert running(story) == {"shop", "other"}
