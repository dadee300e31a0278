"""Decides who owns a config or a secret without a declared owner: the service's user, as in Compose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath

OTHERS_READ = 0o004


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner by number or by name.

    With `user` not None, only the image can resolve the owner: a name, `name:group`, or "" for the image's own user.
    """

    uid: int = 0
    gid: int = 0
    user: str | None = None


def owner_of(
    reference: Mapping[str, Any], user: str, mode: int, where: KeyPath, findings: Findings
) -> Owner | None:
    """Return the owner of a file for a service that runs as `user`, "" for the image's user.

    It is None where there is a mistake, which is in `findings`. A file that all users can read stays root's: then the
    same content is one file set for all services.
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
