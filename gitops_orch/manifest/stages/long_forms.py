"""Converts short forms to long ones, where Compose has both: files are merged and read in their long forms."""

from typing import Any

from gitops_orch.manifest.keys.key import Key, Keys
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KINDS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.keys.short_forms import Expander
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.stages.sections import resources_of, services_of


def expand_model(model: dict[str, Any], report: Report) -> None:
    """Replace every short form of a file by its long form, in place."""
    for name, service in services_of(model).items():
        report.trail = ["services", name]
        _expand(service, _SERVICE, report)
    _drop_odd_networks(model, report)
    for kind in RESOURCE_KINDS:
        for name, resource in resources_of(model, kind).items():
            if "external" in resource:
                report.trail = [kind, name]
                _expand_external(resource, report)
    report.trail = []


def _drop_odd_networks(model: dict[str, Any], report: Report) -> None:
    """Report networks that are not mappings: the schema does not check those with unusual names."""
    networks = model.get("networks") or {}
    for name in [name for name, body in networks.items() if type(body) is not dict and body is not None]:
        report.error_at(("networks", name), f"must be a mapping, is {describe(networks.pop(name))}")


def _expand(mapping: dict[str, Any], expanders: dict[str, Expander], report: Report) -> None:
    # Most keys have one form only, so the smaller of the two tables is searched.
    for key in mapping.keys() & expanders.keys():
        report.trail.append(key)
        mapping[key] = expanders[key](mapping[key], report)
        report.trail.pop()


def _expand_external(resource: dict[str, Any], report: Report) -> None:
    external = resource["external"]
    if type(external) is not dict:
        return
    resource["external"] = True
    if "name" not in external:
        return
    report.warn("external.name is deprecated; write name, and external: true", "external")
    if resource.setdefault("name", external["name"]) != external["name"]:
        report.error("name and external.name differ; write name only")


def _expanders(keys: Keys) -> dict[str, Expander]:
    found = {name: _expander(key) for name, key in keys.items()}
    return {name: expand for name, expand in found.items() if expand is not None}


def _expander(key: Key) -> Expander | None:
    """Return the expander of a key and the keys below it; None where there is only one form."""
    below = _expanders(key.keys)
    if not below:
        return key.expand

    def expand(value: Any, report: Report) -> Any:
        expanded = value if key.expand is None else key.expand(value, report)
        if type(expanded) is dict:
            _expand(expanded, below, report)
        return expanded

    return expand


_SERVICE = _expanders(SERVICE_KEYS)
