"""Chooses the target release of an app: an ordered table of rules, the first match wins.

A rollback needs no separate procedure: it is the same reconcile towards an older release.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, AppKey, Rollback
from gitops_orch.model.release import Release
from gitops_orch.model.rules.failure_policy import pauses
from gitops_orch.planner.inputs.world import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChoice:
    """The release to run: its role, the commit whose files declare it, and the reason."""

    role: Role
    commit: str
    digest: str
    reason: str = ""
    stays_running: bool = False  # it failed, and there is no release to roll back to


def choose_release(
    app: App, commit: str, *, pin: Release | None, failed: Mapping[str, str], stable: Release | None
) -> ReleaseChoice:
    """Choose the target release of an app in a commit, from an operator's pin and from history."""
    if pin is not None:
        return ReleaseChoice(
            role=Role.PINNED, commit=pin.commit, digest=pin.digest, reason=_pinned(pin, app.key)
        )
    why = failed.get(app.digest)
    if why is None:
        return ReleaseChoice(role=Role.HEAD, commit=commit, digest=app.digest)
    way_out = f"until the app changes or `gitops-orch retry {app.key}` is run"
    quarantined = f"release {app.digest[:12]} failed and is not tried again {way_out}: {why}"
    if app.rollback is not Rollback.AUTO:
        reason = f"{quarantined}; rollback: {app.rollback.value}"
        return ReleaseChoice(role=Role.BLOCKED, commit=commit, digest=app.digest, reason=reason)
    if pauses(app):
        reason = f"{quarantined}; failure_action: pause"
        return ReleaseChoice(role=Role.BLOCKED, commit=commit, digest=app.digest, reason=reason)
    if stable is None or stable.digest in failed:
        reason = (
            f"release {app.digest[:12]} failed, and there is no stable release to roll back to: its containers stay, and it "
            f"becomes stable when they are healthy; `gitops-orch retry {app.key}` starts it again: {why}"
        )
        return ReleaseChoice(
            role=Role.HEAD, commit=commit, digest=app.digest, reason=reason, stays_running=True
        )
    reason = f"{quarantined}; rolled back to {stable.commit[:12]}"
    return ReleaseChoice(role=Role.ROLLBACK, commit=stable.commit, digest=stable.digest, reason=reason)


def _pinned(pin: Release, app: AppKey) -> str:
    return f"pinned to {pin.commit[:12]}{f': {pin.reason}' if pin.reason else ''}; `gitops-orch unpin {app}` follows Git again"
