"""Merges one Compose file over another, or a service over the service that it extends."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.schema.compose_schema import describe, kind_of
from gitops_orch.manifest.syntax.go_values import shown

Merger: TypeAlias = Callable[[Any, Any, KeyPath, Report], Any]
Table: TypeAlias = dict[str, Any]  # a key of the model to its Merger, or to the Table for the keys below it


def merge_models(base: dict[str, Any], other: dict[str, Any], report: Report) -> dict[str, Any]:
    """Return the model of an earlier file with a later one merged over it."""
    merged: dict[str, Any] = _mappings(base, other, (), report, _MODEL)
    return merged


def merge_services(
    base: dict[str, Any], other: dict[str, Any], path: KeyPath, report: Report
) -> dict[str, Any]:
    """Return a service merged over the service that it extends."""
    merged: dict[str, Any] = _mappings(base, other, path, report, _SERVICE)
    return merged


def _merge(base: Any, other: Any, path: KeyPath, report: Report, table: Any) -> Any:
    if callable(table):
        return table(base, other, path, report)
    if other is None:
        return base
    for kind in (dict, list):
        if type(base) is kind and type(other) is not kind:
            report.error_at(path, f"cannot override {kind_of(base)} by {kind_of(other)}")
            return base
    if type(base) is dict:
        return _mappings(base, other, path, report, table)
    return base + other if type(base) is list else other


def _mappings(
    base: dict[str, Any] | None,
    other: dict[str, Any] | None,
    path: KeyPath,
    report: Report,
    table: Table | None = None,
) -> Any:
    if any(side is not None and type(side) is not dict for side in (base, other)):
        return other  # the schema reports the mistake
    merged = dict(base or {})
    for key, value in (other or {}).items():
        if key not in merged or key.startswith("x-"):
            merged[key] = value
            continue
        below = (table.get(key) or table.get("*")) if table else None
        merged[key] = _merge(merged[key], value, (*path, key), report, below)
    return merged


def _replace(_base: Any, other: Any, _path: KeyPath, _report: Report) -> Any:
    return other


def _sequence(value: Any, path: KeyPath, report: Report) -> list[Any]:
    if type(value) is list:
        return value
    if type(value) is str:
        return [value]
    if type(value) is not dict:
        return []
    entries: list[str] = []
    for key, item in value.items():
        texts = item if type(item) is list else [item]
        if item is None:
            entries.append(key)
        elif any(each is None or isinstance(each, dict | list) for each in texts):
            report.error_at((*path, key), f"must be text, is {describe(item)}")
        else:
            entries += [f"{key}={shown(each)}" for each in texts]
    return sorted(entries)


def _as_sequence(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    return _sequence(base, path, report) + _sequence(other, path, report)


def _extra_hosts(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    known = _sequence(base, path, report)
    return known + [each for each in _sequence(other, path, report) if each not in known]


def _build(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    sides = [{"context": side} if type(side) is str else side for side in (base, other)]
    return _mappings(sides[0], sides[1], path, report, _BUILD)


def _mapping_of(value: Any, default: dict[str, Any] | None) -> dict[str, Any]:
    if type(value) is list:
        return {str(name): None if default is None else dict(default) for name in value}
    return value if type(value) is dict else {}


def _depends_on(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    edge = {"condition": "service_started", "required": True}
    return _mappings(_mapping_of(base, edge), _mapping_of(other, edge), path, report)


def _networks(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    return _mappings(_mapping_of(base, None), _mapping_of(other, None), path, report)


def _logging(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    if type(base) is not dict or type(other) is not dict:
        return base if other is None else other
    if "driver" in base and "driver" in other and base["driver"] != other["driver"]:
        return other  # the options of another driver have no meaning for this one
    return _mappings(base, other, path, report)


def _ipam_config(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    if any(
        type(each) is not dict for side in (base, other) for each in (side if type(side) is list else [side])
    ):
        return other  # the schema reports the mistake
    pools: list[dict[str, Any]] = []
    for each in base or ():
        original = dict(each)  # Compose merges every override into it, one after the other
        for override in other or ():
            known = any(pool.get("subnet") == override.get("subnet") for pool in pools)
            if override.get("subnet") != original.get("subnet") and not known:
                pools.append(override)
                continue
            original.update(_mappings(original, override, path, report))
            same = [at for at, pool in enumerate(pools) if pool.get("subnet") == original.get("subnet")]
            if same:
                pools[same[0]] = original
            else:
                pools.append(original)
    return pools


_BUILD: Table = {
    "args": _as_sequence,
    "additional_contexts": _as_sequence,
    "extra_hosts": _extra_hosts,
    "labels": _as_sequence,
}
_SERVICE: Table = {
    "annotations": _as_sequence,
    "build": _build,
    "command": _replace,
    "depends_on": _depends_on,
    "deploy": {"labels": _as_sequence},
    "dns": _as_sequence,
    "dns_opt": _as_sequence,
    "dns_search": _as_sequence,
    "entrypoint": _replace,
    "env_file": _as_sequence,
    "label_file": _as_sequence,
    "environment": _as_sequence,
    "extra_hosts": _extra_hosts,
    "healthcheck": {"test": _replace},
    "labels": _as_sequence,
    "logging": _logging,
    "networks": _networks,
    "sysctls": _as_sequence,
    "tmpfs": _as_sequence,
    "ulimits": {"*": _replace},
}
_MODEL: Table = {
    "services": {"*": _SERVICE},
    "networks": {"*": {"ipam": {"config": _ipam_config}, "labels": _as_sequence}},
    "volumes": {"*": {"labels": _as_sequence}},
}
