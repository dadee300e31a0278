"""Checks values that Compose passes on but no Engine accepts."""

import re
from collections.abc import Iterator, Mapping
from posixpath import splitext
from typing import Any

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.model.rules.image_reference import reference_mistake
from gitops_orch.model.rules.namespaces import OF_SERVICE

_NAME = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]+")  # moby, daemon/names
_DRIVE = re.compile(r"([A-Za-z]):[/\\]")
_HEALTHCHECK_DURATIONS = ("interval", "timeout", "start_period", "start_interval")


def check_values(body: Mapping[str, Any], base: KeyPath, findings: Findings) -> None:
    """Add mistakes in values of a service that no Engine accepts."""
    for path, image in _images(body):
        mistake = reference_mistake(image)
        if mistake is not None:
            findings.error((*base, *path), str(mistake))
    _check_uts(str(body.get("uts") or ""), (*base, "uts"), findings)
    _check_name(str(body.get("container_name") or ""), (*base, "container_name"), findings)
    for index, port in enumerate(body.get("ports") or ()):
        if not port.get("target"):
            findings.error(
                (*base, "ports", index), "a published port needs a target: the port in the container"
            )
    for index, volume in enumerate(body.get("volumes") or ()):
        where: KeyPath = (*base, "volumes", index)
        if not volume.get("type"):
            findings.error(where, "a mount needs a type: volume, bind, tmpfs or image")
        _check_target(str(volume.get("target") or ""), where, findings)
        _check_source(str(volume.get("source") or ""), where, findings)
    for index, entry in enumerate(body.get("tmpfs") or ()):
        _check_target(str(entry).partition(":")[0], (*base, "tmpfs", index), findings)
    check: Any = body.get("healthcheck") or {}
    durations: list[tuple[KeyPath, object]] = [(("stop_grace_period",), body.get("stop_grace_period"))]
    durations += [(("healthcheck", key), check.get(key)) for key in _HEALTHCHECK_DURATIONS]
    for path, value in durations:
        if str(value or "").startswith("-"):
            findings.error((*base, *path), f"must not be negative, is {value}")


def _check_uts(mode: str, where: KeyPath, findings: Findings) -> None:
    """Add a mistake for a reference to a service: Note [uts and cgroup] in model/rules/namespaces.py."""
    if mode.startswith(OF_SERVICE):
        findings.error(where, "no Engine can share the UTS namespace of a service; write host, or remove it")


def _check_name(name: str, where: KeyPath, findings: Findings) -> None:
    if name and not _NAME.fullmatch(name):
        findings.error(
            where,
            f'no Engine takes the name "{name}"; write at least two of letters, digits, "_", "." and "-", '
            "the first a letter or a digit",
        )


def _check_target(target: str, where: KeyPath, findings: Findings) -> None:
    """Add a mistake for a mount target that no Engine accepts."""
    drive = _DRIVE.match(target)
    if drive:
        findings.error(
            where,
            f'"{target}" is read as a Windows path, because "{drive[1]}" is one letter; '
            "give the volume a name of two characters or more, or use the long form",
        )
    elif (
        not target.startswith("/") and ":" not in target
    ):  # with a colon, it is a short form that was refused before
        shown = f'is "{target}"' if target else "is empty"
        findings.error(where, f"the target must be an absolute path in the container, {shown}; write /PATH")


def _check_source(source: str, where: KeyPath, findings: Findings) -> None:
    """Add a mistake for a mount of a Windows path.

    No Linux host has such a path, and its Engine reads the colon as a separator.
    """
    if _DRIVE.match(source):
        findings.error(
            where, f'the source "{source}" is a Windows path; write one of the host, such as /data or ./data'
        )


def looks_like_file(source: str, target: str) -> bool:
    """Return whether both ends of a bind mount have the same file name extension, so that a file is meant."""
    suffix = splitext(source)[1].lower()
    return bool(suffix) and suffix == splitext(target)[1].lower() and not target.endswith((".d", "/"))


def _images(body: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield each image that a service names, with its path."""
    if body.get("image"):
        yield ("image",), str(body["image"])
    for index, hook in enumerate(body.get("pre_start") or ()):
        if hook.get("image"):
            yield ("pre_start", index, "image"), str(hook["image"])
    for index, volume in enumerate(body.get("volumes") or ()):
        if volume.get("type") == "image" and volume.get("source"):
            yield ("volumes", index, "source"), str(volume["source"])
