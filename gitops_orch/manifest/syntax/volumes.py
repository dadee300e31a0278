"""Expands short mount forms, `[source:]target[:options]`, and short device mappings."""

import posixpath
import re
from typing import Any

from gitops_orch.manifest.syntax.go_values import InvalidValue

_PROPAGATIONS = frozenset(("rprivate", "private", "rshared", "shared", "rslave", "slave"))
_BARE_BYTES_MAX = 2  # a mount of at most this length is a target, whatever its characters
_SECTIONS_MAX = 3
_DRIVE_PATH = re.compile(r"[A-Za-z]:[/\\]")
_NETWORK_PATH = re.compile(r"\\\\[^\\/.].{2}", re.DOTALL)


def expand_volume(spec: str) -> dict[str, Any]:
    """Return the long form of a short mount; raise InvalidValue where it cannot be read."""
    if not spec:
        raise InvalidValue("is empty; write source:target")
    if len(spec.encode()) <= _BARE_BYTES_MAX:
        return {"type": "volume", "target": clean_path(spec)}
    parts = _split(spec)
    if not all(parts):
        raise InvalidValue(f"has an empty section between colons: {spec!r}; write source:target")
    match parts:
        case [target]:
            return _typed({}, []) | {"target": clean_path(target)}
        case [source, target]:
            return _typed({"source": source}, []) | {"target": clean_path(target)}
        case [source, target, options]:
            return _typed({"source": source}, options.split(",")) | {"target": clean_path(target)}
        case _:
            raise InvalidValue(f"has too many colons: {spec!r}; use the long form")


def mount_target(spec: str) -> str:
    """Return the target of a short mount in the container, as it is written."""
    parts = _split(spec) if len(spec.encode()) > _BARE_BYTES_MAX else [spec]
    return parts[1] if len(parts) > 1 else parts[0]


def _split(spec: str) -> list[str]:
    """Return the sections of a short mount; a drive letter does not end one."""
    parts: list[str] = []
    start = 0
    for index, char in enumerate(spec):
        if char != ":":
            continue
        if index - start == 1 and spec[start].isalpha():
            continue  # a drive letter
        parts.append(spec[start:index])
        start = index + 1
    return [*parts, spec[start:]]


def _typed(volume: dict[str, Any], options: list[str]) -> dict[str, Any]:
    bind: dict[str, Any] = {}
    named: dict[str, Any] | None = None
    read_only = False
    for option in options:
        if option in ("ro", "rw"):
            read_only = option == "ro"
        elif option == "nocopy":
            named = {"nocopy": True}
        elif option in _PROPAGATIONS:
            bind["propagation"] = option
        elif option in ("z", "Z"):
            bind["selinux"] = option
    if read_only:
        volume["read_only"] = True
    if is_host_path(volume.get("source", "")):
        volume["type"] = "bind"
        bind["create_host_path"] = True
    else:
        volume["type"] = "volume"
        named = named or {}
    if bind:
        volume["bind"] = bind
    if named is not None:
        volume["volume"] = named
    return volume


def is_host_path(source: str) -> bool:
    """Return whether a short form's source is a path, not a volume's name."""
    return (source[:1] in (".", "/", "~") and bool(source)) or source.startswith("\\\\") or _is_drive(source)


def _is_drive(source: str) -> bool:
    return len(source) > 1 and source[0].isalpha() and source[1] == ":"


def is_absolute(path: str) -> bool:
    """Return whether a path is absolute, on Unix or on Windows."""
    return path.startswith("/") or bool(_DRIVE_PATH.match(path) or _NETWORK_PATH.match(path))


def clean_path(path: str) -> str:
    """Return the path without `.`, `..` and doubled slashes, as Go's path.Clean does."""
    if not path:
        return ""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def expand_device(spec: str) -> dict[str, Any]:
    """Return the long form of a short device mapping; raise InvalidValue where it cannot be read."""
    source, *rest = spec.split(":")
    if len(rest) >= _SECTIONS_MAX:
        raise InvalidValue(f"has too many colons: {spec!r}; use the long form")
    target = rest[0] if rest else ""
    permissions = rest[1] if len(rest) > 1 else "rwm"
    return {"source": source, "target": target or source, "permissions": permissions}
