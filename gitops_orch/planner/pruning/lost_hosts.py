"""Reports hosts whose document left Git while containers were on them: only a person decides what that means."""

from gitops_orch.model.observed import Placed
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder

APPS_SHOWN_MAX = 5


def note_removed_hosts(world: World, index: Index, draft: PlanBuilder) -> None:
    """Note every host that is missing in Git, with both ways out."""
    there = {host.name for host in world.desired.hosts}
    owners = (found.owner for located in index.apps.values() for found in located)
    seen = {Placed(app=each.app, service=each.service, slot=each.slot) for each in owners if each is not None}
    for name in sorted(set(world.observed.last_placements) - there - world.observed.released_hosts):
        left = [placed for placed in world.observed.last_placements[name] if placed not in seen]
        if left:
            apps = sorted({str(placed.app) for placed in left})
            shown = ", ".join(apps[:APPS_SHOWN_MAX]) + (" ..." if len(apps) > APPS_SHOWN_MAX else "")
            reason = (
                f"left Git while {len(left)} containers ({shown}) were on it. Either put its file back with "
                "`availability: drain`, so that what can move moves away first, and delete it then; or let it go, with "
                f"the trailer `Let-Go: {name}` on a commit or `gitops-orch accept {world.desired.commit[:12]}`: what runs there "
                "is left running and forgotten, and what can be is placed elsewhere"
            )
            draft.hold(f"host {name}", reason, error=True)
