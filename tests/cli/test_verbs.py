"""The verbs and their help, names that the shell completes, and what is only shown."""

import pytest
from command_line import HOST, app

from gitops_orch.cli.command_line import VERBS
from gitops_orch.cli.main import main
from gitops_orch.cli.verb import load_verb
from gitops_orch.cli.verbs import completion

pytestmark = pytest.mark.waits
HELP_CHARS_MAX = 60


@pytest.fixture
def two_apps(repository, gitops):
    repository.commit("two", hosts__edge=HOST, shop__compose=app(), blog__compose=app())
    assert gitops("sync").code == 0
    return repository


def test_a_bare_command_prints_the_help(capsys):
    assert main([]) == 0
    printed = capsys.readouterr()
    assert "validate" in printed.out
    assert printed.err == ""


def test_the_help_groups_the_verbs(call):
    printed = call("--help").out
    titles = [printed.index(f"\n{group}:\n") for group in ("Deploy", "Look", "Control", "Fleet")]
    assert titles == sorted(titles)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_line_of_help_is_short(verb):
    command = load_verb(verb, VERBS[verb].module)
    helps = [command.help.splitlines()[0], *(parameter.help or "" for parameter in command.params)]
    assert [text for text in helps if len(text) > HELP_CHARS_MAX] == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_list_of_verbs_and_the_help_of_a_verb_say_the_same(verb):
    assert VERBS[verb].sentence == load_verb(verb, VERBS[verb].module).help


def test_the_help_shows_the_sentence_of_every_verb_whole_at_80_columns(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = call("--help").out.splitlines()
    assert max(map(len, lines)) <= 80
    for verb, entry in VERBS.items():
        assert [line.split(maxsplit=1)[1] for line in lines if line.split()[:1] == [verb]] == [entry.sentence]


@pytest.mark.parametrize("verb", ["logs", "sync"])
def test_the_help_of_a_verb_lists_its_own_options_before_those_of_every_verb(call, verb):
    printed = call(verb, "--help").out
    assert VERBS[verb].sentence in printed
    headings = [
        printed.index(f"\n{heading}:\n") for heading in ("Arguments", "Options", "Options of every command")
    ]
    assert headings == sorted(headings)


def test_sync_of_an_app_leaves_the_others_as_they_are(two_apps, gitops):
    two_apps.commit("both", shop__compose=app("green"), blog__compose=app("green"))
    planned = gitops("plan", "shop", "-o", "json").json["actions"]
    assert {action["app"] for action in planned} == {"shop"}
    assert gitops("sync", "shop").code == 0
    left = gitops("plan", "-o", "json").json["actions"]
    assert {action["app"] for action in left} == {"blog"}


def test_sync_of_an_app_removes_no_other(two_apps, gitops):
    two_apps.commit("one leaves", shop__compose=app("green"), blog__compose=None)
    assert gitops("sync", "shop").code == 0
    left = gitops("plan", "-o", "json").json["actions"]
    assert {action["app"] for action in left} == {"blog"}


def test_sync_of_an_app_that_is_not_there_is_an_error(two_apps, gitops):
    answer = gitops("sync", "shpo")
    assert answer.code == 1
    assert "did you mean shop?" in answer.err


def test_a_rollback_that_is_tried_shows_the_commit_and_pushes_nothing(two_apps, gitops):
    head = two_apps.commit("a change", shop__compose=app("green") + "    labels: {token: hush}\n")
    assert gitops("sync").code == 0
    answer = gitops("rollback", "shop", "--dry-run")
    assert answer.code == 0
    assert "Revert default/shop to" in answer.out
    assert "-    environment: {COLOUR: green}" in answer.out
    assert "+    environment: {COLOUR: blue}" in answer.out
    assert "hush" not in answer.out
    assert two_apps.head() == head
    assert gitops("rollback", "shop").code == 0
    assert two_apps.head() != head


@pytest.mark.parametrize("name", ["one.yaml.txt", "one.yaml", "compose.d.yml.d/key.yml"])
def test_a_rollback_that_is_tried_shows_no_content_of_other_files(two_apps, gitops, name):
    text = app() + f"    secrets: [one]\nsecrets: {{one: {{file: ./{name}}}}}\n"
    for content in ("hush1", "hush2"):
        (two_apps.path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (two_apps.path / "shop" / name).write_text(content)
        two_apps.commit(content, shop__compose=text)
        assert gitops("sync").code == 0
    answer = gitops("rollback", "shop", "--dry-run")
    assert name in answer.out
    assert "its content is not shown" in answer.out
    assert "hush" not in answer.out.replace("Revert", "").partition("diff --git")[2]


@pytest.mark.parametrize("commit", ["0123456789ab", "HEAD"])
def test_accepting_what_is_not_held_is_an_error(two_apps, gitops, commit):
    answer = gitops("accept", commit)
    assert answer.code == 1
    assert f"commit {commit} is not held" in answer.err
    assert "nothing is held" in answer.err


def test_accepting_another_commit_than_the_held_one_names_the_held_one(two_apps, gitops):
    first = two_apps.git("rev-list", "--max-parents=0", "HEAD")
    two_apps.git("reset", "-q", "--hard", first)
    two_apps.commit("another history", shop__compose=app("red"))
    gitops("sync")
    answer = gitops("accept", "0123456789ab")
    assert answer.code == 1
    assert two_apps.head()[:7] in answer.err
    assert gitops("accept", two_apps.head()).code == 0
    assert gitops("sync").code == 0


def test_names_are_completed_from_what_history_remembers(two_apps, gitops, monkeypatch):
    monkeypatch.setattr(
        "gitops_orch.controller.observe.observe_hosts.observe_all", None
    )  # no host may be asked
    assert completion.complete_app("") == ["blog", "shop"]
    assert completion.complete_app("s") == ["shop"]
    assert completion.complete_host("edge") == ["edge-1"]
    assert completion.complete_app_or_service("s") == ["shop"]
    assert completion.complete_app_or_service("shop/") == ["shop/api"]
    assert completion.complete_app_or_service("default/b") == ["default/blog/api"]
    assert completion.complete_app_or_service("shop/x") == []
    (container,) = completion.complete_container("blog-")
    assert container.startswith("blog-api-1-")


def test_nothing_is_completed_where_nothing_is_known(call):
    assert completion.complete_app("") == []
    assert completion.complete_host("") == []


@pytest.fixture
def one_left(two_apps, gitops):
    """A repository that `blog` left, and whose hosts run nothing of it any more."""
    gone = two_apps.head()
    two_apps.commit("without blog", blog__compose=None)
    assert gitops("sync").code == 0
    return gone


@pytest.mark.parametrize("verb", [["hold", "--reason", "x"], ["resume"], ["retry"], ["unpin"]])
@pytest.mark.parametrize("name", ["blog", "default/blog"])
def test_a_verb_for_an_app_that_left_git_is_an_error(one_left, gitops, verb, name):
    answer = gitops(*verb, name)
    assert answer.code == 1
    assert f"default/blog left Git (its last release is of commit {one_left[:7]})" in answer.err
    assert "nothing of it runs" in answer.err
    assert "default/shop" in answer.err


def test_an_app_that_never_was_has_not_left_git(one_left, gitops):
    assert "there is no app blurg" in gitops("hold", "blurg", "--reason", "x").err


def test_an_app_that_left_git_and_still_runs_can_be_held(two_apps, gitops):
    two_apps.commit("without blog", blog__compose=None)
    gitops("plan")
    assert gitops("hold", "blog", "--reason", "look first").code == 0


@pytest.mark.parametrize(
    ("verb", "undo"), [(["hold", "--reason", "x"], "resume"), (["rollback", "--no-push"], "unpin")]
)
def test_what_is_left_of_an_app_that_left_git_can_be_removed(two_apps, gitops, verb, undo):
    two_apps.commit("green", blog__compose=app("green"))
    assert gitops("sync").code == 0
    assert gitops(*verb, "blog").code == 0
    two_apps.commit("without blog", blog__compose=None)
    gitops("sync")
    assert "blog" in completion.complete_app("")
    assert gitops(undo, "blog").code == 0


def test_the_shell_completes_an_app_that_left_git_for_what_it_is_good_for(one_left):
    assert completion.complete_app("") == ["shop"]
    assert completion.complete_known_app("") == ["blog", "shop"]
