"""Reports holds and pins that commands set and that a lost history may have contained: unknown is not empty.

Releases, placements and quarantines are recovered from labels. Holds and pins that commands set are not. If a
controller finds its own containers and its history does not know them, it reports this until a person runs `resume` or
`unpin`.
"""

from collections.abc import Sequence
from dataclasses import replace

from gitops_orch.history.history import History
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.plan.plan import Plan, PlanHold

SUBJECT = "holds and pins"
REASON = (
    "history was lost, and with it every hold and pin that was set by command; set again those that you want, "
    "then run `gitops-orch resume APP` or `gitops-orch unpin APP` for any app to end this notice"
)


def may_have_lost_commands(history: History, containers: Sequence[OwnedContainer]) -> bool:
    """Tell whether commands may have set holds and pins that are not known any more."""
    if history.commands_known():
        return False
    return not history.is_continuous() and bool(history.remembered() or containers)


def with_lost_commands(plan: Plan, history: History, containers: Sequence[OwnedContainer]) -> Plan:
    """Return the plan, with a notice if holds and pins may have been lost."""
    if not may_have_lost_commands(history, containers):
        return plan
    return replace(plan, holds=(*plan.holds, PlanHold(subject=SUBJECT, reason=REASON)))
