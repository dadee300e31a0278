"""Saves a world in a JSON file, so that the next process finds the same `sim://` hosts."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from gitops_orch.engine.simulated.create import owner_of
from gitops_orch.engine.simulated.images import behaviour_from
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import (
    Outage,
    OutageKind,
    SimulatedHost,
    SimulatedImage,
    SimulatedNetwork,
    SimulatedVolume,
)
from gitops_orch.errors import SettingsError
from gitops_orch.model.observed import EndedBy, Health, ObservedMount, State

FORMAT = 1
PLAIN = ("name", "engine_id", "engine_version", "api_version", "root_dir", "now", "serial")


def save_world(world: SimulatedHost, path: Path) -> None:
    """Write the world; after a crash the former file is still complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(to_json(world), default=_text, indent=1), encoding="utf-8")
    beside.replace(path)


def load_world(path: Path, *, instance: str) -> SimulatedHost | None:
    """Read a saved world; None if there is no file, SettingsError if the file is invalid."""
    if not path.exists():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["format"] != FORMAT:
            raise SettingsError(f"{path}: format {row['format']} is not {FORMAT}", hint="delete the file")
        return from_json(row, instance=instance)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{path}: cannot be read as a simulated host: {error!r}", hint="delete the file"
        ) from error


def to_json(world: SimulatedHost) -> dict[str, object]:
    """Return the world as JSON values, without events."""
    return {
        "format": FORMAT,
        **{key: getattr(world, key) for key in PLAIN},
        "containers": [_container_row(each) for each in world.containers.values()],
        "networks": [asdict(each) for each in world.networks.values()],
        "volumes": [asdict(each) for each in world.volumes.values()],
        "images": [asdict(each) for each in world.images.values()],
        "directories": sorted(world.directories),
        "files": world.files,
        "file_records": world.file_records,
        "host_ports": sorted(world.host_ports),
        "trouble": asdict(world.trouble) if world.trouble else None,
    }


def from_json(row: Mapping[str, Any], *, instance: str) -> SimulatedHost:
    """Return the world from the values of `to_json`."""
    containers = [_container(each, instance) for each in row["containers"]]
    trouble = row["trouble"]
    images = [
        SimulatedImage(**{**each, "behaviour": behaviour_from(each["behaviour"])}) for each in row["images"]
    ]
    return SimulatedHost(
        **{key: row[key] for key in PLAIN},
        containers={each.id: each for each in containers},
        networks={each["name"]: SimulatedNetwork(**each) for each in row["networks"]},
        volumes={each["name"]: SimulatedVolume(**each) for each in row["volumes"]},
        images={each.id: each for each in images},
        directories=set(row["directories"]),
        files=dict(row.get("files", {})),
        file_records=dict(row.get("file_records", {})),
        host_ports={_port(each) for each in row["host_ports"]},
        trouble=Outage(**{**trouble, "reach": OutageKind(trouble["reach"])}) if trouble else None,
    )


def _container_row(container: SimulatedContainer) -> dict[str, object]:
    row = asdict(container)
    del row["owner"]
    return row


def _container(row: Mapping[str, Any], instance: str) -> SimulatedContainer:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    values["behaviour"] = behaviour_from(row["behaviour"])
    values["networks"] = {name: tuple(aliases) for name, aliases in row["networks"].items()}
    for key in ("addresses", "held"):
        values[key] = {name: tuple(found) for name, found in row.get(key, {}).items()}
    values["mounts"] = tuple(ObservedMount(**each) for each in row["mounts"])
    values["visible"] = tuple((path, tuple(members)) for path, members in row.get("visible", ()))
    values["ports"] = tuple(_port(each) for each in row["ports"])
    values["state"] = State(row["state"])
    values["health"] = Health(row["health"])
    values["ended_by"] = EndedBy(row.get("ended_by", EndedBy.UNKNOWN.value))
    values["owner"] = owner_of(row["labels"], values["behaviour"], instance)
    return SimulatedContainer(**values)


def _port(row: list[Any]) -> tuple[str, int, str]:
    address, number, protocol = row
    return (str(address), int(number), str(protocol))


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    raise TypeError(f"not a JSON value: {value!r}")
