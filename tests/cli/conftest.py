"""A configuration repository, simulated hosts and the real command line, in this process."""

import os

import pytest
from command_line import HOST, Answer, Repository, app

from gitops_orch.cli.main import main


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "fleet")
    made.commit("first", hosts__edge=HOST, shop__compose=app())
    return made


@pytest.fixture
def call(capsys, monkeypatch, state_dir):
    """Run a command line as the console does, with a state directory of this test's own."""
    for name in [name for name in os.environ if name.startswith("GITOPS_ORCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GITOPS_ORCH_STATE__DIR", str(state_dir))

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def gitops(call, repository, monkeypatch):
    """Run a command line on the repository."""
    monkeypatch.setenv("GITOPS_ORCH_REPOSITORY__URL", str(repository.path))
    return call
