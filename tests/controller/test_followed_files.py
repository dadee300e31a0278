"""Files from Git that are mounted without `:ro`: each follows Git while the host's copy is what we last wrote."""

import hashlib
from contextlib import suppress

import pytest
from story import Scenario

from gitops_orch.cli.render.plan_text import render_diff, render_plan, render_run
from gitops_orch.controller.observe.bind_files import FRESH_S, RETRY_S
from gitops_orch.daemon.publish.alerts import troubles_of
from gitops_orch.engine import labels
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import EngineError
from gitops_orch.model.documents.serial import diff_document, run_document, status_plan_document

ROOT = "/srv/gitops-orch/default/shop"
DIRECTORY = "services: {web: {image: 'web:1', volumes: ['./conf:/etc/app']}}"
SINGLE = "services: {web: {image: 'web:1', volumes: ['./Caddyfile:/etc/caddy/Caddyfile']}}"
RELOAD = "services: {web: {image: 'web:1', volumes: ['./conf:/etc/app'], x-gitops: {reload: SIGHUP}}}"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def with_policy(compose, policy):
    return f"x-gitops: {{files: {policy}}}\n{compose}"


def files(compose=DIRECTORY, **more):
    named = {"a.txt": "one", "sub/b.txt": "two"} | {k.replace("__", "/"): v for k, v in more.items()}
    held = {f"shop/conf/{name}": text for name, text in named.items() if text is not None}
    return {"shop/compose.yaml": compose, **held}


def caddy(text, compose=SINGLE):
    return {"shop/compose.yaml": compose, "shop/Caddyfile": text}


@pytest.fixture
def story():
    made = Scenario(images={"bad:1": ImageBehaviour(exits_after_s=0.1, exit_code=1)})
    made.commit(files())
    assert made.sync().exit_code == 0
    return made


def there(story, name="conf/a.txt"):
    return story.world.files.get(f"{ROOT}/{name}")


def edit(story, text="by hand", name="conf/a.txt"):
    story.world.files[f"{ROOT}/{name}"] = digest(text)
    story.reconciler = story._reconciler()  # what was seen a moment ago counts for a while


def shown(page):
    return "\n".join(line.plain for line in page.lines(1000))


def notes(story):
    return [f"{hold.subject}: {hold.reason}" for hold in story.plan().holds]


def test_the_first_deployment_lays_the_files_down_and_leaves_nothing_to_do(story):
    assert (there(story), there(story, "conf/sub/b.txt")) == (digest("one"), digest("two"))
    assert story.plan().actions == ()
    story.reconciler = story._reconciler()
    assert story.plan().actions == ()


@pytest.mark.parametrize("name", ["a.txt", "sub__b.txt", "new.txt"])
def test_a_changed_file_reaches_the_host_and_recreates_the_container(story, name):
    before = story.containers()["web"].id
    story.commit(files(**{name: "new"}))
    assert story.sync().exit_code == 0
    assert there(story, f"conf/{name.replace('__', '/')}") == digest("new")
    assert story.containers()["web"].id != before
    assert story.plan().actions == ()


def test_a_single_file_reaches_the_host_and_recreates_the_container(story):
    story.commit(caddy("one"))
    story.sync()
    before = story.containers()["web"].id
    story.commit(caddy("two"))
    assert story.sync().exit_code == 0
    assert (there(story, "Caddyfile"), story.containers()["web"].id != before) == (digest("two"), True)


def test_a_plan_names_the_files_that_change_and_not_what_is_in_them(story):
    story.commit(files(**{"a.txt": "hunter2", "sub__b.txt": None}))
    (action,) = [each for each in story.plan().actions if each.kind == "put_files"]
    assert action.reason == "writes conf/a.txt; removes what left Git: conf/sub/b.txt"
    assert {change.path for change in action.changes} == {"files.conf/a.txt", "files.conf/sub/b.txt"}
    assert "hunter2" not in repr(action)


def test_a_file_that_was_changed_on_the_host_is_kept_and_shown(story):
    edit(story)
    story.commit(files(**{"a.txt": "new", "sub__b.txt": "new"}))
    assert story.sync().exit_code == 0
    assert (there(story), there(story, "conf/sub/b.txt")) == (digest("by hand"), digest("new"))
    (note,) = notes(story)
    assert note.startswith("conf/a.txt on h1: it was changed on the host")
    assert "files: git" in note


def test_a_change_on_the_host_is_shown_without_a_commit(story):
    edit(story)
    assert ["conf/a.txt on h1" in note for note in notes(story)] == [True]
    assert story.plan().actions == ()


def test_a_file_that_is_put_back_on_the_host_follows_git_again(story):
    edit(story)
    story.commit(files(**{"a.txt": "new"}))
    story.sync()
    edit(story, "one")
    story.sync()
    assert there(story) == digest("new")


def test_files_git_takes_the_version_of_git_and_recreates_the_container(story):
    edit(story)
    before = story.containers()["web"].id
    story.commit(files(with_policy(DIRECTORY, "git")))
    story.sync()
    assert there(story) == digest("one")
    assert story.containers()["web"].id != before
    assert notes(story) == []
    edit(story, "again")
    story.sync()
    assert there(story) == digest("one")


def test_files_host_keeps_what_is_there_and_lays_down_what_is_new(story):
    story.commit(files(with_policy(DIRECTORY, "host")))
    story.sync()
    before = story.containers()["web"].id
    story.commit(files(with_policy(DIRECTORY, "host"), **{"a.txt": "new", "c.txt": "new"}))
    story.sync()
    assert (there(story), there(story, "conf/c.txt")) == (digest("one"), digest("new"))
    assert story.containers()["web"].id == before
    assert notes(story) == []


def test_a_file_that_left_git_goes_if_nobody_changed_it(story):
    edit(story, name="conf/sub/b.txt")
    story.commit(files(**{"c.txt": "x"}))
    story.sync()
    story.commit(files(**{"sub__b.txt": None}))
    story.sync()
    assert (there(story, "conf/c.txt"), there(story, "conf/sub/b.txt")) == (None, digest("by hand"))
    assert story.plan().actions == ()


def test_what_is_not_in_git_is_never_touched(story):
    edit(story, "mine", "conf/mine.txt")
    story.commit(files(**{"a.txt": "new"}))
    story.sync()
    assert there(story, "conf/mine.txt") == digest("mine")


def test_a_file_that_was_deleted_on_the_host_stays_deleted_and_is_shown(story):
    del story.world.files[f"{ROOT}/conf/a.txt"]
    story.reconciler = story._reconciler()
    assert ["it was deleted on the host" in note for note in notes(story)] == [True]
    story.commit(files(**{"a.txt": "new"}))
    story.sync()
    assert there(story) is None


def test_a_directory_that_is_gone_is_laid_down_again(story):
    story.world.files.clear()
    story.world.directories.clear()
    story.reconciler = story._reconciler()
    story.sync()
    assert there(story) == digest("one")


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_crash_at_any_step_of_a_write_ends_as_git_says(story, after, nth):
    story.commit(files(**{"a.txt": "new", "sub__b.txt": "new"}))
    crashes = 0
    with suppress(AssertionError):  # there is no such step any more
        while crashes < nth:
            story.crash_at("change_files", after=after)
            crashes += 1
    assert crashes
    assert story.sync().exit_code == 0
    assert (there(story), there(story, "conf/sub/b.txt")) == (digest("new"), digest("new"))
    assert (story.plan().actions, notes(story)) == ((), [])


def test_losing_all_state_of_the_controller_loses_nothing_of_what_is_ours(story):
    edit(story)
    story.history.__init__("5a17")
    story.reconciler = story._reconciler()
    story.commit(files(**{"a.txt": "new", "sub__b.txt": "new"}))
    story.sync()
    assert (there(story), there(story, "conf/sub/b.txt")) == (digest("by hand"), digest("new"))


def test_a_release_that_goes_back_takes_its_files_back(story):
    story.commit(files(DIRECTORY.replace("web:1", "bad:1"), **{"a.txt": "bad", "more.txt": "bad"}))
    report = story.sync()
    assert any(result.gate_failed for result in report.results)
    assert (there(story), there(story, "conf/more.txt")) == (digest("one"), None)
    (running,) = [each for each in story.world.containers.values() if each.up]
    assert running.image == "web:1"


def test_a_reload_changes_the_files_in_place_and_sends_the_signal(story):
    story.commit(files(RELOAD))
    story.sync()
    before = story.containers()["web"]
    for number, text in enumerate(("new", "one"), start=1):
        story.commit(files(RELOAD, **{"a.txt": text}))
        story.sync()
        web = story.containers()["web"]
        assert (there(story), web.id, len(web.signals)) == (digest(text), before.id, number)
    assert story.plan().actions == ()


@pytest.mark.parametrize("operation", ["change_files", "signal", "record_live"])
@pytest.mark.parametrize("after", [True, False])
def test_a_crash_of_a_reload_ends_with_the_signal(story, operation, after):
    story.commit(files(RELOAD))
    story.sync()
    before = story.containers()["web"]
    story.commit(files(RELOAD, **{"a.txt": "new"}))
    story.crash_at(operation, after=after)
    story.sync()
    web = story.containers()["web"]
    assert (there(story), web.id, "SIGHUP" in web.signals) == (digest("new"), before.id, True)
    assert story.plan().actions == ()


def test_what_an_earlier_version_laid_down_without_a_record_is_brought_up_to_date(story):
    story.world.file_records.clear()
    web = story.containers()["web"]
    web.labels[labels.HASH_VERSION] = "1"
    web.owner = labels.parse_ownership(web.labels, "default")
    story.reconciler = story._reconciler()
    story.commit(files(**{"a.txt": "new"}))
    assert story.sync().exit_code == 0
    assert there(story) == digest("new")
    assert story.containers()["web"].id != web.id


def test_without_a_record_what_was_never_in_git_is_kept(story):
    story.world.file_records.clear()
    edit(story)
    story.commit(files(**{"a.txt": "new"}))
    story.sync()
    assert there(story) == digest("by hand")
    assert "conf/a.txt on h1" in notes(story)[0]


def test_nobody_looks_at_hosts_for_apps_without_such_binds(story, monkeypatch):
    story.commit({"shop/compose.yaml": "services: {web: {image: 'web:1', volumes: ['./data:/data']}}"})
    monkeypatch.delattr(SimulatedEngine, "read_files")
    assert story.sync().exit_code == 0


def test_a_file_is_looked_at_once_while_nothing_changes(story, monkeypatch):
    story.plan()
    monkeypatch.delattr(SimulatedEngine, "read_files")
    assert (story.plan().actions, story.sync().exit_code) == ((), 0)


def test_a_host_that_cannot_be_looked_at_is_not_asked_in_every_pass(story, monkeypatch):
    tried = []

    def refuse(*_arguments: object, **_more: object) -> None:
        tried.append(story.clock.monotonic_s())
        raise EngineError("h1: create of carrier: no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedEngine, "read_files", refuse)
        story.commit({**files(), "shop/conf/a.txt": "new\n"})
        for _ in range(5):
            story.plan()
        assert len(tried) == 1
        story.clock.sleep(RETRY_S)
        story.plan()
        assert len(tried) == 2
    story.clock.sleep(RETRY_S)
    assert story.sync().exit_code == 0
    assert there(story) == digest("new\n")


def no_space(*_arguments: object, **_more: object) -> None:
    raise EngineError("h1: no space left on device")


@pytest.fixture
def unreadable(story, monkeypatch):
    """Let a host be one whose files cannot be read, until it is undone."""
    story.clock.sleep(2 * FRESH_S)
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedEngine, "read_files", no_space)
        yield patched


TWO = DIRECTORY.replace("}}", "}, job: {image: 'web:1', volumes: ['./conf:/etc/app']}}")


@pytest.mark.parametrize(
    "tree",
    [files(**{"a.txt": "new"}), files(**{"sub__b.txt": None}), files(TWO, **{"a.txt": "new"}), files(RELOAD, **{"a.txt": "new"})],
    ids=["a changed file", "a removed file", "a new service", "a signal"],
)  # fmt: skip
def test_nothing_is_replaced_beside_files_that_cannot_be_read(story, unreadable, tree):
    before = story.containers()["web"].id
    story.commit(tree)
    report = story.sync()
    (row,) = report.final_status.apps
    assert (report.exit_code, report.results, row.sync.value) == (1, (), "out-of-sync")
    assert row.reason.startswith(
        "the files of conf on h1 cannot be read: no space left on device; tried again at "
    )
    assert (there(story), story.containers()["web"].id) == (digest("one"), before)
    unreadable.undo()
    assert story.sync().exit_code == 1  # the host is left in peace for a minute
    assert story.reconciler.is_to_be_retried(story.clock.monotonic_s(), story.clock.monotonic_s() + RETRY_S)
    story.clock.sleep(RETRY_S)
    assert story.sync().exit_code == 0
    wanted = {
        name.removeprefix("shop/"): digest(text)
        for name, text in tree.items()
        if name.startswith("shop/conf/")
    }
    assert {name.removeprefix(f"{ROOT}/"): found for name, found in story.world.files.items()} == wanted


CANNOT = "the files of conf on h1 cannot be read: no space left on device"


@pytest.mark.parametrize("compose", [DIRECTORY, RELOAD, TWO], ids=["one service", "a signal", "two services"])
def test_files_that_cannot_be_read_leave_it_unknown_whether_an_app_is_in_sync(story, monkeypatch, compose):
    story.commit(files(compose))
    assert story.sync().exit_code == 0
    story.clock.sleep(2 * FRESH_S)
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedEngine, "read_files", no_space)
        report = story.sync()
        (row,) = report.final_status.apps
        assert (row.sync.value, row.health.value, row.reason) == ("unknown", "healthy", CANNOT)
        assert (report.exit_code, report.status, report.reasons) == (
            3,
            "unknown",
            (f"default/shop: {CANNOT}",),
        )
        story.reconciler = story._reconciler()
        (row,) = story.reconciler.read_status().apps
        assert (row.sync.value, row.reason) == ("unknown", CANNOT)
    story.clock.sleep(RETRY_S)
    assert story.sync().exit_code == 0
    assert not story.history.troubles()


def test_files_that_cannot_be_read_are_news_from_the_second_attempt_on_and_their_end_is_told(
    story, unreadable
):
    def news():
        return troubles_of(story.sync(), troubles=story.history.troubles())

    first = news()
    story.plan()
    again = news()  # the host is left in peace: that is no second attempt
    assert (first, again) == ({}, {})
    story.clock.sleep(RETRY_S)
    assert [notice.message for notice in news().values()] == [CANNOT]
    story.clock.sleep(RETRY_S)
    assert [notice.message for notice in news().values()] == [CANNOT]
    unreadable.undo()
    story.clock.sleep(RETRY_S)
    assert news() == {}


def test_an_app_that_waits_for_its_files_is_news_from_the_second_attempt_on(story, unreadable):
    story.commit(files(**{"a.txt": "new"}))
    assert troubles_of(story.sync(), troubles=story.history.troubles()) == {}
    story.clock.sleep(RETRY_S)
    notices = troubles_of(story.sync(), troubles=story.history.troubles())
    assert [notice.message for notice in notices.values()] == [CANNOT]


def test_what_is_unknown_of_one_app_is_not_unknown_of_another(story, unreadable):
    story.commit({**files(), "blog/compose.yaml": "services: {web: {image: 'web:1'}}"})
    report = story.sync()
    assert {row.key.name: row.sync.value for row in report.final_status.apps} == {
        "blog": "in-sync",
        "shop": "unknown",
    }


def test_what_is_stopped_is_started_beside_files_that_cannot_be_read(story, unreadable):
    story.reconciler = story._reconciler()
    requests.stop(story.world, story.containers()["web"], killed=False)
    assert story.sync().exit_code == 3  # whether it is as Git wants it is unknown
    assert story.containers()["web"].state.value == "running"


def test_the_apps_whole_directory_can_follow_git(story):
    # At another place in the container: what lay in the former directory at the same place may be data.
    compose = DIRECTORY.replace("./conf:/etc/app", "./:/srv")
    story.commit(files(compose))
    story.sync()
    story.commit(files(compose, **{"a.txt": "new"}))
    assert story.sync().exit_code == 0
    assert there(story) == digest("new")
    assert story.plan().actions == ()


def test_two_services_that_mount_the_same_files_have_them_written_once(story):
    compose = "services: {web: {image: 'web:1', volumes: ['./conf:/x']}, b: {image: 'web:1', volumes: ['./conf:/y']}}"
    story.commit(files(compose, **{"a.txt": "new"}))
    assert story.kinds(story.sync()).count("put_files") == 1
    assert there(story) == digest("new")


def test_many_files_that_were_changed_on_the_host_are_counted(story):
    many = {f"{number}.txt": "one" for number in range(15)}
    story.commit(files(**many))
    story.sync()
    for name in many:
        edit(story, name=f"conf/{name}")
    assert len(notes(story)) == 11
    assert "5 more files in conf on h1" in notes(story)[-1]


def without(tree, compose=DIRECTORY):
    """Return a tree with nothing in the directory that is mounted."""
    return {path: text for path, text in tree.items() if not path.startswith("shop/conf/")} | {
        "shop/compose.yaml": compose
    }


@pytest.mark.parametrize("compose", [DIRECTORY, RELOAD, with_policy(DIRECTORY, "git")])
def test_when_the_last_file_of_a_directory_leaves_git_what_is_unchanged_goes(story, compose):
    story.commit(files(compose))
    story.sync()
    edit(story, "mine", "conf/mine.txt")
    edit(story, "by hand", "conf/sub/b.txt")
    before = story.containers()["web"].id
    if compose.startswith("x-gitops"):
        story.world.files[f"{ROOT}/conf/sub/b.txt"] = digest("two")
    story.commit(without(files(compose), compose))
    assert story.sync().exit_code == 0
    left = {path.removeprefix(f"{ROOT}/conf/") for path in story.world.files}
    assert left == {"mine.txt"} | (set() if compose.startswith("x-gitops") else {"sub/b.txt"})
    assert story.containers()["web"].id != before
    assert (story.plan().actions, notes(story)) == ((), [])
    story.reconciler = story._reconciler()
    assert (story.plan().actions, notes(story)) == ((), [])


def test_files_host_keeps_all_files_of_a_directory_that_left_git(story):
    story.commit(files(with_policy(DIRECTORY, "host")))
    story.sync()
    story.commit(without(files(), with_policy(DIRECTORY, "host")))
    assert story.sync().exit_code == 0
    assert (there(story), there(story, "conf/sub/b.txt")) == (digest("one"), digest("two"))


def test_a_directory_that_left_git_is_not_looked_at_any_more(story, monkeypatch):
    story.commit(without(files()))
    story.sync()
    story.reconciler = story._reconciler()
    monkeypatch.delattr(SimulatedEngine, "read_files")
    assert (story.plan().actions, story.sync().exit_code) == ((), 0)


def test_a_directory_that_left_git_and_comes_back_is_written_again(story):
    story.commit(without(files()))
    story.sync()
    assert there(story) is None
    story.commit(files())
    assert story.sync().exit_code == 0
    assert there(story) == digest("one")


def test_a_release_that_goes_back_brings_back_a_directory_that_left_git(story):
    story.commit(without(files(), DIRECTORY.replace("web:1", "bad:1")))
    assert any(result.gate_failed for result in story.sync().results)
    assert there(story) == digest("one")


def test_a_release_that_goes_back_takes_the_first_files_of_a_directory_away(story):
    story.commit(without(files()))
    story.sync()
    story.commit(files(DIRECTORY.replace("web:1", "bad:1")))
    assert any(result.gate_failed for result in story.sync().results)
    assert (there(story), there(story, "conf/sub/b.txt")) == (None, None)


def test_the_loss_of_all_state_does_not_keep_what_left_git(story):
    story.history.__init__("5a17")
    story.reconciler = story._reconciler()
    story.commit(without(files()))
    assert story.sync().exit_code == 0
    assert there(story) is None


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("operation", ["change_files", "create", "start"])
def test_a_crash_while_a_directory_leaves_git_ends_without_it(story, operation, after):
    story.commit(without(files()))
    story.crash_at(operation, after=after)
    assert story.sync().exit_code == 0
    assert there(story) is None
    assert story.plan().actions == ()


def test_a_single_file_that_left_git_stays_for_a_container_that_mounts_it(story):
    """Without it there would be an empty directory in its place."""
    story.commit(caddy("one"))
    story.sync()
    story.commit({"shop/compose.yaml": SINGLE})
    story.sync()
    assert there(story, "Caddyfile") == digest("one")


def test_a_directory_that_becomes_a_file_and_back_is_followed(story):
    as_file = {path: text for path, text in files(sub="now a file").items() if "/sub/" not in path}
    for tree, name, text in (
        (as_file, "conf/sub", "now a file"),
        (files(), "conf/sub/b.txt", "two"),
        (as_file, "conf/sub", "now a file"),
    ):
        story.commit(tree)
        assert story.sync().exit_code == 0
        assert there(story, name) == digest(text)
        assert (story.plan().actions, notes(story)) == ((), [])


def test_a_directory_that_holds_a_file_of_the_host_does_not_become_a_file(story):
    edit(story, "mine", "conf/sub/mine")
    story.commit({path: text for path, text in files(sub="now a file").items() if "/sub/" not in path})
    story.sync()
    assert (there(story, "conf/sub/mine"), there(story, "conf/sub")) == (digest("mine"), None)
    assert "conf/sub on h1" in notes(story)[0]


@pytest.mark.parametrize("compose", [DIRECTORY, SINGLE], ids=["directory", "single file"])
def test_the_plan_names_the_changed_file_for_which_a_container_is_created_again(compose):
    story, name = Scenario(), "Caddyfile" if compose is SINGLE else "conf/a.txt"
    for text in ("one", "three"):
        story.commit({"shop/compose.yaml": compose, f"shop/{name}": text})
        if text == "one":
            story.sync()
    (created,) = (action for action in story.plan().actions if action.kind.value == "create")
    target = "/etc/caddy/Caddyfile" if compose is SINGLE else "/etc/app/a.txt"
    assert [(each.path, each.before, each.after) for each in created.changes] == [
        (f"files.{target}", "3 bytes", "5 bytes (changed)")
    ]


def test_the_status_names_the_file_that_is_kept_as_the_host_has_it(story):
    edit(story)
    (row,) = story.reconciler.read_status().apps
    assert row.reason.startswith("conf/a.txt on h1: it was changed on the host")
    assert row.sync.value == "in-sync"


def test_the_status_has_what_keeps_an_app_from_git_before_a_file_that_is_kept(story):
    edit(story)
    story.commit(files(compose=DIRECTORY.replace("web:1", "bad:1")))
    assert story.sync().exit_code == 4
    (row,) = story.reconciler.read_status().apps
    assert "exited with code 1" in row.reason


def kept_two(story, compose=DIRECTORY):
    edit(story)
    edit(story, "by hand too", "conf/sub/b.txt")
    story.commit(files(compose, **{"a.txt": "new", "sub__b.txt": "new"}))


def test_all_files_that_a_host_keeps_are_in_the_reason_and_once_what_to_write(story):
    kept_two(story)
    (row,) = story.sync().final_status.apps
    assert row.reason.startswith(
        "conf/a.txt on h1: it was changed on the host, and stays as it is; conf/sub/b.txt on h1:"
    )
    assert row.reason.count("`x-gitops: {files: git}`") == 1
    assert row.sync.value == "in-sync"


def test_the_reason_names_no_more_than_ten_of_them(story):
    many = {f"{n}.txt": "old" for n in range(30)}
    story.commit(files(**many))
    story.sync()
    for name in many:
        edit(story, "by hand", f"conf/{name}")
    (row,) = story.reconciler.read_status().apps
    assert row.reason.count("it was changed on the host") == 10
    assert "and 1 more, see `gitops-orch plan`" in row.reason


@pytest.mark.parametrize("first", [False, True])
def test_they_are_named_also_while_a_release_is_failed(story, first):
    bad = DIRECTORY.replace("web:1", "bad:1")
    if first:
        story = Scenario(images={"bad:1": ImageBehaviour(exits_after_s=0.1, exit_code=1)})
        story.commit(files(bad))
        story.sync()
    kept_two(story, bad)
    report = story.sync()
    (row,) = report.final_status.apps
    assert report.exit_code == 4
    assert "it exited with code 1" in row.reason
    assert "kept files: conf/a.txt on h1: it was changed" in row.reason
    assert "conf/sub/b.txt on h1: it was changed" in row.reason


def test_what_ails_an_app_is_not_hidden_by_a_file_that_its_host_keeps():
    story = Scenario(images={"sick:1": ImageBehaviour(healthcheck=True, unhealthy_after_s=600)})
    story.commit(files("x-gitops: {drift: off}\n" + DIRECTORY.replace("web:1", "sick:1")))
    story.sync()
    edit(story)
    story.clock.sleep(700)
    (row,) = story.reconciler.read_status().apps
    assert row.reason.startswith("shop-web-1-")
    assert "unhealthy" in row.reason
    assert "; kept files: conf/a.txt on h1: it was changed on the host" in row.reason


@pytest.mark.parametrize("failed", [False, True])
def test_a_kept_file_is_shown_as_drift_and_not_as_held(story, failed):
    kept_two(story, DIRECTORY.replace("web:1", "bad:1") if failed else DIRECTORY)
    printed = shown(render_run(run_document(story.sync())))
    assert printed.count("conf/a.txt on h1") == printed.count("conf/sub/b.txt on h1") == 1
    assert "held:" not in printed
    picture = story.reconciler.read_status()
    for page in (render_plan(status_plan_document(picture)), render_diff(diff_document(picture, None))):
        lines = [line for line in shown(page).splitlines() if "on h1: it was changed" in line]
        assert [line.split(" on h1")[0] for line in lines] == [
            f"kept file (drift): default/shop: {name}" for name in ("conf/a.txt", "conf/sub/b.txt")
        ]
