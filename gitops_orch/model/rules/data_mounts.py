"""Where the data of a container was before we made it: the label that records it on what we make."""

import json
import posixpath
from collections.abc import Mapping

MOUNTS_LABEL = "gitops-orch.mounts"
MOUNTS_LENGTH_MAX = 65_536
_NOT_DATA = ("/etc/localtime", "/etc/timezone", "/dev", "/proc", "/sys")


def holds_data(kind: str, source: str) -> bool:
    """Tell whether a writable mount is a place where a container can leave data: no socket, and no device."""
    if kind not in {"volume", "bind"}:
        return False
    if kind == "volume":
        return bool(source)
    return not source.endswith(".sock") and not any(
        source == place or source.startswith(place + "/") for place in _NOT_DATA
    )


def normal_target(target: str) -> str:
    """Return a path in a container in the one form that is compared: `/data/` is `/data`."""
    return posixpath.normpath("/" + target.lstrip("/")) if target else target


def mounts_text(sources: Mapping[str, str]) -> str:
    """Return the label's text for sources by target: paths of the host, and names of volumes."""
    return json.dumps(dict(sorted(sources.items())), separators=(",", ":"))


def parse_mounts(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the sources by target that a label tells; empty where there is none, or it is not one of ours."""
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
