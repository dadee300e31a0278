"""Holds and pins set by command that a lost history may have held.  Unknown is not empty, so the loss is reported.

Releases, placements and quarantines come back from labels; what people said by command does not.  So a controller that
finds containers of its own that its history knows nothing of says so, until a person has said `resume` or `unpin`.
"""

from collections.abc import Sequence
from dataclasses import replace

from gitops_orch.controller.desired.load import CONTINUITY
from gitops_orch.history.history import History
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.plan import Plan, PlanHold

SUBJECT = "holds and pins"
REASON = (
    "history was lost, and with it every hold and pin that was set by command; set again those that you want, "
    "then run `gitops-orch resume APP` or `gitops-orch unpin APP` for any app to end this notice"
)


def may_have_lost_commands(history: History, containers: Sequence[ObservedContainer]) -> bool:
    """Tell whether holds and pins were set by command that are not known any more."""
    if history.commands_known():
        return False
    remembered = history.remembered()
    return CONTINUITY not in remembered and bool(remembered or containers)


def with_lost_commands(plan: Plan, history: History, containers: Sequence[ObservedContainer]) -> Plan:
    """Return the plan with a notice where holds and pins may have been lost."""
    if not may_have_lost_commands(history, containers):
        return plan
    return replace(plan, holds=(*plan.holds, PlanHold(subject=SUBJECT, reason=REASON)))
