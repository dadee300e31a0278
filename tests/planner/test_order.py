"""What others depend on comes first, however long the chain is."""

import sys

import pytest

from gitops_orch.model.app import AppKey, Dependency
from gitops_orch.planner.removal.dependency_order import app_order, in_dependency_order
from tests.planner.builders import service

LONG = 2 * sys.getrecursionlimit()


def chain(count):
    """Services of which each depends on the next one."""
    return tuple(
        service(f"s{n:05}", depends_on=(Dependency(service=f"s{n + 1:05}"),) if n + 1 < count else ())
        for n in range(count)
    )


@pytest.mark.parametrize("count", [1, 3, LONG])
def test_services_start_from_the_end_of_a_chain_of_any_length(count):
    services = chain(count)
    assert in_dependency_order(services) == list(reversed(services))


@pytest.mark.parametrize("count", [1, 3, LONG])
def test_apps_start_from_the_end_of_a_chain_of_any_length(count):
    keys = [AppKey(namespace="default", name=f"a{n:05}") for n in range(count)]
    depends = {key: tuple(keys[n + 1 : n + 2]) for n, key in enumerate(keys)}
    assert app_order(keys, depends) == list(reversed(keys))


def test_a_circle_of_services_is_ordered_all_the_same():
    """Validation refuses it; a former commit may have had it."""
    first, second = (
        service(name, depends_on=(Dependency(service=other),)) for name, other in (("a", "b"), ("b", "a"))
    )
    assert in_dependency_order((first, second)) == [second, first]
