"""The quick pass over a value, and the general validator behind it, judge alike."""

import copy
import json
from collections.abc import Iterator

import pytest

from gitops_orch.manifest.schema.schema_errors import schema_mistakes
from gitops_orch.manifest.schema.schema_files import surely_allows

HOST = {
    "apiVersion": "gitops-orch/v1",
    "kind": "Host",
    "metadata": {"name": "edge-1", "labels": {"zone": "a", "example.org/disk": "ssd"}},
    "spec": {
        "url": "tcp://edge:2376",
        "engine": "docker",
        "insecure": False,
        "availability": "drain",
        "data_root": "/srv/data",
        "tls": {"ca": "/ca.pem", "cert": "/cert.pem", "key": "/key.pem"},
    },
}
FLEET = {
    "apiVersion": "gitops-orch/v1",
    "kind": "Fleet",
    "spec": {
        "variables": {"DOMAIN": "example.org"},
        "defaults": {"drift": "warn", "prune": "never", "rollback": "hold"},
        "prune": {"removals_min": 3, "allow_empty": True},
    },
}
APP = {
    "namespace": "shop",
    "placement": {"hosts": ["edge-1"], "constraints": ["node.labels.zone == a"]},
    "depends_on": ["db"],
    "rollout": {"healthy_deadline": "2m", "restarts_max": 3, "canary": 1, "auto_promote": False},
    "rollback": "auto",
    "drift": "enforce",
    "adopt": True,
    "hold": {"reason": "a freeze", "until": "2026-12-01T00:00:00Z"},
}
SERVICE = {"stateful": True, "reload": "SIGHUP", "job": {"schedule": "@daily", "history": 3}}
RIGHT = [("host", HOST), ("fleet", FLEET), ("x-gitops", APP), ("x-gitops#/$defs/service", SERVICE)]
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2.5,
    10**9,
    "",
    "x",
    "yes",
    "/",
    "/a\n",
    "a\n",
    "2m",
    "é",
    "x" * 64,
    "x" * 5000,
    [],
    ["x"],
    {},
    {"x": 1},
]


def variants(value: object) -> Iterator[object]:
    """The value with one thing in it changed, left out or added."""
    yield from ODD
    if isinstance(value, dict):
        for key, item in value.items():
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: changed} for changed in variants(item))
        yield from ({**value, key: "x"} for key in ("nope", "", "a b", "x-y", "X\n"))
    elif isinstance(value, list):
        yield from ([*value, *value] * times for times in (1, 600))
        yield from ([changed, *value[1:]] for changed in variants(value[0]))


@pytest.mark.parametrize(("schema", "value"), RIGHT)
def test_a_value_without_a_mistake_needs_the_quick_pass_alone(schema, value):
    assert list(schema_mistakes(value, schema)) == []
    assert surely_allows(schema, value)


@pytest.mark.parametrize(("schema", "value"), RIGHT)
def test_the_quick_pass_allows_nothing_that_the_general_validator_refuses(schema, value):
    changed = [copy.deepcopy(each) for each in variants(value)]
    wrong = [each for each in changed if list(schema_mistakes(each, schema))]
    assert len(wrong) > 100  # else the variants try nothing
    assert [json.dumps(each)[:200] for each in wrong if surely_allows(schema, each)] == []


@pytest.mark.parametrize(("schema", "value"), RIGHT)
def test_the_quick_pass_leaves_little_of_what_is_right_to_the_general_validator(schema, value):
    right = [each for each in variants(value) if not list(schema_mistakes(each, schema))]
    left = [each for each in right if not surely_allows(schema, each)]
    assert [each for each in left if "." not in json.dumps(each)] == []  # 1.0 for a whole number


def test_a_keyword_that_the_quick_pass_does_not_know_is_left_to_the_general_validator(monkeypatch):
    monkeypatch.setattr(
        "gitops_orch.manifest.schema.schema_files.read_schema", lambda _: {"not": {"type": "string"}}
    )
    assert not surely_allows("host", "text")
    assert not surely_allows("host", 5)
