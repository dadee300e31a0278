"""Makes relative paths of a model absolute, key by key as Compose resolves them."""

from typing import Any

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.stages.locations import Location
from gitops_orch.manifest.stages.sections import resources_of, services_of

_REMOTE_CONTEXTS = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")


def resolve_paths(model: dict[str, Any], location: Location, report: Report) -> None:
    """Make every relative path of the model absolute, in place."""
    for name, service in services_of(model).items():
        with report.inside("services", name):
            _resolve_service(service, location, report)
    for kind in ("configs", "secrets"):
        for resource in resources_of(model, kind).values():
            if "file" in resource:
                resource["file"] = location.absolute(resource["file"])
    for volume in resources_of(model, "volumes").values():
        _resolve_volume(volume, location)


def _resolve_service(service: dict[str, Any], location: Location, report: Report) -> None:
    if type(service.get("build")) is dict:
        _resolve_build(service["build"], location)
    watches = (service.get("develop") or {}).get("watch") or ()
    for entry in (*(service.get("env_file") or ()), *watches):
        if entry.get("path"):
            entry["path"] = location.absolute(entry["path"])
    if service.get("label_file"):
        service["label_file"] = [location.absolute(each) if each else each for each in service["label_file"]]
    for index, mount in enumerate(service.get("volumes") or ()):
        if mount.get("type") == "bind" and "source" not in mount:
            report.error("a bind mount needs a source; write source: ./path", "volumes", index)
        elif mount.get("type") == "bind":
            mount["source"] = location.absolute(mount["source"])


def _resolve_volume(volume: dict[str, Any], location: Location) -> None:
    options = volume.get("driver_opts") or {}
    if volume.get("driver") == "local" and options.get("o") == "bind" and type(options.get("device")) is str:
        volume["driver_opts"] = {**options, "device": location.absolute(options["device"])}


def _resolve_build(build: dict[str, Any], location: Location) -> None:
    if type(build.get("context")) is str:
        build["context"] = _context(build["context"], location)
    contexts = build.get("additional_contexts")
    if type(contexts) is dict:
        build["additional_contexts"] = {
            key: _context(each, location) if type(each) is str else each for key, each in contexts.items()
        }
    if type(build.get("ssh")) is dict:
        build["ssh"] = {
            key: location.absolute(each) if type(each) is str else each for key, each in build["ssh"].items()
        }


def _context(context: str, location: Location) -> str:
    if not context or "://" in context or context.startswith(("service:", *_REMOTE_CONTEXTS)):
        return context
    return location.context(context)
