"""Values that Compose passes on, and no Engine makes a container of."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops_orch.manifest.findings import Findings
from gitops_orch.manifest.positions import KeyPath
from gitops_orch.model.image_reference import reference_mistake

_HEALTHCHECK_DURATIONS = ("interval", "timeout", "start_period", "start_interval")


def check_values(body: Mapping[str, Any], base: KeyPath, findings: Findings) -> None:
    """Note what no Engine would take of a service."""
    for path, image in _images(body):
        mistake = reference_mistake(image)
        if mistake is not None:
            findings.error((*base, *path), str(mistake))
    for index, port in enumerate(body.get("ports") or ()):
        if not port.get("target"):
            findings.error(
                (*base, "ports", index), "a published port needs a target: the port in the container"
            )
    for index, volume in enumerate(body.get("volumes") or ()):
        if not volume.get("type"):
            findings.error((*base, "volumes", index), "a mount needs a type: volume, bind or tmpfs")
    check: Any = body.get("healthcheck") or {}
    durations: list[tuple[KeyPath, object]] = [(("stop_grace_period",), body.get("stop_grace_period"))]
    durations += [(("healthcheck", key), check.get(key)) for key in _HEALTHCHECK_DURATIONS]
    for path, value in durations:
        if str(value or "").startswith("-"):
            findings.error((*base, *path), f"must not be negative, is {value}")


def _images(body: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield each image that a service names, and where."""
    if body.get("image"):
        yield ("image",), str(body["image"])
    for index, hook in enumerate(body.get("pre_start") or ()):
        if hook.get("image"):
            yield ("pre_start", index, "image"), str(hook["image"])
    for index, volume in enumerate(body.get("volumes") or ()):
        if volume.get("type") == "image" and volume.get("source"):
            yield ("volumes", index, "source"), str(volume["source"])
