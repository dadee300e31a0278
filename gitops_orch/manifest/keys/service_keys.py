"""The keys of a service, and how each is read (Compose specification, services)."""

from typing import Any

from gitops_orch.manifest.keys.readers import (
    OMIT,
    Reader,
    command,
    counted,
    device_count,
    duration,
    entries,
    environment,
    extra_hosts,
    flag,
    health_test,
    integer,
    key_values,
    members,
    optional_duration,
    optional_flag,
    optional_integer,
    options,
    ranged,
    real32,
    size,
    strictly_counted,
    struct,
    text,
    text_or_empty,
    texts,
    uint,
    ulimit,
    with_defaults,
)
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.syntax.yaml_scalars import INTEGER_MAX
from gitops_orch.model.rules.pull_policy import parse_pull_policy

_PULL_POLICIES = "always, never, missing, if_not_present, build, daily, weekly"


def _throttle(rate: str, reader: Reader, zero: Any) -> Reader:
    fields = struct({"path": text, rate: reader})

    def read(value: Any, report: Report) -> Any:
        found = fields(value, report)
        return {"Path": found.get("path", ""), rate.capitalize(): found.get(rate, zero)}

    return read


def _generic_resource(value: Any, report: Report) -> Any:
    spec = value.get("discrete_resource_spec")
    if spec is None:
        return {}
    read = struct({"kind": text, "value": integer})(spec, report)
    return {"discrete_resource_spec": {"kind": read.get("kind", ""), "value": read.get("value", 0)}}


def _ssh(value: Any, report: Report) -> Any:
    # Compose prints a key with a path as text that is not JSON, and so refuses the whole file.
    for name, path in value.items():
        if path not in (None, ""):
            report.error("Compose cannot print an ssh key with a path; write default only", name)
    return list(value) or OMIT


def _attestation(value: Any, report: Report) -> Any:
    return text("true" if value is True else "false" if value is False else value, report)


def _pull_policy(value: Any, report: Report) -> Any:
    read = text(value, report)
    if not value or parse_pull_policy(str(read)) is None:
        report.error(
            f"must be one of {_PULL_POLICIES}, or every_<duration> such as every_12h, is {describe(value)}"
        )
        return OMIT
    return read


def _edge(value: Any, report: Report) -> Any:
    read = struct({"condition": text, "restart": flag, "required": optional_flag})(value, report)
    return {"required": False, **read}


_LIMITS = members(ulimit)
_THROTTLES = entries(_throttle("rate", size, "0"))
_FILE_REFERENCE = struct(
    {"source": text, "target": text, "uid": text, "gid": text, "mode": uint(32, optional=True)}
)
_DEVICE_REQUEST = struct(
    {
        "capabilities": texts,
        "driver": text,
        "count": device_count,
        "device_ids": texts,
        "options": key_values,
    }
)
_HOOK_FIELDS: dict[str, Reader] = {
    "command": command,
    "user": text,
    "privileged": flag,
    "working_dir": text,
    "environment": environment,
}
_HOOK = with_defaults(struct(_HOOK_FIELDS), {"command": None})
_PRE_START = with_defaults(
    struct({**_HOOK_FIELDS, "image": text, "per_replica": optional_flag}), {"command": None}
)
_ROLLOUT = struct(
    {
        "parallelism": counted(2**64 - 1, optional=True),
        "delay": duration,
        "failure_action": text,
        "monitor": duration,
        "max_failure_ratio": real32,
        "order": text,
    }
)
_RESOURCE = struct(
    {
        "cpus": real32,
        "memory": size,
        "pids": integer,
        "devices": entries(_DEVICE_REQUEST),
        "generic_resources": entries(_generic_resource),
    }
)
_DEPLOY = with_defaults(
    struct(
        {
            "mode": text,
            "replicas": optional_integer,
            "labels": key_values,
            "update_config": _ROLLOUT,
            "rollback_config": _ROLLOUT,
            "resources": struct({"limits": _RESOURCE, "reservations": _RESOURCE}),
            "restart_policy": struct(
                {
                    "condition": text,
                    "delay": optional_duration,
                    "max_attempts": counted(2**64 - 1, optional=True),
                    "window": optional_duration,
                }
            ),
            "placement": struct(
                {
                    "constraints": texts,
                    "preferences": entries(struct({"spread": text})),
                    "max_replicas_per_node": uint(64),
                }
            ),
            "endpoint_mode": text,
        }
    ),
    {"resources": {}, "placement": {}},
)
_BUILD = struct(
    {
        "context": text,
        "dockerfile": text,
        "dockerfile_inline": text,
        "entitlements": texts,
        "args": environment,
        "ssh": _ssh,
        "labels": key_values,
        "cache_from": texts,
        "cache_to": texts,
        "no_cache": flag,
        "no_cache_filter": texts,
        "provenance": _attestation,
        "sbom": _attestation,
        "additional_contexts": key_values,
        "pull": flag,
        "extra_hosts": extra_hosts,
        "isolation": text,
        "network": text,
        "target": text,
        "secrets": entries(_FILE_REFERENCE),
        "shm_size": size,
        "tags": texts,
        "ulimits": _LIMITS,
        "platforms": texts,
        "privileged": flag,
    }
)
_VOLUME = struct(
    {
        "type": text,
        "source": text,
        "target": text,
        "read_only": flag,
        "consistency": text,
        "bind": struct({"selinux": text, "propagation": text, "create_host_path": flag, "recursive": text}),
        "volume": struct({"nocopy": flag, "subpath": text, "labels": key_values}),
        "image": struct({"subpath": text}),
        "tmpfs": struct({"size": size, "mode": strictly_counted(2**32 - 1)}),
    }
)
_PORT = struct(
    {
        "name": text,
        "mode": text,
        "host_ip": text,
        "target": uint(32),
        "published": text,
        "protocol": text,
        "app_protocol": text,
    }
)
_NETWORK = struct(
    {
        "priority": integer,
        "gw_priority": integer,
        "interface_name": text,
        "aliases": texts,
        "ipv4_address": text,
        "ipv6_address": text,
        "link_local_ips": texts,
        "mac_address": text,
        "driver_opts": options,
    }
)


def _networks(value: Any, report: Report) -> Any:
    for name in value:
        if name.startswith("x-"):
            report.error("Compose takes a network that begins with x- for an extension; rename it", name)
    read = members(lambda each, _report: each if each is None else _NETWORK(each, _report))
    return read(value, report)


_TRIGGER = with_defaults(
    struct(
        {
            "path": text,
            "action": text,
            "target": text,
            "exec": _HOOK,
            "ignore": texts,
            "include": texts,
            "initial_sync": flag,
        }
    ),
    {"path": "", "action": "", "exec": {"command": None}},
)

SERVICE_FIELDS: dict[str, Reader] = {
    "profiles": texts,
    "annotations": key_values,
    "attach": optional_flag,
    "build": _BUILD,
    "develop": struct({"watch": entries(_TRIGGER)}),
    "blkio_config": struct(
        {
            "weight": strictly_counted(2**16 - 1),
            "weight_device": entries(_throttle("weight", strictly_counted(2**16 - 1), 0)),
            "device_read_bps": _THROTTLES,
            "device_read_iops": _THROTTLES,
            "device_write_bps": _THROTTLES,
            "device_write_iops": _THROTTLES,
        }
    ),
    "cap_add": texts,
    "cap_drop": texts,
    "cgroup": text,
    "cgroup_parent": text,
    "command": command,
    "configs": entries(_FILE_REFERENCE),
    "container_name": text,
    "cpu_count": ranged(0, INTEGER_MAX),
    "cpu_percent": ranged(0, 100),
    "cpu_period": integer,
    "cpu_quota": integer,
    "cpu_rt_period": integer,
    "cpu_rt_runtime": integer,
    "cpus": real32,
    "cpuset": text,
    "cpu_shares": integer,
    "credential_spec": struct({"config": text, "file": text, "registry": text}),
    "depends_on": members(_edge),
    "deploy": _DEPLOY,
    "device_cgroup_rules": texts,
    "devices": entries(struct({"source": text, "target": text, "permissions": text})),
    "dns": texts,
    "dns_opt": texts,
    "dns_search": texts,
    "domainname": text,
    "entrypoint": command,
    "environment": environment,
    "expose": texts,
    "external_links": texts,
    "extra_hosts": extra_hosts,
    "gpus": entries(_DEVICE_REQUEST),
    "group_add": texts,
    "healthcheck": struct(
        {
            "test": health_test,
            "timeout": optional_duration,
            "interval": optional_duration,
            "retries": counted(2**64 - 1, optional=True),
            "start_period": optional_duration,
            "start_interval": optional_duration,
            "disable": flag,
        }
    ),
    "hostname": text,
    "image": text,
    "init": optional_flag,
    "ipc": text,
    "isolation": text,
    "labels": key_values,
    "links": texts,
    "logging": struct({"driver": text, "options": options}),
    "mac_address": text,
    "mem_limit": size,
    "mem_reservation": size,
    "mem_swappiness": size,
    "memswap_limit": size,
    "network_mode": text,
    "networks": _networks,
    "oom_kill_disable": flag,
    "oom_score_adj": ranged(-1000, 1000),
    "pid": text,
    "pids_limit": integer,
    "platform": text,
    "ports": entries(_PORT),
    "post_start": entries(_HOOK),
    "pre_start": entries(_PRE_START),
    "pre_stop": entries(_HOOK),
    "privileged": flag,
    "pull_policy": _pull_policy,
    "read_only": flag,
    "restart": text,
    "runtime": text,
    "scale": optional_integer,
    "secrets": entries(_FILE_REFERENCE),
    "security_opt": texts,
    "shm_size": size,
    "stdin_open": flag,
    "stop_grace_period": optional_duration,
    "stop_signal": text,
    "storage_opt": members(text_or_empty),
    "sysctls": key_values,
    "tmpfs": texts,
    "tty": flag,
    "ulimits": _LIMITS,
    "user": text,
    "userns_mode": text,
    "uts": text,
    "volumes": entries(_VOLUME),
    "volumes_from": texts,
    "working_dir": text,
}
