"""Makes relative paths of a model absolute, key by key as Compose resolves them."""

from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.keys.key import Keys
from gitops_orch.manifest.keys.path_rules import PathRule
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KEYS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.repository.locations import Location
from gitops_orch.manifest.stages.sections import resources_of


def _paths(keys: Keys) -> dict[str, PathRule]:
    return {name: key.path for name, key in keys.items() if key.path is not None}


_PATHS = {kind: _paths(keys) for kind, keys in {"services": SERVICE_KEYS, **RESOURCE_KEYS}.items()}


def resolve_paths(model: dict[str, Any], location: Location, report: Report) -> None:
    """Make every relative path of the model absolute, in place."""
    for kind, paths in _PATHS.items():
        for name, body in resources_of(model, kind).items() if paths else ():
            with report.inside(kind, name):
                _resolve(body, paths, location, report)


def _resolve(body: dict[str, Any], paths: Mapping[str, PathRule], location: Location, report: Report) -> None:
    for key in body.keys() & paths.keys():
        paths[key](body, location, report)
