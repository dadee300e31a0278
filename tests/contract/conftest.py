"""Every test of the contract runs in both worlds."""

import itertools
from collections.abc import Iterator

import pytest
from contract.worlds import DockerEngineHost, SimulatedHost, World

from gitops_orch.model.app import AppKey

_numbers = itertools.count(1)


@pytest.fixture
def key() -> AppKey:
    """An app of the test's own, so that tests share a host and not each other's objects."""
    return AppKey(namespace="default", name=f"app{next(_numbers)}")


@pytest.fixture(
    params=[
        "simulated",
        pytest.param("docker", marks=[pytest.mark.engine, pytest.mark.xdist_group("contract")]),
    ]
)
def world(request: pytest.FixtureRequest, key: AppKey) -> Iterator[World]:
    """A host, simulated or real."""
    yield from _lent(request, key, "_engine" if request.param == "docker" else "")


@pytest.fixture(params=["simulated", "_engine", "_engine26"])
def any_world(request: pytest.FixtureRequest, key: AppKey) -> Iterator[World]:
    """A host, simulated or real, with an old Engine or a newer one."""
    yield from _lent(request, key, "" if request.param == "simulated" else request.param)


def _lent(request: pytest.FixtureRequest, key: AppKey, engine: str) -> Iterator[World]:
    made = DockerEngineHost(request.getfixturevalue(engine)) if engine else SimulatedHost()
    yield made
    made.clear(key)
