"""Checks that Compose makes on a single service or resource, before it checks references between them."""

from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.keys.readers import optional_flag
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.stages.sections import device_requests, resources_of, services_of

_CONTENT = {"configs": ("file", "environment", "content"), "secrets": ("file", "environment")}


def check_forms(model: Mapping[str, Any], report: Report) -> None:
    """Report keys that exclude each other, and missing keys."""
    for name, service in services_of(model).items():
        with report.inside("services", name):
            _check_service(service, report)
    for name, volume in resources_of(model, "volumes").items():
        with report.inside("volumes", name):
            _check_external(volume, report)
    for kind, sources in _CONTENT.items():
        for name, resource in resources_of(model, kind).items():
            with report.inside(kind, name):
                _check_content(resource, sources, report)


def _check_service(service: Mapping[str, Any], report: Report) -> None:
    for request in device_requests(service):
        if "count" in request and "device_ids" in request:
            report.error("a device request has either count or device_ids; remove one")
    for index, watch in enumerate((service.get("develop") or {}).get("watch") or ()):
        if not watch.get("path"):
            report.error("must not be empty", "develop", "watch", index, "path")


def _check_external(volume: Mapping[str, Any], report: Report) -> None:
    if optional_flag(volume.get("external"), report) is not True:
        return
    for key in sorted(volume.keys() - {"name", "external"}):
        if not key.startswith("x-"):
            report.error("cannot be combined with external: true; remove one of the two", key)


def _check_content(resource: Mapping[str, Any], sources: tuple[str, ...], report: Report) -> None:
    given = [key for key in sources if key in resource]
    if len(given) > 1:
        report.error(f"{' and '.join(given)} cannot be combined; keep one")
    if not given and "driver" not in resource and "external" not in resource:
        report.error(f"one of {', '.join(sources)} is missing")
