"""The keys below those of a service: of its build, deployment, health check, mounts, ports and the like."""

from gitops_orch.manifest.keys import list_entry_keys, merge_rules, short_forms
from gitops_orch.manifest.keys.forms import DECIMAL, FLAG, MAYBE_TEXT, TEXT, TEXTS, WHOLE, Form, each
from gitops_orch.manifest.keys.key import Key, Keys, readers, section
from gitops_orch.manifest.keys.readers import (
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
    real32,
    size,
    strictly_counted,
    struct,
    text,
    texts,
    uint,
    ulimit,
    with_defaults,
)
from gitops_orch.manifest.keys.service_readers import attestation, generic_resource, ssh, throttle

FILE_REFERENCE: Keys = {
    "source": Key(text),
    "target": Key(text),
    "uid": Key(text),
    "gid": Key(text),
    "mode": Key(uint(32, optional=True), form=WHOLE),
}
ULIMITS = members(ulimit)
DEVICE_REQUESTS = entries(
    struct(
        {
            "capabilities": texts,
            "driver": text,
            "count": device_count,
            "device_ids": texts,
            "options": key_values,
        }
    )
)
_HOOK: dict[str, Reader] = {
    "command": command,
    "user": text,
    "privileged": flag,
    "working_dir": text,
    "environment": environment,
}
HOOK = with_defaults(struct(_HOOK), {"command": None})
PRE_START = with_defaults(struct({**_HOOK, "image": text, "per_replica": optional_flag}), {"command": None})
_LABELS = Key(key_values, merge=merge_rules.as_sequence, index=list_entry_keys.before_equals, form=TEXTS)
_ROLLOUT: Keys = {
    "parallelism": Key(counted(2**64 - 1, optional=True), form=WHOLE),
    "delay": Key(duration),
    "failure_action": Key(text),
    "monitor": Key(duration),
    "max_failure_ratio": Key(real32, form=DECIMAL),
    "order": Key(text),
}
_RESOURCE = struct(
    {
        "cpus": real32,
        "memory": size,
        "pids": integer,
        "devices": DEVICE_REQUESTS,
        "generic_resources": entries(generic_resource),
    }
)
DEPLOY: Keys = {
    "mode": Key(text),
    "replicas": Key(optional_integer, form=WHOLE),
    "labels": _LABELS,
    "update_config": section(_ROLLOUT),
    "rollback_config": section(_ROLLOUT),
    "resources": Key(struct({"limits": _RESOURCE, "reservations": _RESOURCE})),
    "restart_policy": section(
        {
            "condition": Key(text),
            "delay": Key(optional_duration),
            "max_attempts": Key(counted(2**64 - 1, optional=True), form=WHOLE),
            "window": Key(optional_duration),
        }
    ),
    "placement": section(
        {
            "constraints": Key(texts),
            "preferences": Key(entries(struct({"spread": text}))),
            "max_replicas_per_node": Key(uint(64), form=WHOLE),
        }
    ),
    "endpoint_mode": Key(text),
}
BUILD: Keys = {
    "context": Key(text, form=MAYBE_TEXT),
    "dockerfile": Key(text),
    "dockerfile_inline": Key(text),
    "entitlements": Key(texts),
    "args": Key(environment, merge=merge_rules.as_sequence, index=list_entry_keys.before_equals, form=TEXTS),
    "ssh": Key(ssh, expand=short_forms.ssh, form=Form((dict, list), items=TEXT)),
    "labels": _LABELS,
    "cache_from": Key(texts),
    "cache_to": Key(texts),
    "no_cache": Key(flag),
    "no_cache_filter": Key(texts),
    "provenance": Key(attestation),
    "sbom": Key(attestation),
    "additional_contexts": Key(
        key_values,
        expand=short_forms.key_values,
        merge=merge_rules.as_sequence,
        index=list_entry_keys.before_equals,
        form=each(TEXT, dict, list),
    ),
    "pull": Key(flag),
    "extra_hosts": Key(extra_hosts, merge=merge_rules.extra_hosts),
    "isolation": Key(text),
    "network": Key(text),
    "target": Key(text),
    "secrets": Key(
        entries(struct(readers(FILE_REFERENCE))),
        expand=short_forms.each(short_forms.source),
        form=each(Form((str, dict))),
    ),
    "shm_size": Key(size),
    "tags": Key(texts, index=list_entry_keys.before_equals, form=TEXTS),
    "ulimits": Key(ULIMITS, expand=short_forms.ulimits, form=each(Form((int, dict)))),
    "platforms": Key(texts),
    "privileged": Key(flag),
}
_DEVICE_LIMITS = entries(throttle("rate", size, "0"))
BLKIO: Keys = {
    "weight": Key(strictly_counted(2**16 - 1)),
    "weight_device": Key(entries(throttle("weight", strictly_counted(2**16 - 1), 0))),
    "device_read_bps": Key(_DEVICE_LIMITS),
    "device_read_iops": Key(_DEVICE_LIMITS),
    "device_write_bps": Key(_DEVICE_LIMITS),
    "device_write_iops": Key(_DEVICE_LIMITS),
}
HEALTHCHECK: Keys = {
    "test": Key(health_test, merge=merge_rules.replace),
    "timeout": Key(optional_duration),
    "interval": Key(optional_duration),
    "retries": Key(counted(2**64 - 1, optional=True), form=WHOLE),
    "start_period": Key(optional_duration),
    "start_interval": Key(optional_duration),
    "disable": Key(flag, form=FLAG),
}
VOLUME: Keys = {
    "type": Key(text),
    "source": Key(text),
    "target": Key(text, form=TEXT),
    "read_only": Key(flag, form=FLAG),
    "consistency": Key(text),
    "bind": Key(struct({"selinux": text, "propagation": text, "create_host_path": flag, "recursive": text})),
    "volume": section({"nocopy": Key(flag, form=FLAG), "subpath": Key(text), "labels": Key(key_values)}),
    "image": Key(struct({"subpath": text})),
    "tmpfs": Key(struct({"size": size, "mode": strictly_counted(2**32 - 1)})),
}
DEVICE: Keys = {"source": Key(text), "target": Key(text, form=TEXT), "permissions": Key(text)}
PORT: Keys = {
    "name": Key(text),
    "mode": Key(text),
    "host_ip": Key(text),
    "target": Key(uint(32), form=WHOLE),
    "published": Key(text),
    "protocol": Key(text),
    "app_protocol": Key(text),
}
ATTACHMENT: Keys = {
    "priority": Key(integer),
    "gw_priority": Key(integer),
    "interface_name": Key(text),
    "aliases": Key(texts, index=list_entry_keys.before_equals, form=TEXTS),
    "ipv4_address": Key(text),
    "ipv6_address": Key(text),
    "link_local_ips": Key(texts, index=list_entry_keys.before_equals, form=TEXTS),
    "mac_address": Key(text),
    "driver_opts": Key(options),
}
WATCH = with_defaults(
    struct(
        {
            "path": text,
            "action": text,
            "target": text,
            "exec": HOOK,
            "ignore": texts,
            "include": texts,
            "initial_sync": flag,
        }
    ),
    {"path": "", "action": "", "exec": {"command": None}},
)
