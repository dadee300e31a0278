"""Which keys make a service a child of another one, and which only make it depend on it."""

import pytest
from compose_judge import errors, load
from planner.builders import service

from gitops_orch.engine.docker.shared_namespaces import shared_services
from gitops_orch.planner.diff.shared_namespaces import namespace_parents, shares_namespace

SHARED = ["network_mode", "ipc", "pid"]


@pytest.mark.parametrize("key", [*SHARED, "uts"])
def test_a_reference_to_a_service_is_a_dependency_as_in_compose(key):
    loaded = load(f"services: {{a: {{image: i, {key}: 'service:b'}}, b: {{image: i}}}}")
    assert not errors(loaded)
    assert loaded.model["services"]["a"]["depends_on"]["b"]["restart"]


@pytest.mark.parametrize("key", SHARED)
def test_a_namespace_that_engines_share_makes_a_child(key):
    child = service(compose={"image": "i", key: "service:b"})
    assert namespace_parents(child) == shared_services(child.compose) == {"b"}
    assert shares_namespace(child, "b")


@pytest.mark.parametrize("key", ["uts", "cgroup"])
def test_a_namespace_that_no_engine_shares_makes_no_child(key):
    child = service(compose={"image": "i", key: "service:b"})
    assert namespace_parents(child) == shared_services(child.compose) == set()
    assert not shares_namespace(child, "b")
