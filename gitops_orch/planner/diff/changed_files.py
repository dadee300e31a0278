"""Reports the files that a host keeps although Git has others. They are drift, and do not hold the app."""

from collections.abc import Iterable

from gitops_orch.model.plan.plan import PlanHold
from gitops_orch.planner.diff.bind_files import KEPT_HINT

_NAMED_MAX = 10
_HINT = f"; {KEPT_HINT}"


def retained_files_reason(holds: Iterable[PlanHold]) -> str:
    """Return all files that hosts keep, each with the reason, and once what to write for Git's version; "" if none."""
    words = [hold.full_reason for hold in holds if hold.kept]
    named = [each.removesuffix(_HINT) for each in words[:_NAMED_MAX]]
    more = len(words) - len(named)
    if more > 0:
        named.append(f"and {more} more, see `gitops-orch plan`")
    return "; ".join(named) + (_HINT if any(each.endswith(_HINT) for each in words) else "")
