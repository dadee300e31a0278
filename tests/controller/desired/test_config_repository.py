"""One facade reads commits: for the loop, for commands, and for reverts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from git_story import compose
from repositories import Repository
from story import HOST

from gitops_orch.clock import SystemClock
from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.source.access import SourceSettings
from gitops_orch.source.source import Source

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = AppKey(namespace="default", name="shop")
APP = {"shop/compose.yaml": compose("good:1")}


@pytest.fixture
def opened(tmp_path: Path, forge: Repository):
    history = History.open(tmp_path / "state", None, SystemClock())
    source = Source(SourceSettings(url=forge.url), tmp_path / "mirror", SystemClock())
    yield ConfigRepository(source, history, SystemClock(), Branch(forge.url, "main"), Reading()), history
    source.close()
    history.close()


def test_the_implicit_host_does_not_exist_where_other_hosts_were_ever_known(opened, forge):
    config, history = opened
    forge.commit(APP)
    assert [host.name for host in config.desired(config.fetch()).hosts] == ["local"]
    history.remember_host("h1", (), NOW)
    desired = config.desired(config.fetch())
    assert (desired.hosts, desired.complete) == ((), False)


def test_without_a_last_good_commit_the_head_is_desired(opened, forge):
    config, _ = opened
    head = forge.commit(APP)
    assert config.desired().commit == head
    forge.commit({**APP, "hosts/h1.yaml": HOST})
    config.set_last_commit(head)
    assert config.desired().commit == head == config.last_commit()


def test_trailers_and_acceptance_are_the_directives_of_a_commit(opened, forge):
    config, history = opened
    head = forge.commit(APP, message="a change\n\nAllow-Prune: shop\nLet-Go: h1")
    assert config.fetch() == head
    directives = config.directives(head)
    assert (directives.allowed_prunes, directives.permission.named) == ({"shop"}, {"h1"})
    assert not directives.permission.accepted
    history.accept(head)
    assert config.directives(head).permission.accepted


def test_a_commit_that_cannot_be_read_has_no_directives_and_no_apps(opened):
    config, _ = opened
    assert config.directives("0" * 40).allowed_prunes == frozenset()
    assert config.commit_info("0" * 40) is None
    assert config.app_at(SHOP, "0" * 40) is None
    with pytest.raises(SourceError):
        config.read_app(SHOP, "0" * 40)


def test_an_app_is_read_as_the_named_commit_has_it(opened, forge):
    config, _ = opened
    old, new = forge.commit(APP), forge.commit({"shop/compose.yaml": compose("good:2")})
    config.fetch()
    apps = [config.app_at(SHOP, commit) for commit in (old, new)]
    assert [app.services[0].image for app in apps if app] == ["good:1", "good:2"]
