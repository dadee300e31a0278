"""Returns the parts of a model, even of an invalid one: a value that is not a mapping has no parts."""

from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.keys.default_values import reserved_devices


def services_of(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services that are mappings, by name."""
    return resources_of(model, "services")


def resources_of(model: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a kind that are mappings, by key."""
    found = model.get(kind)
    if type(found) is not dict:
        return {}
    return {key: body for key, body in found.items() if type(body) is dict}


def device_requests(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every device request of a service."""
    return list(service.get("gpus") or ()) + reserved_devices(service.get("deploy"))
