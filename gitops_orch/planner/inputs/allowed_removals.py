"""Decides whether a commit or an operator allows a removal by name."""

from gitops_orch.model.app import AppKey
from gitops_orch.planner.inputs.world import OperatorInputs


def is_allowed(operator: OperatorInputs, key: AppKey) -> bool:
    """Return whether the commit or an operator allows the removal of an app by name."""
    return operator.accepted or str(key) in operator.allowed_prunes or key.name in operator.allowed_prunes
