"""Recovers past values from history and labels: the salt, and where slots were seen."""

import secrets
from collections.abc import Iterable, Mapping

from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import OwnedContainer, Placed


def choose_salt(known: str | None, containers: Iterable[OwnedContainer]) -> str:
    """Return history's salt, else the salt in our containers' labels, else a new one.

    So a lost state changes no hash.
    """
    if known:
        return known
    carried = sorted({container.owner.salt for container in containers if container.owner.salt})
    return carried[0] if carried else secrets.token_hex(16)


def last_known_placements(
    placements: Mapping[str, tuple[Placed, ...]],
    desired: Desired,
    containers: list[OwnedContainer],
    *,
    is_continuous: bool,
) -> Mapping[str, tuple[Placed, ...]]:
    """Return what each host ran when it last answered; a host that never answered is absent.

    `placements` is what history has. If history was kept since the first container was created, a host that never answered cannot have one of ours.
    """
    remembered = dict(placements)
    if is_continuous or (not remembered and not containers):
        for host in desired.hosts:
            remembered.setdefault(host.name, ())
    return remembered
