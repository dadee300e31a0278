"""Keys of list entries: of two entries with the same key, the later one replaces the earlier one."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.syntax.volumes import mount_target

Index: TypeAlias = Callable[[Any], object]


class Keyless(ValueError):
    """An entry does not have the parts of its key."""


def before_equals(value: Any) -> object:
    """Return the name in `name=value`; all of a text without a value."""
    return value.partition("=")[0] if type(value) is str else None


def volume(value: Any) -> object:
    """Return a mount's target."""
    if type(value) is str:
        return mount_target(value)
    return _target(value, "a mount needs a target")


def device(value: Any) -> object:
    """Return a device's path in the container."""
    if type(value) is str:
        parts = value.split(":")
        return parts[1] if len(parts) > 1 else parts[0]
    return _target(value, "a device needs a target")


def _target(value: Any, sentence: str) -> object:
    if type(value) is not dict:
        return None
    if type(value.get("target")) is not str:
        raise Keyless(f"{sentence}; write target: /path/in/the/container")
    return value["target"]


def mounted(directory: str) -> Index:
    """Return the index of secrets or configs, which are mounted below a directory."""

    def index(value: Any) -> object:
        if type(value) is str:
            return f"{directory}/{value}"
        if type(value) is dict:
            return str(value.get("target", f"{directory}/{value.get('source')}"))
        return None

    return index


def port(value: Any) -> object:
    """Return the address, the ports and the protocol."""
    if type(value) is not dict:
        return str(value)
    if "target" not in value:
        raise Keyless("a port needs the container's port; write target: 80")
    published = value.get("published")
    protocol, address = value.get("protocol", "tcp"), value.get("host_ip", "0.0.0.0")  # noqa: S104 - nothing listens
    # Compose treats 8080 and "8080" as two entries, because it compares their printed forms.
    return f"{address}:{published!r}:{value['target']}/{protocol}"


def env_file(value: Any) -> object:
    """Return the path of a file."""
    return str(value.get("path")) if type(value) is dict else value if type(value) is str else None


def exposed(value: Any) -> object:
    """Return a port as text."""
    return str(value) if type(value) in (str, int) else None
