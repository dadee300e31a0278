"""Lists whose entries have a key: the last entry for a port, a mount target or a variable replaces the first one."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.stages.sections import resources_of, services_of
from gitops_orch.manifest.syntax.volumes import mount_target

Index: TypeAlias = Callable[[Any], object]


class _Keyless(ValueError):
    """An entry does not have the parts of its key."""


def drop_overridden(model: dict[str, Any], report: Report) -> None:
    """Remove every list entry that a later one overrides, in place; an entry without its key is a mistake."""
    for name, service in services_of(model).items():
        report.trail = ["services", name]
        _apply(service, _SERVICE, report)
        _apply_below(service, "build", _BUILD, report)
        _apply_below(service, "deploy", _LABELS, report)
        for attached in resources_of(service, "networks"):
            with report.inside("networks"):
                _apply_below(service["networks"], attached, _ATTACHMENT, report)
    for name, network in resources_of(model, "networks").items():
        report.trail = ["networks", name]
        _apply(network, _LABELS, report)
    report.trail = []


def _apply_below(mapping: dict[str, Any], key: str, table: dict[str, Index], report: Report) -> None:
    if type(mapping.get(key)) is dict:
        with report.inside(key):
            _apply(mapping[key], table, report)


def _apply(mapping: dict[str, Any], table: dict[str, Index], report: Report) -> None:
    for key in mapping.keys() & table.keys():
        if type(mapping[key]) is list:
            report.trail.append(key)
            mapping[key] = _unique(mapping[key], table[key], report)
            report.trail.pop()


def _unique(values: list[Any], index: Index, report: Report) -> list[Any]:
    places: dict[object, int] = {}
    kept: list[Any] = []
    for at, value in enumerate(values):
        try:
            key = index(value)
        except _Keyless as error:
            report.error(str(error), at)
            continue
        if key is None:
            kept.append(value)
        elif key in places:
            kept[places[key]] = value
        else:
            places[key] = len(kept)
            kept.append(value)
    return kept


def _before_equals(value: Any) -> object:
    return value.partition("=")[0] if type(value) is str else None


def _volume(value: Any) -> object:
    if type(value) is str:
        return mount_target(value)
    return _target(value, "a mount needs a target")


def _device(value: Any) -> object:
    if type(value) is str:
        parts = value.split(":")
        return parts[1] if len(parts) > 1 else parts[0]
    return _target(value, "a device needs a target")


def _target(value: Any, sentence: str) -> object:
    if type(value) is not dict:
        return None
    if type(value.get("target")) is not str:
        raise _Keyless(f"{sentence}; write target: /path/in/the/container")
    return value["target"]


def _mounted(directory: str) -> Index:
    def index(value: Any) -> object:
        if type(value) is str:
            return f"{directory}/{value}"
        if type(value) is dict:
            return str(value.get("target", f"{directory}/{value.get('source')}"))
        return None

    return index


def _port(value: Any) -> object:
    if type(value) is not dict:
        return str(value)
    if "target" not in value:
        raise _Keyless("a port needs the container's port; write target: 80")
    published = value.get("published")
    protocol, address = value.get("protocol", "tcp"), value.get("host_ip", "0.0.0.0")  # noqa: S104 - nothing listens
    # Compose treats 8080 and "8080" as two entries, because it compares their printed forms.
    return f"{address}:{published!r}:{value['target']}/{protocol}"


def _env_file(value: Any) -> object:
    return str(value.get("path")) if type(value) is dict else value if type(value) is str else None


_LABELS: dict[str, Index] = {"labels": _before_equals}
_ATTACHMENT: dict[str, Index] = {"aliases": _before_equals, "link_local_ips": _before_equals}
_BUILD: dict[str, Index] = dict.fromkeys(("args", "additional_contexts", "tags", "labels"), _before_equals)
_SERVICE: dict[str, Index] = {
    **dict.fromkeys(
        (
            "annotations",
            "cap_add",
            "cap_drop",
            "dns",
            "dns_opt",
            "dns_search",
            "environment",
            "labels",
            "links",
            "profiles",
            "sysctls",
            "tmpfs",
        ),
        _before_equals,
    ),
    "configs": _mounted(""),
    "devices": _device,
    "env_file": _env_file,
    "expose": lambda value: str(value) if type(value) in (str, int) else None,
    "ports": _port,
    "secrets": _mounted("/run/secrets"),
    "volumes": _volume,
}
