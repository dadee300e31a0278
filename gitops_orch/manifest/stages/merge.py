"""Merges one Compose file over another, or a service over the service that it extends."""

from typing import Any

from gitops_orch.manifest.keys.key import merge_table
from gitops_orch.manifest.keys.merge_rules import MergeTable, merged_mappings
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KEYS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath

_SERVICE = merge_table(SERVICE_KEYS)
_MODEL: MergeTable = {
    "services": {"*": _SERVICE},
    **{kind: {"*": merge_table(keys)} for kind, keys in RESOURCE_KEYS.items()},
}


def merge_models(base: dict[str, Any], other: dict[str, Any], report: Report) -> dict[str, Any]:
    """Return the model of an earlier file with a later one merged over it."""
    merged: dict[str, Any] = merged_mappings(base, other, (), report, _MODEL)
    return merged


def merge_services(
    base: dict[str, Any], other: dict[str, Any], path: KeyPath, report: Report
) -> dict[str, Any]:
    """Return a service merged over the service that it extends."""
    merged: dict[str, Any] = merged_mappings(base, other, path, report, _SERVICE)
    return merged
