"""What an inspection tells of a container's fields is what its payload asked for, in the same words."""

import pytest
from contract.making import app_with, intent

from gitops_orch.engine.observe.visible_fields import visible_fields
from gitops_orch.engine.payload.spec_hash import canonical_payload

FIELDS = {
    "capabilities": {"cap_add": ["SYS_TIME", "NET_ADMIN"], "cap_drop": ["ALL"]},
    "devices": {"devices": [{"source": "/dev/null", "target": "/dev/n", "permissions": "rwm"}]},
    "ports": {
        "network_mode": "bridge",
        "ports": [
            {"target": 80, "published": "18097", "host_ip": "127.0.0.1", "protocol": "tcp"},
            {"target": 53, "published": "18098", "protocol": "udp"},
        ],
    },
    "user": {"user": "1000", "group_add": ["7"], "working_dir": "/tmp", "hostname": "here"},
    "health check": {"healthcheck": {"test": ["CMD", "true"], "interval": "1m30s", "retries": 2}},
    "names": {"dns": ["1.1.1.1"], "dns_search": ["a.example"], "extra_hosts": ["a=1.1.1.1"]},
    "isolation": {"read_only": True, "init": True, "security_opt": ["no-new-privileges:true"]},
    "privileges": {"privileged": True, "security_opt": ["no-new-privileges:true"]},
    "stopping": {"stop_signal": "SIGINT", "stop_grace_period": "1m30s"},
    "kernel": {"sysctls": {"net.ipv4.ip_forward": "1"}, "ulimits": {"nofile": {"soft": 10, "hard": 20}}},
    "logging": {"logging": {"driver": "json-file", "options": {"max-size": "1m"}}, "labels": {"tier": "a"}},
    "nothing": {},
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_an_inspection_tells_each_declared_field_as_its_payload_does(world, key, name):
    app = app_with(key, **FIELDS[name])
    body = canonical_payload(app, app.services[0]).body
    asked = dict(visible_fields(body, body["HostConfig"]))
    told = dict(world.engine.inspect(world.engine.create(intent(app))).details.visible)
    assert {path: told.get(path) for path in asked} == asked
