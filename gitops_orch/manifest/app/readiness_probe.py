"""Reads `x-gitops.readiness` of a service: the kind of probe, and how often it runs."""

from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.syntax.duration import parse_duration
from gitops_orch.model.app import Readiness

_WAYS = ("http", "tcp", "exec")


def read_readiness(raw: Mapping[str, Any] | None, place: KeyPath, findings: Findings) -> Readiness | None:
    """Return the probe of a service, which its schema has validated; a mistake is added to `findings`."""
    if raw is None:
        return None
    given = [way for way in _WAYS if way in raw]
    if len(given) != 1:
        findings.error(place, f"one of {', '.join(_WAYS)} is needed, and {len(given)} are given")
        return None
    default = Readiness()
    asked: Mapping[str, Any] = raw[given[0]] if given[0] != "exec" else {}
    readiness = Readiness(
        port=asked.get("port"),
        path=asked.get("path", "/") if given[0] == "http" else None,
        command=tuple(raw.get("exec", ())),
        interval_s=_seconds(raw.get("interval"), default.interval_s),
        timeout_s=_seconds(raw.get("timeout"), default.timeout_s),
        retries=int(raw.get("retries", default.retries)),
    )
    for key, seconds in (("interval", readiness.interval_s), ("timeout", readiness.timeout_s)):
        if seconds <= 0:
            findings.error((*place, key), "must be longer than 0s")
    return readiness


def _seconds(text: str | None, default: float) -> float:
    seconds = None if text is None else parse_duration(text)
    return default if seconds is None else seconds
