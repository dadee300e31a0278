"""Lists whose entries have a key: the last entry for a port, a mount target or a variable replaces the first one."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from gitops_orch.manifest.keys.key import Keys
from gitops_orch.manifest.keys.list_entry_keys import Index, Keyless
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KEYS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.stages.sections import resources_of, services_of

_Indexes: TypeAlias = Mapping[str, Index]


def _indexes(keys: Keys) -> _Indexes:
    return {name: key.index for name, key in keys.items() if key.index is not None}


_SERVICE = _indexes(SERVICE_KEYS)
_BELOW = {name: found for name, key in SERVICE_KEYS.items() if (found := _indexes(key.keys))}
_MEMBERS = {name: found for name, key in SERVICE_KEYS.items() if (found := _indexes(key.members))}
_RESOURCES = {kind: found for kind, keys in RESOURCE_KEYS.items() if (found := _indexes(keys))}


def drop_overridden(model: dict[str, Any], report: Report) -> None:
    """Remove every list entry that a later one overrides, in place; an entry without its key is a mistake."""
    for name, service in services_of(model).items():
        report.trail = ["services", name]
        _apply(service, _SERVICE, report)
        for key, indexes in _BELOW.items():
            _apply_below(service, key, indexes, report)
        for key, indexes in _MEMBERS.items():
            _apply_to_members(service, key, indexes, report)
    for kind, indexes in _RESOURCES.items():
        for name, resource in resources_of(model, kind).items():
            report.trail = [kind, name]
            _apply(resource, indexes, report)
    report.trail = []


def _apply_to_members(mapping: dict[str, Any], key: str, table: _Indexes, report: Report) -> None:
    with report.inside(key):
        for member in resources_of(mapping, key):
            _apply_below(mapping[key], member, table, report)


def _apply_below(mapping: dict[str, Any], key: str, table: _Indexes, report: Report) -> None:
    if type(mapping.get(key)) is dict:
        with report.inside(key):
            _apply(mapping[key], table, report)


def _apply(mapping: dict[str, Any], table: _Indexes, report: Report) -> None:
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
        except Keyless as error:
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
