"""Rules that make relative paths of a model absolute, key by key as Compose resolves them.

A rule gets the mapping that has its key, and changes it in place.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.repository.locations import Location

PathRule: TypeAlias = Callable[[dict[str, Any], Location, Report], None]
_REMOTE_CONTEXTS = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")


def file(owner: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve the file of a secret or config."""
    owner["file"] = location.absolute(owner["file"])


def env_file(service: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve the path of each variable file."""
    _resolve_entries(service["env_file"] or (), location)


def develop(service: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve the watched paths."""
    _resolve_entries((service["develop"] or {}).get("watch") or (), location)


def label_file(service: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve each label file."""
    if service["label_file"]:
        service["label_file"] = [location.absolute(each) if each else each for each in service["label_file"]]


def volumes(service: dict[str, Any], location: Location, report: Report) -> None:
    """Resolve the sources of bind mounts; one without a source is a mistake."""
    for index, mount in enumerate(service["volumes"] or ()):
        if mount.get("type") == "bind" and "source" not in mount:
            report.error("a bind mount needs a source; write source: ./path", "volumes", index)
        elif mount.get("type") == "bind":
            mount["source"] = location.absolute(mount["source"])


def device_of_bind(volume: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve the directory of a named volume that is a bind of the local driver."""
    options = volume["driver_opts"] or {}
    if volume.get("driver") == "local" and options.get("o") == "bind" and type(options.get("device")) is str:
        volume["driver_opts"] = {**options, "device": location.absolute(options["device"])}


def build(service: dict[str, Any], location: Location, _report: Report) -> None:
    """Resolve the contexts and ssh keys of a build."""
    build = service["build"]
    if type(build) is not dict:
        return
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


def _resolve_entries(entries: Any, location: Location) -> None:
    for entry in entries:
        if entry.get("path"):
            entry["path"] = location.absolute(entry["path"])


def _context(context: str, location: Location) -> str:
    if not context or "://" in context or context.startswith(("service:", *_REMOTE_CONTEXTS)):
        return context
    return location.context(context)
