"""Adds holds to the plan about facts that no app's hold reports, such as two hosts that are one Engine."""

from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.plan_builder import PlanBuilder


def note_odd_hosts(index: Index, draft: PlanBuilder) -> None:
    """Note hosts that are the same Engine, and copies of our containers. The plan changes neither."""
    for name, unknown in sorted(index.unknown.items()):
        if unknown.same_as:
            draft.hold(f"host {name}", unknown.reason, error=True)
    for name, host in sorted(index.hosts.items()):
        for container in host.host.foreign:
            if container.copy_of:
                draft.hold(
                    f"container {container.name} on {name}",
                    f"is a copy of {container.copy_of} with the same labels, and is left alone; "
                    f"`docker rm -f {container.name}` if nothing needs it",
                )
