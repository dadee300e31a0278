"""Two containers side by side: what an inspection says, minus what no two containers share."""

import re
from collections.abc import Mapping
from typing import Any

OURS = ("gitops-orch.", "com.docker.compose.")
DROPPED = {
    "Id",
    "Created",
    "Name",
    "ResolvConfPath",
    "HostnamePath",
    "HostsPath",
    "LogPath",
    "GraphDriver",
    "State",
}
_HEX = re.compile(r"\b[0-9a-f]{64}\b")


def comparable(row: Mapping[str, Any], services: Mapping[str, str]) -> dict[str, Any]:
    """Return an inspection with ids replaced by what they stand for, and with lists that are sets in order."""
    found = {key: _replaced(value, services) for key, value in row.items() if key not in DROPPED}
    config, host = dict(found["Config"]), dict(found["HostConfig"])
    short = str(row["Id"])[:12]
    if config["Hostname"] == short:
        config["Hostname"] = "<short id>"
    config["Labels"] = {k: v for k, v in config["Labels"].items() if not k.startswith(OURS)}
    config["Env"] = sorted(config["Env"] or [])
    for key in ("Binds", "ExtraHosts"):
        host[key] = sorted(host[key] or [])
    host["Mounts"] = sorted(host.get("Mounts") or [], key=lambda mount: mount["Target"])
    host["Ulimits"] = sorted(host["Ulimits"] or [], key=lambda limit: limit["Name"])
    host["PortBindings"] = {k: sorted(v, key=str) for k, v in (host["PortBindings"] or {}).items()}
    found["Mounts"] = sorted(found["Mounts"], key=lambda mount: mount["Destination"])
    found["NetworkSettings"] = {name: _endpoint(e, short) for name, e in _networks(found).items()}
    return {**found, "Config": config, "HostConfig": host}


def _networks(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found["NetworkSettings"]["Networks"] or {}


def _endpoint(endpoint: Mapping[str, Any], short: str) -> dict[str, Any]:
    aliases = [alias for alias in endpoint.get("Aliases") or [] if alias != short]
    addresses = {k: v for k, v in (endpoint.get("IPAMConfig") or {}).items() if v}
    kept = {k: endpoint.get(k) for k in ("Links", "DriverOpts", "MacAddress", "GwPriority")}
    return {**kept, "Aliases": aliases, "IPAMConfig": addresses}


def _replaced(value: Any, services: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _HEX.sub(lambda match: services.get(match[0], "<id>"), value)
    if isinstance(value, Mapping):
        return {_replaced(key, services): _replaced(item, services) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, services) for item in value]
    return value


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Return every place in which two inspections differ; empty, null and absent say the same, except for a wish."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return [
            line
            for key in sorted({*ours, *theirs})
            for line in differences(ours.get(key), theirs.get(key), f"{path}.{key}")
        ]
    return [] if ours == theirs else [f"{path}: ours {ours!r}, Compose {theirs!r}"]
