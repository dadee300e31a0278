"""Turns an Engine's listings and inspections into values of the model.

The functions are pure and tolerant: an Engine of another version may omit fields, or set them to null.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gitops_orch.engine import labels
from gitops_orch.engine.observe.container_identity import own_labels
from gitops_orch.engine.observe.parse_addresses import addresses_asked_for, addresses_held
from gitops_orch.engine.observe.visible_fields import visible_fields
from gitops_orch.model.observed import (
    AnyContainer,
    Details,
    EndedBy,
    Health,
    HeldPort,
    ObservedContainer,
    ObservedImage,
    ObservedMount,
    ObservedNetwork,
    ObservedVolume,
    State,
    other_limits,
    with_owner,
)

Row = Mapping[str, Any]
Labels = Mapping[str, str]

ENDED_BY = "EndedBy"  # the key under which `exit_cause` adds its result to an inspection
_JOIN = "container:"
_CHECK_CHARS_MAX = 4000
GRACE_DEFAULT_S = 10.0  # the Engine's default, if a container was created without a value
_HEALTH_WORDS = (
    ("(healthy)", Health.HEALTHY),
    ("(unhealthy)", Health.UNHEALTHY),
    ("(health: starting)", Health.STARTING),
)


def listed_container(row: Row, host: str, instance: str, root_dir: str, image_labels: Labels) -> AnyContainer:
    """Return a container as the listing shows it, without details."""
    names = row.get("Names") or [""]
    container_labels = own_labels(row.get("Labels") or {}, image_labels)
    seen = ObservedContainer(
        host=host,
        id=str(row["Id"]),
        name=_own_name(names),
        image=str(row.get("Image") or ""),
        image_id=str(row.get("ImageID") or ""),
        state=_state(row.get("State")),
        health=_listed_health(str(row.get("Status") or "")),
        project=container_labels.get(labels.COMPOSE_PROJECT),
        networks=tuple(sorted(_mapping(_mapping(row.get("NetworkSettings")).get("Networks")))),
        network_ids=_network_ids(_mapping(row.get("NetworkSettings"))),
        volumes=_volume_names(row.get("Mounts") or [], root_dir),
        mounts=_mounts(row.get("Mounts") or []),
        ports=_listed_ports(row.get("Ports") or []),
        addresses=addresses_held(_mapping(row.get("NetworkSettings"))),
        fixed_addresses=addresses_asked_for(_mapping(row.get("NetworkSettings"))),
        created_at=_from_epoch(row.get("Created")),
        labels=container_labels,
    )
    return with_owner(seen, labels.parse_ownership(container_labels, instance))


def _network_ids(settings: Row) -> tuple[str, ...]:
    endpoints = _mapping(settings.get("Networks")).values()
    return tuple(
        sorted({str(identity) for each in endpoints if (identity := _mapping(each).get("NetworkID"))})
    )


def _own_name(names: Iterable[str]) -> str:
    """Return the container's own name; each link adds another name, which has a second slash."""
    stripped = [name.removeprefix("/") for name in names]
    return next((name for name in stripped if "/" not in name), stripped[0] if stripped else "")


def _state(value: object) -> State:
    """Return the state; an unknown word counts as dead, so that it is never taken for running."""
    try:
        return State(str(value))
    except ValueError:
        return State.DEAD


def _listed_health(status: str) -> Health:
    return next((health for word, health in _HEALTH_WORDS if word in status), Health.NONE)


def _volume_names(mounts: Iterable[Row], root_dir: str) -> tuple[str, ...]:
    """Return the names of mounted volumes, also if a bind mounts a single file from the volume's directory."""
    found = set()
    prefix = f"{root_dir.rstrip('/')}/volumes/"
    for mount in mounts:
        source = str(mount.get("Source") or "")
        if mount.get("Type") == "volume" and mount.get("Name"):
            found.add(str(mount["Name"]))
        elif source.startswith(prefix):
            found.add(source[len(prefix) :].split("/", 1)[0])
    return tuple(sorted(found))


def _mounts(mounts: Iterable[Row]) -> tuple[ObservedMount, ...]:
    """Return the mounts, sorted by target; the source of a volume is its name, not its directory on the host."""
    found = [
        ObservedMount(
            kind=str(mount.get("Type") or "bind"),
            source=str(mount.get("Name") or mount.get("Source") or ""),
            target=str(mount.get("Destination") or ""),
            writable=mount.get("RW") is not False,
        )
        for mount in mounts
    ]
    return tuple(sorted(found, key=lambda mount: (mount.target, mount.source)))


def _listed_ports(ports: Iterable[Row]) -> tuple[tuple[str, int, str], ...]:
    return tuple(
        sorted(
            {
                (str(port.get("IP") or ""), int(port["PublicPort"]), str(port.get("Type") or "tcp"))
                for port in ports
                if port.get("PublicPort")
            }
        )
    )


def inspected_container(
    row: Row, host: str, instance: str, root_dir: str, image_labels: Labels
) -> AnyContainer:
    """Return a container as an inspection shows it, with details."""
    config = _mapping(row.get("Config"))
    container_labels = own_labels(config.get("Labels") or {}, image_labels)
    settings = _mapping(row.get("NetworkSettings"))
    seen = ObservedContainer(
        host=host,
        id=str(row["Id"]),
        name=str(row.get("Name") or "").removeprefix("/"),
        image=str(config.get("Image") or ""),
        image_id=str(row.get("Image") or ""),
        state=inspected_state(row),
        health=inspected_health(row),
        project=container_labels.get(labels.COMPOSE_PROJECT),
        networks=tuple(sorted(_mapping(settings.get("Networks")))),
        network_ids=_network_ids(settings),
        volumes=_volume_names(row.get("Mounts") or [], root_dir),
        mounts=_mounts(row.get("Mounts") or []),
        ports=_inspected_ports(_mapping(settings.get("Ports"))),
        addresses=addresses_held(settings),
        fixed_addresses=addresses_asked_for(settings),
        created_at=from_text(row.get("Created")),
        details=details(row),
        labels=container_labels,
    )
    return with_owner(seen, labels.parse_ownership(container_labels, instance))


def inspected_state(row: Row) -> State:
    """Return the state in an inspection."""
    return _state(_mapping(row.get("State")).get("Status"))


def inspected_health(row: Row) -> Health:
    """Return the health in an inspection."""
    word = str(_mapping(_mapping(row.get("State")).get("Health")).get("Status") or "none")
    return Health(word) if word in {health.value for health in Health} else Health.NONE


def _inspected_ports(ports: Row) -> tuple[tuple[str, int, str], ...]:
    return tuple(
        sorted(
            {
                (str(binding.get("HostIp") or ""), int(binding["HostPort"]), key.partition("/")[2] or "tcp")
                for key, bindings in ports.items()
                for binding in bindings or []
                if binding.get("HostPort")
            }
        )
    )


def _fixed_ports(bindings: Row) -> tuple[HeldPort, ...]:
    """Return the host ports that a container publishes whenever it runs, without ports that the Engine chooses."""
    rows = [(key, row) for key, rows in bindings.items() for row in rows or [] if isinstance(row, Mapping)]
    return tuple(
        sorted(
            (str(row.get("HostIp") or ""), int(row["HostPort"]), key.partition("/")[2] or "tcp")
            for key, row in rows
            if str(row.get("HostPort") or "").isdigit() and str(row["HostPort"]) != "0"
        )
    )


def details(row: Row) -> Details:
    """Return the values that only an inspection has."""
    config, host, state = (_mapping(row.get(key)) for key in ("Config", "HostConfig", "State"))
    return Details(
        started_at=from_text(state.get("StartedAt")),
        finished_at=from_text(state.get("FinishedAt")),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(row.get("RestartCount") or 0),
        restart_policy=_restart_policy(_mapping(host.get("RestartPolicy"))),
        memory_bytes=int(host.get("Memory") or 0),
        nano_cpus=int(host.get("NanoCpus") or 0),
        pids_limit=max(0, int(host.get("PidsLimit") or 0)),
        other_limits=other_limits(host),
        environment=tuple(config.get("Env") or ()),
        command=_words(config.get("Cmd")),
        entrypoint=_words(config.get("Entrypoint")),
        user=str(config.get("User") or ""),
        binds=tuple(host.get("Binds") or ()),
        ports=_fixed_ports(_mapping(host.get("PortBindings"))),
        joined=_joined(host),
        volumes_from=tuple(str(each).partition(":")[0] for each in host.get("VolumesFrom") or ()),
        visible=visible_fields(config, host),
        grace_s=grace_s(row),
        error=str(state.get("Error") or ""),
        ended_by=row.get(ENDED_BY) or EndedBy.UNKNOWN,
        check_output=_check_output(_mapping(state.get("Health"))),
    )


def grace_s(row: Row) -> float:
    """Return a container's grace period in seconds from an inspection; 10 if it is unset or infinite."""
    seconds = _mapping(row.get("Config")).get("StopTimeout")
    return float(seconds) if isinstance(seconds, int) and seconds >= 0 else GRACE_DEFAULT_S


def _check_output(health: Row) -> str:
    entries = health.get("Log") or []
    last = _mapping(entries[-1]) if entries else {}
    return str(last.get("Output") or "")[-_CHECK_CHARS_MAX:] if last.get("ExitCode") else ""


def _joined(host: Row) -> tuple[str, ...]:
    modes = {str(host.get(key) or "") for key in ("NetworkMode", "IpcMode", "PidMode")}
    return tuple(sorted(mode.removeprefix(_JOIN) for mode in modes if mode.startswith(_JOIN)))


def _words(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(str(word) for word in value)


def _restart_policy(policy: Row) -> str:
    name, attempts = str(policy.get("Name") or "no"), int(policy.get("MaximumRetryCount") or 0)
    return f"{name}:{attempts}" if name == "on-failure" and attempts else name


def listed_network(row: Row, instance: str) -> ObservedNetwork:
    """Return a network as the listing shows it."""
    network_labels = dict(row.get("Labels") or {})
    return ObservedNetwork(
        id=str(row["Id"]),
        name=str(row["Name"]),
        driver=str(row.get("Driver") or ""),
        owner=labels.parse_owner(network_labels, instance),
        labels=network_labels,
    )


def listed_volumes(rows: Iterable[Row], instance: str) -> tuple[ObservedVolume, ...]:
    """Return the volumes; a volume that is still being filled is no file set yet (engine/files/file_sets.py)."""
    volumes = [_listed_volume(row, instance) for row in rows]
    filling = {volume.labels.get(labels.FILLING) for volume in volumes}
    return tuple(_unfinished(volume) if volume.name in filling else volume for volume in volumes)


def _listed_volume(row: Row, instance: str) -> ObservedVolume:
    volume_labels = dict(row.get("Labels") or {})
    owner = labels.parse_owner(volume_labels, instance)
    return ObservedVolume(
        name=str(row["Name"]),
        driver=str(row.get("Driver") or ""),
        owner=owner,
        files=volume_labels.get(labels.FILES) if owner else None,
        creation=str(row.get("CreatedAt") or ""),
        labels=volume_labels,
    )


def _unfinished(volume: ObservedVolume) -> ObservedVolume:
    return ObservedVolume(
        name=volume.name, driver=volume.driver, owner=volume.owner, files=None, labels=volume.labels
    )


def listed_image(row: Row) -> ObservedImage:
    """Return an image as the listing shows it, without the Engine's placeholders for "no tag"."""
    return ObservedImage(
        id=str(row["Id"]),
        tags=tuple(sorted(tag for tag in row.get("RepoTags") or () if "<none>" not in tag)),
        digests=tuple(sorted(digest for digest in row.get("RepoDigests") or () if "<none>" not in digest)),
    )


def _mapping(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


def _from_epoch(value: Any) -> datetime | None:
    return datetime.fromtimestamp(int(value), UTC) if value else None


def from_text(value: Any) -> datetime | None:
    """Parse a time in the Engine's format, to the microsecond; None for the Engine's zero time or an invalid text."""
    written = str(value or "")
    if not written or written.startswith("0001-"):
        return None
    head, dot, rest = written.partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(digits) :] if dot else ""
    try:
        return datetime.fromisoformat(f"{head}.{digits[:6]:0<6}{zone}" if dot else head).astimezone(UTC)
    except ValueError:
        return None
