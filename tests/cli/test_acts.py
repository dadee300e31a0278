"""The verbs that act: rollback, holds, pins; what they refuse, and what they leave in Git."""

import pytest
from command_line import app

pytestmark = pytest.mark.waits


@pytest.fixture
def rolled(gitops, repository):
    """A repository whose app was blue, then green, beside another app that changed last."""
    repository.commit(mail__compose=app("white"))
    gitops("sync")
    good = repository.head()
    repository.commit("make it green", shop__compose=app("green"))
    gitops("sync")
    repository.commit("other", mail__compose=app("black"))
    return good


def test_rollback_pushes_a_commit_in_which_only_the_apps_files_are_as_before(gitops, repository, rolled):
    answer = gitops("rollback", "shop", "-o", "json")
    assert answer.code == 0
    assert answer.json["commit"] == repository.head()
    assert repository.read("shop/compose.yaml") == app("blue").strip()
    assert repository.read("mail/compose.yaml") == app("black").strip()


def test_rollback_says_in_the_commit_what_it_reverts(gitops, repository, rolled):
    bad = repository.git("log", "--format=%H", "--grep=make it green")
    gitops("rollback", "shop")
    message = repository.git("log", "-1", "--format=%B")
    assert f"Reverts: {bad}" in message
    assert "Gitops-Orch-App: default/shop" in message


def test_the_next_sync_deploys_what_was_rolled_back(gitops, repository, rolled):
    gitops("rollback", "shop")
    assert gitops("sync").code == 0
    gitops("plan")
    assert gitops("diff", "shop").code == 0


def test_rollback_said_twice_is_done_once(gitops, repository, rolled):
    gitops("rollback", "shop")
    head = repository.head()
    for arguments in (("rollback", "shop"), ("rollback", "shop", f"--to={rolled}")):
        answer = gitops(*arguments, "-o", "json")
        assert (answer.code, answer.json["pushed"]) == (0, False)
        assert "nothing to revert" in answer.json["message"]
    assert repository.head() == head


def test_rollback_leaves_files_that_no_app_reads_alone(gitops, repository, rolled):
    repository.commit(shop__notes="new")
    gitops("rollback", "shop")
    assert repository.read("shop/notes.yaml") == "new"


def test_rollback_of_what_is_shared_in_part_says_what_still_differs(gitops, repository):
    tagged = app().replace("shop/api:1", "shop/api:${TAG}")
    repository.commit(shop__compose=tagged, gitops=FLEET % 1)
    gitops("sync")
    repository.commit(shop__compose=tagged.replace("blue", "green"), gitops=FLEET % 2)
    gitops("sync")
    answer = gitops("rollback", "shop")
    assert answer.code == 0
    assert "what differs, it shares with other apps: gitops.yaml" in answer.out.replace("\n", " ")
    assert repository.read("shop/compose.yaml") == tagged.strip()


def test_rollback_brings_back_an_app_whose_file_is_so_broken_that_its_name_is_lost(
    gitops, repository, rolled
):
    repository.commit(shop__compose="services: [")
    assert gitops("rollback", "shop", f"--to={rolled}").code == 0
    assert repository.read("shop/compose.yaml") == app("blue").strip()


def test_rollback_to_a_named_commit_takes_that_one(gitops, repository, rolled):
    answer = gitops("rollback", "shop", "--to", rolled[:10], "-o", "json")
    assert (answer.code, answer.json["to"]) == (0, rolled)


def test_rollback_leaves_an_app_in_a_directory_below_alone(gitops, repository):
    repository.commit(shop__db__compose=app("old"))
    gitops("sync")
    repository.commit(shop__compose=app("green"), shop__db__compose=app("new"))
    gitops("sync")
    assert gitops("rollback", "shop").code == 0
    assert repository.read("shop/db/compose.yaml") == app("new").strip()
    assert repository.read("shop/compose.yaml") == app("blue").strip()


FLEET = """apiVersion: gitops-orch/v1
kind: Fleet
metadata: {name: acme}
spec: {variables: {TAG: "%s"}}
"""


def test_rollback_of_what_a_shared_file_changed_says_so_and_a_pin_does_it(gitops, repository):
    tagged = app().replace("shop/api:1", "shop/api:${TAG}")
    good = repository.commit(shop__compose=tagged, gitops=FLEET % 1)
    gitops("sync")
    bad = repository.commit(gitops=FLEET % 2)
    gitops("sync")
    answer = gitops("rollback", "shop")
    assert answer.code == 1
    assert "what differs, it shares with other apps" in answer.err
    assert repository.head() == bad
    assert gitops("rollback", "shop", "--no-push").code == 0
    assert gitops("sync").code == 0
    status = gitops("status", "-o", "json").json["apps"][0]
    assert (status["commit"], status["services"][0]["image"]) == (good, "shop/api:1")


def test_rollback_brings_back_an_app_whose_files_were_deleted(gitops, repository, rolled):
    repository.commit(shop__compose=None)
    assert gitops("rollback", "shop", "--to", rolled).code == 0
    assert repository.read("shop/compose.yaml") == app("blue").strip()


def test_rollback_refuses_a_commit_without_the_app_because_that_would_remove_it(gitops, repository, rolled):
    before = repository.commit(news__compose=app())
    gitops("sync")
    answer = gitops("rollback", "news", f"--to={rolled}")
    assert answer.code == 1
    assert "would take the app out of Git" in answer.err
    assert repository.head() == before


def test_rollback_that_the_server_refuses_says_why_and_changes_nothing(gitops, repository, rolled):
    hook = repository.path / ".git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    before = repository.head()
    answer = gitops("rollback", "shop")
    assert answer.code == 1
    assert "main is protected" in answer.err
    assert "--no-push" in answer.err
    assert repository.head() == before


@pytest.mark.parametrize("setting", ["refuse", "true"])
def test_rollback_in_a_checkout_says_how_that_repository_takes_a_push(gitops, repository, rolled, setting):
    repository.git("config", "receive.denyCurrentBranch", setting)
    answer = gitops("rollback", "shop")
    assert answer.code == 1
    assert "this repository has the branch checked out" in answer.err
    assert "git config receive.denyCurrentBranch updateInstead" in answer.err
    assert "refusing to update" not in answer.err
    assert len(answer.err) < 450


@pytest.mark.parametrize("is_staged", [False, True])
def test_rollback_in_a_checkout_with_changes_says_that_these_are_in_the_way(
    gitops, repository, rolled, is_staged
):
    (repository.path / "shop/compose.yaml").write_text(app("pink"))
    if is_staged:
        repository.git("add", "-A")
    answer = gitops("rollback", "shop")
    assert answer.code == 1
    assert "with changes that are not committed" in answer.err
    assert "commit or undo these changes there" in answer.err


@pytest.mark.parametrize("commit", ["", " ", "zzz", "--all", "HEAD~1", "0" * 40])
def test_rollback_refuses_what_is_no_commit_and_pushes_nothing(gitops, repository, rolled, commit):
    before = repository.head()
    answer = gitops("rollback", "shop", f"--to={commit}")
    assert answer.code == 1
    assert answer.err.startswith("gitops-orch: ")
    assert repository.head() == before


def test_rollback_without_an_earlier_stable_release_says_so(gitops, repository):
    gitops("sync")
    answer = gitops("rollback", "shop")
    assert answer.code == 1
    assert "no earlier stable release" in answer.err


def test_rollback_without_a_push_pins_and_leaves_git_alone(gitops, repository, rolled):
    before = repository.head()
    assert gitops("rollback", "shop", "--no-push").code == 0
    assert repository.head() == before
    assert gitops("sync").code == 0
    rows = gitops("status", "-o", "json").json["apps"]
    assert next(row for row in rows if row["app"] == "shop")["commit"] == rolled
    assert gitops("unpin", "shop").code == 0
    assert gitops("unpin", "shop").code == 1
    assert gitops("diff", "shop").code == 2


def test_a_held_app_is_left_alone_until_it_is_resumed(gitops, repository):
    gitops("sync")
    repository.commit(shop__compose=app("green"))
    assert gitops("hold", "shop", "--reason", "moving disks", "--until", "2h").code == 0
    plan = gitops("plan", "-o", "json")
    assert (plan.code, plan.json["actions"]) == (0, [])
    assert "moving disks" in plan.json["holds"][0]["reason"]
    assert gitops("status", "-o", "json").json["apps"][0]["sync"] == "held"
    assert gitops("resume", "shop").code == 0
    assert gitops("plan").code == 2


@pytest.mark.parametrize("until", ["yesterday", "2020-01-01T00:00:00Z", "-1h"])
def test_a_hold_needs_an_end_that_lies_ahead(gitops, until):
    gitops("sync")
    assert gitops("hold", "shop", "--reason", "x", f"--until={until}").code == 1


@pytest.mark.parametrize("until", ["99999999h", "9999-12-31T23:59:59-12:00", "999999999999999d"])
def test_a_hold_that_ends_beyond_the_calendar_is_refused_in_one_sentence(gitops, until):
    gitops("sync")
    answer = gitops("hold", "shop", "--reason", "x", f"--until={until}")
    assert answer.code == 1
    assert answer.err.splitlines() == [
        f"gitops-orch: --until {until} is after the year 9999; name a nearer time, or leave --until out"
    ]


def test_a_hold_needs_a_reason(gitops):
    assert gitops("hold", "shop").code == 1


def test_lifting_what_is_not_there_is_an_error_that_says_so(gitops):
    gitops("sync")
    assert "has no failed release" in gitops("retry", "shop").err
    assert "is not pinned" in gitops("unpin", "shop").err
    assert "is not held by command" in gitops("resume", "shop").err


def test_accept_takes_a_commit_that_is_held_and_nothing_else(gitops, repository):
    gitops("sync")
    assert gitops("accept", repository.head()[:12]).code == 1
    assert gitops("accept", "").code == 1
    assert gitops("accept", "nonsense").code == 1


def test_a_rewritten_branch_is_held_until_it_is_accepted(gitops, repository):
    gitops("sync")
    repository.git("commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    (repository.path / "shop/compose.yaml").write_text(app("green"))
    repository.git("commit", "-qa", "--amend", "--no-edit")
    held = gitops("sync")
    assert held.code == 1
    assert "gitops-orch accept" in held.out + held.err
    assert gitops("accept", repository.head()).code == 0
    assert gitops("sync").code == 0
    assert gitops("status", "-o", "json").json["commit"] == repository.head()


def test_drain_names_the_line_to_commit_and_changes_nothing(gitops, repository):
    before = repository.head()
    answer = gitops("drain", "edge-1")
    assert answer.code == 0
    assert "availability: drain" in answer.out
    assert "hosts/edge.yaml:" in answer.out
    assert repository.head() == before
    assert gitops("drain", "nobody").code == 1
