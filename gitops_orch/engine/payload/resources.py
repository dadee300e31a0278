"""Builds the limits, reservations, devices and restart policy of an Engine's HostConfig from a service."""

from collections.abc import Mapping

from gitops_orch.engine.payload.values import (
    Body,
    bodies,
    decimal,
    integer,
    mapping,
    present,
    size_bytes,
    strings,
    text,
    text_mapping,
)
from gitops_orch.model.app import Json

NANO = 1_000_000_000
_RESTART_NAMES = {"none": "no", "any": "always"}
_JOB_MODES = ("replicated-job", "global-job")
_BLKIO_RATES = {
    "device_read_bps": "BlkioDeviceReadBps",
    "device_write_bps": "BlkioDeviceWriteBps",
    "device_read_iops": "BlkioDeviceReadIOps",
    "device_write_iops": "BlkioDeviceWriteIOps",
}


def resources(service: Body) -> dict[str, object]:
    """Return the resource fields of HostConfig; `deploy.resources` has precedence over older keys, as in Compose."""
    limits, reservations = _deploy(service, "limits"), _deploy(service, "reservations")
    cpus = text(limits.get("cpus")) or text(service.get("cpus"))
    fields: dict[str, object] = {
        "CgroupParent": text(service.get("cgroup_parent")),
        "Memory": size_bytes(limits.get("memory")) or size_bytes(service.get("mem_limit")),
        "MemoryReservation": size_bytes(reservations.get("memory"))
        or size_bytes(service.get("mem_reservation")),
        "MemorySwap": size_bytes(service.get("memswap_limit")),
        "MemorySwappiness": size_bytes(service.get("mem_swappiness")),
        "NanoCpus": round(decimal(cpus) * NANO),
        "PidsLimit": integer(limits.get("pids")) or integer(service.get("pids_limit")),
        "CpuCount": integer(service.get("cpu_count")),
        "CpuPercent": round(decimal(service.get("cpu_percent")) * 100),
        "CpuPeriod": integer(service.get("cpu_period")),
        "CpuQuota": integer(service.get("cpu_quota")),
        "CpuRealtimePeriod": integer(service.get("cpu_rt_period")),
        "CpuRealtimeRuntime": integer(service.get("cpu_rt_runtime")),
        "CpuShares": integer(service.get("cpu_shares")),
        "CpusetCpus": text(service.get("cpuset")),
        "DeviceCgroupRules": strings(service.get("device_cgroup_rules")),
        "Devices": _devices(service),
        "DeviceRequests": _device_requests(service, reservations),
        "Ulimits": _ulimits(service.get("ulimits")),
        **_blkio(mapping(service.get("blkio_config"))),
    }
    # Compose sends this field even if it is false, and an inspection shows the difference.
    return {**present(fields), "OomKillDisable": bool(service.get("oom_kill_disable"))}


def _deploy(service: Body, key: str) -> Body:
    return mapping(mapping(mapping(service.get("deploy")).get("resources")).get(key))


def restart_policy(service: Body) -> dict[str, object]:
    """Return RestartPolicy; `deploy.restart_policy` has precedence over `restart`.

    For a job, `always` means `on-failure`, as in Swarm: a job that is always restarted would never end.
    """
    deploy = mapping(service.get("deploy"))
    deployed, job = deploy.get("restart_policy"), deploy.get("mode") in _JOB_MODES
    if isinstance(deployed, Mapping):
        name = text(deployed.get("condition")) or ("any" if job else "")
        attempts = integer(deployed.get("max_attempts"))
    else:
        name, _, count = text(service.get("restart")).partition(":")
        attempts = int(count) if count.isdigit() else 0
    name = _RESTART_NAMES.get(name, name)
    if job and name in {"always", "unless-stopped"}:
        name = "on-failure"
    return {"Name": name, "MaximumRetryCount": attempts}


def is_cdi(device: Body) -> bool:
    """Return whether a device is a name of the Container Device Interface (`vendor.com/class=name`), not a path."""
    source = text(device.get("source"))
    return not source.startswith("/") and "=" in source


def _devices(service: Body) -> list[dict[str, object]]:
    return [
        {
            "PathOnHost": text(device.get("source")),
            "PathInContainer": text(device.get("target")) or text(device.get("source")),
            "CgroupPermissions": text(device.get("permissions")) or "rwm",
        }
        for device in bodies(service.get("devices"))
        if not is_cdi(device)
    ]


def _device_requests(service: Body, reservations: Body) -> list[dict[str, object]]:
    reserved = [_device_request(device) for device in bodies(reservations.get("devices"))]
    gpus = [_device_request(gpu, extra="gpu") for gpu in bodies(service.get("gpus"))]
    named = [text(device.get("source")) for device in bodies(service.get("devices")) if is_cdi(device)]
    cdi: list[dict[str, object]] = [{"Driver": "cdi", "DeviceIDs": named}] if named else []
    return reserved + gpus + cdi


def _device_request(device: Body, *, extra: str = "") -> dict[str, object]:
    capabilities = strings(device.get("capabilities"))
    if extra and extra not in capabilities:
        capabilities.append(extra)
    count = device.get("count")
    return {
        "Driver": text(device.get("driver")),
        "Count": -1 if text(count) == "all" else integer(count),
        "DeviceIDs": strings(device.get("device_ids")) or None,
        "Capabilities": [capabilities],
        "Options": text_mapping(device.get("options")) or None,
    }


def _ulimits(value: Json) -> list[dict[str, object]]:
    return [_ulimit(name, limit) for name, limit in sorted(mapping(value).items())]


def _ulimit(name: str, limit: Json) -> dict[str, object]:
    if isinstance(limit, Mapping):
        return {"Name": name, "Soft": integer(limit.get("soft")), "Hard": integer(limit.get("hard"))}
    return {"Name": name, "Soft": integer(limit), "Hard": integer(limit)}


def _blkio(config: Body) -> dict[str, object]:
    weights = [
        {"Path": text(_either(device, "path")), "Weight": integer(_either(device, "weight"))}
        for device in bodies(config.get("weight_device"))
    ]
    rates: dict[str, object] = {
        field: [
            {"Path": text(_either(device, "path")), "Rate": size_bytes(_either(device, "rate"))}
            for device in bodies(config.get(key))
        ]
        for key, field in _BLKIO_RATES.items()
    }
    return {"BlkioWeight": integer(config.get("weight")), "BlkioWeightDevice": weights, **rates}


def _either(device: Body, key: str) -> Json:
    """Read a key that Compose prints with a capital letter here, and nowhere else."""
    return device.get(key, device.get(key.capitalize()))
