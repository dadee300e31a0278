"""`repository.push_reverts` as the command line shows it."""

import json

import pytest
from command_line import app

pytestmark = pytest.mark.waits


@pytest.fixture
def failed(gitops, repository, state_dir, monkeypatch):
    """A repository in which a commit has just made the app crash, with reverts pushed."""
    monkeypatch.setenv("GITOPS_ORCH_REPOSITORY__PUSH_REVERTS", "true")
    folder = state_dir / "simulated"
    folder.mkdir(parents=True)
    crash = {"shop/api:2": {"exits_after_s": 0.01, "exit_code": 3}}
    (folder / "images.json").write_text(json.dumps(crash))
    assert gitops("sync").code == 0
    return repository.commit("make it bad", shop__compose=app().replace("shop/api:1", "shop/api:2"))


def test_a_sync_pushes_the_revert_and_still_says_that_a_release_failed(gitops, repository, failed):
    answer = gitops("sync", "-o", "json")
    assert answer.code == 4
    assert repository.head() != failed
    assert repository.read("shop/compose.yaml") == app().strip()
    (revert,) = answer.json["reverts"]
    assert (revert["pushed"], revert["commit"]) == (True, repository.head())
    (shop,) = answer.json["apps"]
    assert (shop["sync"], shop["release_state"], shop["commit"]) == ("in-sync", "stable", repository.head())
    assert gitops("status").code == 0
    assert gitops("plan").code == 0
    assert gitops("sync").code == 0


def test_status_and_history_tell_of_it(gitops, repository, failed):
    gitops("sync")
    revert = repository.head()
    assert f"reverted in Git by {revert[:10]}" in gitops("status", "-o", "json").json["apps"][0]["reason"]
    releases = gitops("history", "shop", "-o", "json").json["releases"]
    assert [row["revert"]["commit"] for row in releases if row["state"] == "failed"] == [revert]
    assert "revert" not in releases[-1]
    assert gitops("history", "shop").code == 0


def test_a_push_that_is_refused_is_told_by_status_history_and_the_run(gitops, repository, failed):
    hook = repository.path / ".git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    answer = gitops("sync", "-o", "json")
    assert (answer.code, repository.head()) == (4, failed)
    assert [row["pushed"] for row in answer.json["reverts"]] == [False]
    status = gitops("status", "-o", "json")
    assert status.code == 2
    assert "main is protected" in status.json["apps"][0]["reason"]
    releases = gitops("history", "shop", "-o", "json").json["releases"]
    (revert,) = [row["revert"] for row in releases if row["state"] == "failed"]
    assert (revert["state"], revert["tries"], revert["commit"]) == ("failed", 1, None)
    assert revert["next_try_at"] > revert["at"]
    assert "reverts" not in gitops("sync", "-o", "json").json


def test_a_retry_after_the_revert_says_that_git_asks_for_something_else(gitops, repository, failed):
    gitops("sync")
    assert "Git asks for another release now" in gitops("retry", "shop", "-o", "json").json["message"]
    assert gitops("sync").code == 0


def test_a_rollback_after_the_revert_goes_no_further_back(gitops, repository, failed):
    gitops("sync")
    head = repository.head()
    answer = gitops("rollback", "shop", "-o", "json")
    assert (answer.code, answer.json["pushed"]) == (0, False)
    assert repository.head() == head
