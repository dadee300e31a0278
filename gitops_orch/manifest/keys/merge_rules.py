"""Rules by which a value of a later Compose file is merged over that of an earlier one."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.schema.compose_schema import describe, kind_of
from gitops_orch.manifest.syntax.go_values import shown

Merger: TypeAlias = Callable[[Any, Any, KeyPath, Report], Any]
# A key of the model to its Merger, or to the table for the keys below it; `*` is any other key.
MergeTable: TypeAlias = dict[str, Any]


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
        return merged_mappings(base, other, path, report, table)
    return base + other if type(base) is list else other


def merged_mappings(
    base: dict[str, Any] | None,
    other: dict[str, Any] | None,
    path: KeyPath,
    report: Report,
    table: MergeTable | None = None,
) -> Any:
    """Return two mappings merged key by key, each by its rule in the table; the later value where it has none."""
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


def replace(_base: Any, other: Any, _path: KeyPath, _report: Report) -> Any:
    """Return the later value."""
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


def as_sequence(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return the entries of both values; a mapping becomes `name=value` entries."""
    return _sequence(base, path, report) + _sequence(other, path, report)


def extra_hosts(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return the entries of both values, each once."""
    known = _sequence(base, path, report)
    return known + [each for each in _sequence(other, path, report) if each not in known]


def _mapping_of(value: Any, default: dict[str, Any] | None) -> dict[str, Any]:
    if type(value) is list:
        return {str(name): None if default is None else dict(default) for name in value}
    return value if type(value) is dict else {}


def depends_on(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return the edges of both values, merged by service."""
    edge = {"condition": "service_started", "required": True}
    return merged_mappings(_mapping_of(base, edge), _mapping_of(other, edge), path, report)


def networks(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return the attachments of both values, merged by network."""
    return merged_mappings(_mapping_of(base, None), _mapping_of(other, None), path, report)


def logging(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return both sides merged, or the later one where the drivers differ."""
    if type(base) is not dict or type(other) is not dict:
        return base if other is None else other
    if "driver" in base and "driver" in other and base["driver"] != other["driver"]:
        return other  # the options of another driver have no meaning for this one
    return merged_mappings(base, other, path, report)


def ipam_config(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
    """Return the address pools of both values, merged by subnet."""
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
            original.update(merged_mappings(original, override, path, report))
            same = [at for at, pool in enumerate(pools) if pool.get("subnet") == original.get("subnet")]
            if same:
                pools[same[0]] = original
            else:
                pools.append(original)
    return pools


def build(table: MergeTable) -> Merger:
    """Return the rule for `build`, whose short form is its context; `table` has the rules for the keys below it."""

    def merge(base: Any, other: Any, path: KeyPath, report: Report) -> Any:
        sides = [{"context": side} if type(side) is str else side for side in (base, other)]
        return merged_mappings(sides[0], sides[1], path, report, table)

    return merge
