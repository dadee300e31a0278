"""To whom does a config or a secret belong, where the file gives no owner?  To the service's user, as Compose has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath

OTHERS_READ = 0o004


@dataclass(frozen=True, slots=True)
class Owner:
    """Numbers; or, with `user` not None, whom only the image knows: a name, `name:group`, "" for its own user."""

    uid: int = 0
    gid: int = 0
    user: str | None = None


def owner_of(
    reference: Mapping[str, Any], user: str, mode: int, where: KeyPath, findings: Findings
) -> Owner | None:
    """Return the owner of a file for a service that runs as `user`, "" for the image's; None with a mistake noted.

    Where everybody can read the file it stays root's: then the same content is one file set for all services.
    """
    numbers: dict[str, int] = {}
    for key in ("uid", "gid"):
        text = str(reference.get(key) or "0")
        if not text.isdecimal():
            findings.error((*where, key), f"must be a number, is {text!r}")
            return None
        numbers[key] = int(text)
    if reference.get("uid") or mode & OTHERS_READ:
        return Owner(numbers["uid"], numbers["gid"])
    name, _, group = user.partition(":")
    group = str(reference.get("gid") or group)
    if name.isdecimal() and (not group or group.isdecimal()):
        return Owner(int(name), int(group or 0))
    return Owner(user=f"{name}:{group}" if group else name)
