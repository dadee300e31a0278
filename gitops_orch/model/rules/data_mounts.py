"""Recognises mounts that hold data, and reads the label that records where adopted data was before."""

import json
import posixpath
from collections.abc import Mapping

from gitops_orch.model.rules.labels import MOUNTS_LABEL

MOUNTS_LENGTH_MAX = 65_536
_NOT_DATA = ("/etc/localtime", "/etc/timezone", "/dev", "/proc", "/sys")


def holds_data(kind: str, source: str) -> bool:
    """Return whether a container can leave data in a writable mount; not in a socket or a device."""
    if kind not in {"volume", "bind"}:
        return False
    if kind == "volume":
        return bool(source)
    return not source.endswith(".sock") and not any(
        source == place or source.startswith(place + "/") for place in _NOT_DATA
    )


def normal_target(target: str) -> str:
    """Return a container path in the form used for comparison: `/data/` is `/data`."""
    return posixpath.normpath("/" + target.lstrip("/")) if target else target


def mounts_text(sources: Mapping[str, str]) -> str:
    """Return the label's text for sources by target: paths of the host, and names of volumes."""
    return json.dumps(dict(sorted(sources.items())), separators=(",", ":"))


def parse_mounts(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the sources by target from a label; empty where there is no label, or not a valid one."""
    text = labels.get(MOUNTS_LABEL, "")
    if not text or len(text) > MOUNTS_LENGTH_MAX:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        target: source
        for target, source in found.items()
        if isinstance(source, str) and source and target.startswith("/")
    }
