"""The tables of Compose keys are complete: every key of the schema has a row, and every row is used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitops_orch.manifest.keys import nested_keys
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KEYS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.schema.compose_schema import compose_schema
from gitops_orch.model.rules.pre_start_keys import NOT_COPIED

UNKNOWN_TO_OUR_COMPOSE = {"provider", "models", "use_api_socket"}
RECORDED_ELSEWHERE = {"cgroup", "extends", "pre_start", "pull_policy"}
OTHER_KEYS_TAKE_THEM = {"env_file", "label_file", "extends"}
TABLES = {
    "service": {name: key for name, key in SERVICE_KEYS.items() if name not in UNKNOWN_TO_OUR_COMPOSE},
    "network": RESOURCE_KEYS["networks"],
    "volume": RESOURCE_KEYS["volumes"],
    "config": {
        name: key for name, key in RESOURCE_KEYS["configs"].items() if name not in ("driver", "driver_opts")
    },
    "secret": RESOURCE_KEYS["secrets"],
    "build": nested_keys.BUILD,
    "deploy": nested_keys.DEPLOY,
    "healthcheck": nested_keys.HEALTHCHECK,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_the_schema_has_a_row_and_every_row_a_key_of_the_schema(name):
    assert TABLES[name].keys() == compose_schema()["$defs"][name]["properties"].keys()


def test_a_key_that_the_schema_does_not_know_is_refused_with_a_reason():
    unknown = SERVICE_KEYS.keys() - compose_schema()["$defs"]["service"]["properties"].keys()
    assert unknown == UNKNOWN_TO_OUR_COMPOSE
    assert all(SERVICE_KEYS[name].refused for name in unknown)


def test_every_value_is_read_refused_or_becomes_part_of_another_key():
    unread = {name for name, key in SERVICE_KEYS.items() if key.read is None and key.refused is None}
    assert unread == OTHER_KEYS_TAKE_THEM
    assert all(key.read for keys in RESOURCE_KEYS.values() for key in keys.values())


def test_a_row_says_whether_a_pre_start_container_has_the_key():
    assert {name for name, key in SERVICE_KEYS.items() if not key.copied} == NOT_COPIED


def test_every_key_has_a_recorded_answer_of_compose():
    recorded = {path.stem for path in (Path(__file__).parent / "keys").glob("*.yaml")}
    assert TABLES["service"].keys() - recorded == RECORDED_ELSEWHERE


# Adds a row `places` to the table before any stage reads it, and prints what a load makes of it.
MADE_UP = """
import json
from gitops_orch.manifest.keys import list_entry_keys, merge_rules, service_keys, short_forms
from gitops_orch.manifest.keys.forms import TEXTS
from gitops_orch.manifest.keys.key import Key
from gitops_orch.manifest.keys.readers import texts
from gitops_orch.manifest.schema.compose_schema import compose_schema

def resolve(service, location, report):
    service["places"] = [location.absolute(each) for each in service["places"]]

def complete(places):
    places.append("/last=")

service_keys.SERVICE_KEYS["places"] = Key(
    texts,
    expand=short_forms.as_list,
    merge=merge_rules.as_sequence,
    index=list_entry_keys.before_equals,
    path=resolve,
    complete=complete,
    form=TEXTS,
)
compose_schema()["$defs"]["service"]["properties"]["places"] = {"$ref": "#/$defs/string_or_list"}

from compose_judge import errors, load

files = {
    "compose.yaml": "services: {a: {extends: {file: sub/o.yaml, service: z}, places: [./b=2, ./c=]}}",
    "sub/o.yaml": "services: {z: {image: i, places: './b=1'}}",
}
loaded = load(files)
odd = load({**files, "sub/o.yaml": "services: {z: {image: i, places: x}, y: {places: [5]}}"})
print(json.dumps([errors(loaded), loaded.model["services"]["a"]["places"], errors(odd)]))
"""


def test_every_stage_reads_a_row_that_is_added_to_the_table():
    ran = subprocess.run(
        [sys.executable, "-c", MADE_UP],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    mistakes, places, odd = json.loads(ran.stdout)
    assert mistakes == []
    assert places == ["/srv/proj/sub/b=1", "/srv/proj/b=2", "/srv/proj/c=", "/last="]
    assert len(odd) == 1
    assert "must be text" in odd[0]
