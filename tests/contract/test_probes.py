"""What every engine promises about readiness probes (engine/base.py)."""

import pytest
from contract.making import app_with, running

from gitops_orch.errors import NotFound
from gitops_orch.model.app import Readiness
from gitops_orch.model.observed import ProbeResult

PORT = {"target": 8080, "published": "18101", "protocol": "tcp"}
OVER_HTTP = Readiness(port=8080, path="/")
OVER_TCP = Readiness(port=8080)
BY_COMMAND = Readiness(command=("true",))


def served(world, key, image="stub:1"):
    app = app_with(key, image=image, networks=("front",), ports=[PORT])
    return running(world, app)


def is_ready(world, container, probe):
    return world.remote.probe(container, probe).ready


@pytest.mark.parametrize("probe", [OVER_HTTP, OVER_TCP, BY_COMMAND], ids=["http", "tcp", "exec"])
def test_a_container_that_serves_is_ready(world, key, probe):
    container = served(world, key)
    world.wait("readiness", lambda: is_ready(world, container, probe))
    assert world.remote.probe(container, probe) == ProbeResult(ready=True)


@pytest.mark.parametrize("probe", [OVER_HTTP, OVER_TCP, BY_COMMAND], ids=["http", "tcp", "exec"])
def test_a_container_that_does_not_run_is_not_ready_and_says_why(world, key, probe):
    container = served(world, key)
    world.engine.stop(container)
    answer = world.remote.probe(container, probe)
    assert not answer.ready
    assert answer.detail


@pytest.mark.parametrize("probe", [OVER_HTTP, BY_COMMAND], ids=["http", "exec"])
def test_a_container_that_is_gone_is_not_found(world, key, probe):
    with pytest.raises(NotFound, match="h1"):
        world.remote.probe("no-such-container", probe)
