"""Decides whether a commit or an operator allows a removal by name."""

from gitops_orch.model.app import AppKey
from gitops_orch.planner.inputs.world import World


def is_allowed(world: World, key: AppKey) -> bool:
    """Return whether the commit or an operator allows the removal of an app by name."""
    return world.accepted or str(key) in world.allowed_prunes or key.name in world.allowed_prunes
