"""An Engine without a container that misbehaves on request, and the client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.unruly import Unruly, answer, unruly

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.host import Host

LISTS = {"containers/json": [], "networks": [], "volumes": {"Volumes": []}, "images/json": []}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Unruly]:
    with unruly(tmp_path / "s") as made:
        for path, rows in LISTS.items():
            made.on(path, answer("200 OK", rows))
        yield made


@pytest.fixture
def engine(server: Unruly) -> Iterator[DockerHost]:
    made = connect(Host(name="edge-1", url=server.url), EngineSettings(deadline_s=30))
    yield made
    made.close()
