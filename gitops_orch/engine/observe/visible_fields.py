"""Translates a create payload or an inspection into keys of the Compose file, so that a diff can compare the two.

The same table reads both sides, so that both use the same words. If an image or the daemon may provide the value of a
key, only a declared value can be compared: such a key is omitted if it is empty.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from gitops_orch.planner.diff.compose_words import compose_text

Row: TypeAlias = Mapping[str, Any]
Visible: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]  # (path of a Compose key, its sorted members)
_SECOND_NS = 1_000_000_000
_MILLISECOND_NS = 1_000_000

# Compose's key and the Engine's key. Only the file sets these, so an empty value is compared, too.
_OF_THE_FILE_ALONE = {
    "cap_add": "CapAdd",
    "cap_drop": "CapDrop",
    "device_cgroup_rules": "DeviceCgroupRules",
    "devices": "Devices",
    "dns": "Dns",
    "dns_opt": "DnsOptions",
    "dns_search": "DnsSearch",
    "extra_hosts": "ExtraHosts",
    "group_add": "GroupAdd",
    "ports": "PortBindings",
    "privileged": "Privileged",
    "read_only": "ReadonlyRootfs",
    "storage_opt": "StorageOpt",
    "sysctls": "Sysctls",
}
# If the file does not set these, the daemon or the image does.
_OF_HOST_CONFIG = {
    "cgroup": "CgroupnsMode",
    "cgroup_parent": "CgroupParent",
    "init": "Init",
    "ipc": "IpcMode",
    "oom_score_adj": "OomScoreAdj",
    "pid": "PidMode",
    "runtime": "Runtime",
    "shm_size": "ShmSize",
    "ulimits": "Ulimits",
    "userns_mode": "UsernsMode",
    "uts": "UTSMode",
}
_OF_CONFIG = {
    "domainname": "Domainname",
    "hostname": "Hostname",
    "stdin_open": "OpenStdin",
    "stop_grace_period": "StopTimeout",
    "stop_signal": "StopSignal",
    "tty": "Tty",
    "user": "User",
    "working_dir": "WorkingDir",
}
_OF_HEALTHCHECK = {
    "test": "Test",
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
    "retries": "Retries",
}


def visible_fields(config: Row, host: Row) -> Visible:
    """Return the members of each Compose key, from Config and HostConfig of an inspection or of a create payload."""
    return tuple(sorted(_rows(config, host)))


def _rows(config: Row, host: Row) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, name in _OF_THE_FILE_ALONE.items():
        yield key, _members(key, host.get(name))
    # An Engine itself adds this option to a privileged container.
    added = {"label=disable"} if host.get("Privileged") else set()
    options = [each for each in host.get("SecurityOpt") or () if each not in added]
    logging = host.get("LogConfig") or {}
    check = config.get("Healthcheck") or {}
    declared = [
        *((key, host.get(name)) for key, name in _OF_HOST_CONFIG.items()),
        *((key, config.get(name)) for key, name in _OF_CONFIG.items()),
        *((f"healthcheck.{key}", check.get(name)) for key, name in _OF_HEALTHCHECK.items()),
        *((f"labels.{name}", text) for name, text in (config.get("Labels") or {}).items()),
        ("security_opt", options),
        ("logging.driver", logging.get("Type")),
        *((f"logging.options.{name}", text) for name, text in (logging.get("Config") or {}).items()),
    ]
    for path, value in declared:
        members = _members(path, value)
        if members:
            yield path, members


def _members(path: str, value: object) -> tuple[str, ...]:
    if value is None or value is False or value in ("", 0):
        return ()
    read = _READERS.get(path)
    if read is not None:
        return tuple(sorted(read(value)))
    if isinstance(value, Mapping):
        return tuple(sorted(f"{key}={text}" for key, text in value.items()))
    if isinstance(value, list | tuple):
        return tuple(sorted(map(str, value)))
    return (compose_text(path, value if isinstance(value, bool | int | float) else str(value)) or "",)


def _capabilities(names: Any) -> list[str]:
    return [str(name).upper().removeprefix("CAP_") for name in names]


def _devices(devices: Any) -> list[str]:
    keys = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return [":".join(str(device[key]) for key in keys if device.get(key)) for device in devices]


def _ports(bindings: Any) -> Iterator[str]:
    for target, rows in bindings.items():
        number, _, protocol = str(target).partition("/")
        for row in rows or ():
            host = str(row.get("HostIp") or "")
            places = (f"[{host}]" if ":" in host else host, str(row.get("HostPort") or ""), number)
            text = ":".join(place for place in places if place)
            yield text if protocol in ("", "tcp") else f"{text}/{protocol}"


def _ulimits(limits: Any) -> list[str]:
    return [f"{each.get('Name')}={each.get('Soft')}:{each.get('Hard')}" for each in limits]


def _duration(value: Any) -> list[str]:
    milliseconds = int(value) // _MILLISECOND_NS
    return [f"{milliseconds / 1000:g}s"]


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "cap_add": _capabilities,
    "cap_drop": _capabilities,
    "devices": _devices,
    "ports": _ports,
    "ulimits": _ulimits,
    "healthcheck.test": lambda test: [compose_text("healthcheck.test", list(test))],
    "healthcheck.interval": _duration,
    "healthcheck.timeout": _duration,
    "healthcheck.start_period": _duration,
    "healthcheck.start_interval": _duration,
    "stop_grace_period": lambda value: _duration(int(value) * _SECOND_NS),
}
