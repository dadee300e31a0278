"""Decides whether a commit or an operator allows a removal by name."""

from gitops_orch.model.app import AppKey
from gitops_orch.planner.inputs.world import World


def is_allowed(world: World, key: AppKey) -> bool:
    """Return whether the commit or an operator allows the removal of an app by name."""
    return (
        world.operator.accepted
        or str(key) in world.operator.allowed_prunes
        or key.name in world.operator.allowed_prunes
    )
