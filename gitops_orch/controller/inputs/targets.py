"""Chooses the release that each app should run, from Git and from what is known of releases."""

from functools import partial

from gitops_orch.controller.inputs.gather import Facts, Sources
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.releases.joint_rollbacks import roll_back_together
from gitops_orch.controller.releases.known_releases import ReleaseHistory
from gitops_orch.controller.releases.release_history import ReleaseFacts
from gitops_orch.controller.releases.running_releases import image_pins
from gitops_orch.model.app import App
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.releases.quarantine import choose_release


def choose_targets(
    facts: Facts, past: ReleaseHistory, sources: Sources, memory: Memory
) -> list[TargetRelease]:
    """Return the target release of each app of Git, with the known digests of its tags."""
    choose = partial(_choose, sources, facts.desired.commit, past)
    former = partial(_former_release, sources, past.facts)
    chosen = roll_back_together(facts.desired.apps, choose, former, past.facts.was_stable)
    return memory.with_tags(chosen, facts.observed)


def _former_release(sources: Sources, facts: ReleaseFacts, app: App) -> TargetRelease | None:
    """Return the last stable release of an app other than its head release; None if none can be read."""
    stable = facts.stable_other_than(app.key, app.digest)
    older = sources.repository.app_at(app.key, stable.commit) if stable is not None else None
    if stable is None or older is None:
        return None
    return TargetRelease(
        app=older, commit=stable.commit, images=image_pins(sources.history, app.key, stable.digest)
    )


def _choose(sources: Sources, commit: str, past: ReleaseHistory, app: App) -> TargetRelease:
    failed = past.facts.failed.get(app.key, {})
    stable = past.facts.stable_other_than(app.key, app.digest)
    choice = choose_release(app, commit, pin=past.pins.get(app.key), failed=failed, stable=stable)
    if choice.role is Role.HEAD:
        pushed = past.revert_to(app.key, app.digest)
        directives, reverted = (pushed.message, pushed.digest) if pushed is not None else ("", "")
        reason, up = choice.reason or directives, choice.stays_running
        return TargetRelease(app=app, commit=commit, reason=reason, reverted=reverted, stays_running=up)
    if choice.role is Role.BLOCKED:
        return TargetRelease(app=app, commit=commit, role=choice.role, reason=choice.reason)
    older = sources.repository.app_at(app.key, choice.commit)
    if older is None:
        reason = f"{choice.reason}, but the files of {choice.commit[:12]} cannot be read"
        return TargetRelease(app=app, commit=commit, role=Role.BLOCKED, reason=reason)
    images = image_pins(sources.history, app.key, choice.digest)
    revert = past.revert_of(app.key, app.digest) if choice.role is Role.ROLLBACK else ""
    reason = "; ".join(filter(None, (choice.reason, revert)))
    return TargetRelease(app=older, commit=choice.commit, role=choice.role, reason=reason, images=images)
