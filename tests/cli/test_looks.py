"""`status` of one app; what another process is told."""

import os
from datetime import UTC, datetime

import pytest
from command_line import HOST, Repository, app

from gitops_orch.daemon.application import open_application
from gitops_orch.daemon.reports.log_follow import Wanted, _new_lines, follow_logs
from gitops_orch.settings import load_settings

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


def test_logs_are_asked_for_from_a_time_on(two_apps, gitops):
    assert "shop-api-1-" in gitops("logs", "shop", "--since", "10m").out
    assert gitops("logs", "shop", "--since", "2999-01-01T00:00:00Z").out == ""
    assert "--since" in gitops("logs", "shop", "--since", "yesterday").err


def test_each_line_of_a_log_stands_after_its_time(two_apps, gitops):
    (line,) = gitops("logs", "shop", "--timestamps").out.splitlines()
    assert datetime.fromisoformat(line.partition(" | ")[2][:26] + "+00:00") <= datetime.now(UTC)


def test_followed_logs_go_on_with_what_is_made_meanwhile(two_apps, gitops, monkeypatch):
    """After the lines that are there come those of the container that takes its place; each line once."""
    printed = []
    turns = iter(range(12))

    def emit(_host: str, name: str, line: str) -> None:
        printed.append((name, line))

    settings = load_settings(flags={}, environ=os.environ, file=None, root=False)
    with open_application(settings, str(two_apps.path)) as house:
        monkeypatch.setattr(house.clock.__class__, "sleep", lambda *_: None)

        def goes_on() -> bool:
            turn = next(turns, None)
            if turn == 3:
                two_apps.commit("a change", shop__compose=app("green"))
                house.reconciler.run(trigger="test")
            return turn is not None

        follow_logs(house, "shop", Wanted(tail=10), emit, goes_on)
    names = [name for name, _ in printed]
    assert len(names) == len(set(names)) == 2
    assert {line for _, line in printed} == {"ready"}


def test_followed_logs_take_a_program_s_own_line_breaks_for_no_new_line():
    """A progress bar goes back with a carriage return, a page with a form feed: neither begins a line with a time."""
    at = "2026-01-01T00:00:00.00000000"
    log = f"{at}1Z 10%\r90%\x0czzz\n{at}2Z \u2028next\nno time at all\n"

    class Engine:
        def logs(self, *_args: object, since: datetime | None, **_more: object) -> str:
            asked.append(since)
            return log

    asked: list[datetime | None] = []
    printed: dict[str, str] = {}
    lines = list(_new_lines(Engine(), "c", Wanted(tail=10), printed))
    assert lines == ["10%\r90%\x0czzz", "\u2028next"]
    assert list(_new_lines(Engine(), "c", Wanted(tail=10), printed)) == []
    assert asked == [None, datetime(2026, 1, 1, tzinfo=UTC)]


def test_status_of_a_repository_without_a_commit_is_unknown(call, tmp_path):
    empty = Repository(tmp_path / "empty")
    answer = call("status", "--repo", str(empty.path))
    assert answer.code == 3
    assert "main" in answer.out
