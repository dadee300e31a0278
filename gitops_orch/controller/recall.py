"""What history and labels tell of the past: the salt, where slots were seen, and the apps that left Git."""

import secrets
from collections.abc import Iterable, Mapping

from gitops_orch.controller.load import CONTINUITY, Loader
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.model.desired import Desired
from gitops_orch.model.observed import ObservedContainer, Placed


def choose_salt(known: str | None, containers: Iterable[ObservedContainer]) -> str:
    """Return history's salt, else the one that our containers carry, else a new one: losing our state changes no hash."""
    if known:
        return known
    carried = sorted(
        {container.owner.salt for container in containers if container.owner and container.owner.salt}
    )
    return carried[0] if carried else secrets.token_hex(16)


def remembered_placements(
    history: History, desired: Desired, containers: list[ObservedContainer]
) -> Mapping[str, tuple[Placed, ...]]:
    """Return what each host held when it last answered; absent: it never did.

    With history kept since the first container, a host that never answered cannot have one of ours.
    """
    remembered = dict(history.remembered())
    if CONTINUITY in remembered or (not remembered and not containers):
        for host in desired.hosts:
            remembered.setdefault(host.name, ())
    remembered.pop(CONTINUITY, None)
    return remembered


def former_apps(
    loader: Loader, desired: Desired, containers: list[ObservedContainer]
) -> Mapping[AppKey, App | None]:
    """Return apps that left Git as they were in the commit that they were made from; None where that cannot be read."""
    there = {app.key for app in desired.apps} | set(desired.broken)
    commits = {
        c.owner.app: c.owner.commit for c in containers if c.owner is not None and c.owner.app not in there
    }
    return {key: loader.app_at(key, commit) for key, commit in sorted(commits.items())}


def prunes_of(former: Mapping[AppKey, App | None]) -> Mapping[AppKey, Prune]:
    """Return what apps that left Git said of that; one whose words cannot be read is asked about, not removed."""
    return {key: Prune.CONFIRM if app is None else app.prune for key, app in former.items()}
