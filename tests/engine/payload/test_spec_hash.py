"""The spec hash sees all that a container sees, and nothing else."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from contract.making import app_with, file_set, intent
from engine.payload_cases import CASES, NEWER_CASES

from gitops_orch.engine.payload.spec_hash import canonical_payload, contents_digest, older_hashes, spec_hash
from gitops_orch.model.app import (
    App,
    AppKey,
    Dependency,
    FileEntry,
    FilesPolicy,
    Network,
    Order,
    Placement,
    RolloutPolicy,
    UpdatePolicy,
    Volume,
)
from gitops_orch.model.sensitive.secret import Sensitive

KEY = AppKey(namespace="default", name="shop")
# Keys that only Compose's own loader turns into what we are given: their long form is what is hashed.
LONG = {
    "environment-map": {"environment": {"B": "1", "A": "two words", "EMPTY": ""}},
    "ports-short": {"ports": [{"target": 80, "protocol": "tcp"}]},
    "devices": {"devices": [{"source": "/dev/null", "target": "/dev/nn", "permissions": "r"}]},
    "volumes-named": {"volumes": [{"type": "volume", "source": "plain", "target": "/data"}]},
    "volumes-nocopy": {
        "volumes": [{"type": "volume", "source": "plain", "target": "/data", "volume": {"nocopy": True}}]
    },
    "volumes-anonymous": {"volumes": [{"type": "volume", "target": "/anon"}]},
    "volumes-bind": {
        "volumes": [
            {
                "type": "bind",
                "source": "/etc",
                "target": "/h",
                "read_only": True,
                "bind": {"create_host_path": True},
            }
        ]
    },
}
# Written in a short form that reaches us as something else, or equal to the plain service by meaning.
NOT_A_BODY = {
    "base",
    "environment-list",
    "labels-list",
    "sysctls-list",
    "extra_hosts-map",
    "volumes-disguise",
    "volumes-bind-options",
    "volumes-long-bare",
    "restart-deploy-none",
    "platform",
    "networks-list",
    "networks-priority",
    "networks-addresses",
    "mac_address-network",
    "mac_address-second",
    "mac_address",
    "links",
    "init-off",
    "cgroup_parent",
}


def _body(case: str) -> dict:
    text = {**CASES, **NEWER_CASES}[case]
    return LONG.get(case) or yaml.safe_load(text if text.startswith("{") else f"{{{text}}}")


BODIES = {case: _body(case) for case in [*CASES, *NEWER_CASES] if case not in NOT_A_BODY}


def app(**compose) -> App:
    made = app_with(KEY, networks=("front",))
    service = made.services[0]
    service = replace(
        service, compose={**service.compose, **compose}, container_name=compose.get("container_name")
    )
    return replace(made, services=(service,), volumes=(Volume(key="plain", name="shop_plain"),))


def hashed(made: App, salt="salt") -> str:
    return spec_hash(made, made.services[0], salt=salt)


def with_service(made: App, **changes) -> App:
    return replace(made, services=(replace(made.services[0], **changes),))


@pytest.mark.parametrize("case", BODIES)
def test_every_key_of_the_payload_counts(case: str) -> None:
    assert hashed(app(**BODIES[case])) != hashed(app())


def test_no_two_different_bodies_share_a_hash() -> None:
    payloads = {json.dumps(body, sort_keys=True) for body in BODIES.values()}
    # stop_grace_period of zero and absent, and the two ways to disable a check, are the only equals there may be.
    assert len({hashed(app(**body)) for body in BODIES.values()}) >= len(payloads) - 2


@pytest.mark.parametrize("case", BODIES)
def test_the_order_of_keys_does_not_count(case: str) -> None:
    body = BODIES[case]
    assert hashed(app(**_reversed(body))) == hashed(app(**body))


def _reversed(value):
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return value


@pytest.mark.parametrize(
    "changes",
    [
        {"replicas": 7},
        {"update": UpdatePolicy(parallelism=3, order=Order.STOP_FIRST)},
        {"placement": Placement(hosts=("edge-1",))},
        {"depends_on": (Dependency(service="db"),)},
        {"stateful": True},
    ],
)
def test_what_only_the_controller_sees_does_not_count(changes: dict) -> None:
    assert hashed(with_service(app(), **changes)) == hashed(app())


@pytest.mark.parametrize(
    "body",
    [
        {"depends_on": {"db": {"condition": "service_started"}}},
        {"pull_policy": "always"},
        {"deploy": {"replicas": 3, "update_config": {"parallelism": 2}, "placement": {}}},
        {"scale": 3},
        {"profiles": ["debug"]},
        {"build": {"context": "."}},
        {"develop": {"watch": []}},
        {"x-note": "hello"},
    ],
)
def test_keys_that_never_reach_an_engine_do_not_count(body: dict) -> None:
    assert hashed(app(**body)) == hashed(app())


def test_the_app_as_a_whole_does_not_count() -> None:
    changed = replace(app(), digest="e" * 64, path="moved/compose.yaml", rollout=RolloutPolicy(canary=1))
    assert hashed(changed) == hashed(app())


def test_the_image_counts_as_it_is_written() -> None:
    other = with_service(app(), image="stub:2")
    assert hashed(other) != hashed(app())


def test_the_name_of_a_network_counts() -> None:
    renamed = replace(app(), networks=(Network(key="front", name="other_front"),))
    assert hashed(renamed) != hashed(app())


def test_the_definition_of_a_network_does_not_count() -> None:
    internal = Network(key="front", name="shop_front", compose={"internal": True})
    assert hashed(replace(app(), networks=(internal,))) == hashed(app())


def files(content=b"x", **changes):
    return file_set(content=content, **changes)


def with_files(*mounts) -> App:
    return with_service(app(), files=tuple(mounts))


@pytest.mark.parametrize("secret", [True, False])
def test_the_content_of_a_file_counts(*, secret: bool) -> None:
    one, two = files(b"one", secret=secret), files(b"two", secret=secret)
    assert hashed(with_files(one)) != hashed(with_files(two))


@pytest.mark.parametrize("changes", [{"mode": 0o600}, {"uid": 7}, {"gid": 7}, {"path": "conf/b.txt"}])
def test_paths_modes_and_owners_of_files_count(changes: dict) -> None:
    before = files()
    entry = replace(before.entries[0], **changes)
    assert hashed(with_files(replace(before, entries=(entry,)))) != hashed(with_files(before))


def test_the_order_of_files_does_not_count() -> None:
    a = FileEntry(path="a", mode=0o644, content=Sensitive(b"a"))
    b = FileEntry(path="b", mode=0o644, content=Sensitive(b"b"))
    mount = files()
    there = with_files(replace(mount, entries=(a, b), target="/1"), replace(mount, target="/2"))
    back = with_files(replace(mount, target="/2"), replace(mount, entries=(b, a), target="/1"))
    assert hashed(there) == hashed(back)


def test_the_files_of_a_bind_that_follows_git_count() -> None:
    one, two = (files(content, writable_path="data") for content in (b"one", b"two"))
    assert hashed(with_files(one)) != hashed(with_files(two))


def test_files_that_the_host_keeps_for_good_do_not_count() -> None:
    one, two = (files(content, writable_path="data") for content in (b"one", b"two"))
    kept = [replace(with_files(each), files=FilesPolicy.HOST) for each in (one, two)]
    assert hashed(kept[0]) == hashed(kept[1])


def test_what_version_1_made_is_compared_without_the_files_of_writable_binds() -> None:
    def first(files):
        made = with_files(files)
        payload = canonical_payload(made, made.services[0])
        return older_hashes(payload, made, made.services[0], salt="salt")["1"]

    assert first(files(b"one", writable_path="data")) == first(files(b"two", writable_path="data"))
    assert first(files(b"one")) != first(files(b"two"))


def test_the_path_of_a_data_directory_counts() -> None:
    one, two = (files(writable_path=path) for path in ("data", "other"))
    assert hashed(with_files(one)) != hashed(with_files(two))


def test_a_secret_counts_keyed_so_that_nobody_can_guess_it_from_the_hash() -> None:
    secret, config = files(secret=True), files(secret=False)
    assert hashed(with_files(secret), salt="a") != hashed(with_files(secret), salt="b")
    assert hashed(with_files(config), salt="a") == hashed(with_files(config), salt="b")
    assert contents_digest(secret, "a") != contents_digest(config, "a")


def test_two_slots_have_one_hash() -> None:
    assert intent(app(), slot=1).spec_hash == intent(app(), slot=2).spec_hash


def test_another_process_finds_the_same_hash() -> None:
    script = (
        "from contract.making import app_with; from gitops_orch.model.app import AppKey;"
        "from gitops_orch.engine.payload.spec_hash import spec_hash;"
        "a = app_with(AppKey(namespace='default', name='shop'), networks=('front',), environment={'A': '1', 'B': '2'});"
        "print(spec_hash(a, a.services[0], salt='salt'))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
    ).stdout.strip()
    assert printed == hashed(app(environment={"B": "2", "A": "1"}))


def test_version_1_of_the_hash_stays_what_it_is() -> None:
    """A release that changes this value recreates every fleet: give the new function a new version instead."""
    body = {
        "environment": {"A": "1"},
        "restart": "always",
        "deploy": {"resources": {"limits": {"memory": "64m"}}},
    }
    assert hashed(app(**body)) == "d68b0d84655ae06d1317b327e4c322b4d9169a132a9d7aa7f5cf373803f0b58e"
