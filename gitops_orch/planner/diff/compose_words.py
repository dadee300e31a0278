"""Writes a value of a resolved Compose file as a person writes it: short forms, `512m`, `30s`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from gitops_orch.model.app import Json
from gitops_orch.model.sensitive.shown_command import shown_command

Body: TypeAlias = Mapping[str, Json]
_UNITS = ((2**30, "g"), (2**20, "m"), (2**10, "k"))
_SIZES = frozenset(
    {"memory", "mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "shm_size", "size", "rate"}
)
_COMMANDS = frozenset({"command", "entrypoint"})


def compose_text(path: str, value: Json) -> str | None:
    """Return a value at a path such as `deploy.resources.limits.memory` as text; None if there is no value."""
    key = path.rpartition(".")[2].casefold()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if key in _SIZES:
        return _size(str(value))
    if key == "mode" and isinstance(value, int):
        return f"0{value:o}"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _mapping(path, value)
    if isinstance(value, Sequence):
        return _sequence(path, key, value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(text: str) -> str:
    """Return bytes in the largest unit that divides them; any text that is not a number is returned as it is."""
    if not text.isdecimal():
        return text
    size_bytes = int(text)
    found = (f"{size_bytes // unit}{name}" for unit, name in _UNITS if size_bytes and size_bytes % unit == 0)
    return next(found, text)


def _sequence(path: str, key: str, values: Sequence[Json]) -> str:
    texts = [compose_text(path, value) or "" for value in values]
    if key == "test":
        return _health_test(texts)
    if key in _COMMANDS:
        return shown_command(texts) if texts else "[]"
    return ", ".join(texts) if texts else "[]"


def _health_test(texts: list[str]) -> str:
    if texts[:1] == ["CMD-SHELL"]:
        return " ".join(texts[1:])
    return shown_command(texts[1:]) if texts[:1] == ["CMD"] else " ".join(texts)


def _mapping(path: str, value: Body) -> str:
    short = _SHORT_FORMS.get(path)
    if short is not None:
        return short(value)
    inner = (
        f"{key}: {compose_text(f'{path}.{key}', each)}"
        for key, each in value.items()
        if each not in (None, {})
    )
    return f"{{{', '.join(inner)}}}"


def _port(port: Body) -> str:
    host = str(port.get("host_ip") or "")
    places = [f"[{host}]" if ":" in host else host, str(port.get("published") or ""), str(port.get("target"))]
    protocol = str(port.get("protocol") or "tcp")
    text = ":".join(place for place in places if place)
    return text if protocol == "tcp" else f"{text}/{protocol}"


def _volume(volume: Body) -> str:
    kind = str(volume.get("type") or "volume")
    source = str(volume.get("source") or "") if kind in {"bind", "volume"} else kind
    text = ":".join(filter(None, (source, str(volume.get("target")))))
    return f"{text}:ro" if volume.get("read_only") else text


def _device(device: Body) -> str:
    return ":".join(str(device[key]) for key in ("source", "target", "permissions") if device.get(key))


def _reference(reference: Body) -> str:
    return ":".join(str(reference[key]) for key in ("source", "target") if reference.get(key))


def _ulimit(limit: Body) -> str:
    return f"{limit.get('soft')}:{limit.get('hard')}"


_SHORT_FORMS: Mapping[str, Callable[[Body], str]] = {
    "ports": _port,
    "volumes": _volume,
    "devices": _device,
    "configs": _reference,
    "secrets": _reference,
    "ulimits": _ulimit,
}
