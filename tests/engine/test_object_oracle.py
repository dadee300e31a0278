"""Networks and volumes that we create, inspected, are those that `docker compose create` makes, inspected."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine.compose_world import app_of, compose, resolved
from engine.inspection import differences
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.host import Host

NETWORKS = {
    "plain": {},
    "internal": {"internal": True, "attachable": True, "labels": {"tier": "back"}},
    "options": {
        "driver": "bridge",
        "driver_opts": {"com.docker.network.bridge.name": "orc7", "com.docker.network.driver.mtu": "1400"},
    },
    "addresses": {
        "ipam": {
            "driver": "default",
            "config": [
                {
                    "subnet": "10.213.9.0/24",
                    "ip_range": "10.213.9.128/25",
                    "gateway": "10.213.9.1",
                    "aux_addresses": {"printer": "10.213.9.9"},
                }
            ],
        }
    },
    "six": {
        "enable_ipv6": True,
        "ipam": {"config": [{"subnet": "10.213.8.0/24"}, {"subnet": "fd00:213::/64"}]},
    },
    "named": {"name": "orc-own-name"},
}
VOLUMES = {
    "plain": {},
    "labelled": {"labels": {"keep": "yes"}},
    "options": {"driver": "local", "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}},
    "named": {"name": "orc-own-volume"},
}
FILE = {
    "name": "orc",
    "services": {
        "web": {
            "image": "stub:1",
            "networks": list(NETWORKS),
            "volumes": [f"{key}:/{key}" for key in VOLUMES],
        }
    },
    "networks": NETWORKS,
    "volumes": VOLUMES,
}
OURS = ("gitops-orch.", "com.docker.compose.")
DROPPED = {"Id", "Created", "CreatedAt", "Containers"}


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    labels = {key: text for key, text in (row["Labels"] or {}).items() if not key.startswith(OURS)}
    kept = {key: value or None for key, value in row.items() if key not in DROPPED}
    if row["Name"] != "orc_addresses" and row["Name"] != "orc_six":
        kept.pop("IPAM", None)  # the Engine gives the next free subnet
    return {**kept, "Labels": labels}


def _seen(host: LabHost) -> dict[str, dict[str, Any]]:
    with host.client() as client:
        networks = [client.inspect_network(row["Id"]) for row in client.networks()]
        volumes = [client.inspect_volume(row["Name"]) for row in client.volumes()["Volumes"] or []]
    found = {f"network {row['Name']}": row for row in networks if row["Name"].startswith("orc")}
    found |= {f"volume {row['Name']}": row for row in volumes if row["Name"].startswith("orc")}
    return {name: _comparable(row) for name, row in found.items()}


@pytest.fixture(params=["_engine", "_engine26"])
def host(request: pytest.FixtureRequest) -> Iterator[LabHost]:
    found: LabHost = request.getfixturevalue(request.param)
    yield found
    found.restore()


def test_networks_and_volumes_equal_those_that_compose_makes(
    host: LabHost, compose_oracle: Path, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(json.dumps(FILE))
    compose(compose_oracle, host.unix, tmp_path, "create")
    theirs = _seen(host)
    app = app_of(resolved(compose_oracle, host.unix, tmp_path))
    compose(compose_oracle, host.unix, tmp_path, "down", "--volumes")
    engine = connect(Host(name="h1", url=host.unix), EngineSettings())
    for network in app.networks:
        engine.create_network(app.key, network)
    for volume in app.volumes:
        engine.create_volume(app.key, volume)
    engine.close()
    assert len(theirs) == len(NETWORKS) + len(VOLUMES)
    assert differences(_seen(host), theirs) == []
