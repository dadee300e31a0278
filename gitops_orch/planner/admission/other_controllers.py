"""Decides whether containers of another controller with the same app name keep an app from being deployed.

The other controller follows another repository with the same instance; or it is another instance, whose volumes have
the same names because they are named after the app.
"""

from gitops_orch.model.app import App
from gitops_orch.model.observed import LIVE_STATES
from gitops_orch.model.rules.labels import INSTANCE_LABEL
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.data_locations import written, written_by
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World

_WAY_OUT = (
    "write another `name:` in {path}: its containers, networks and volumes are called after it. Give each controller that "
    "shares an Engine a name of its own with the setting `instance`"
)


def of_another_repository(app: App, world: World, index: Index) -> str:
    """Return why an app is left alone that another repository's controller deployed; "" if it is ours."""
    key = app.key
    if key not in world.desired.former.foreign_apps or str(key) in world.operator.allowed_prunes:
        return ""
    found = index.apps.get(key) or index.pre_starts.get(key) or index.runs.get(key) or ()
    there = next((f"{each.name} on {each.host}" for each in found), "it")
    return (
        f"{there} was never deployed from this repository: perhaps another controller, of another repository, has an app "
        f"{key} on this Engine, so it is left alone. To run both, {_WAY_OUT.format(path=app.path)}. To take up what this "
        "repository deployed before its history was rewritten and the state directory was lost, see docs/ADOPTION.md"
    )


def of_another_instance(app: App, slots: AppSlots, world: World, index: Index) -> str:
    """Return which container of another instance writes to data of the app's new container; "" if none."""
    roots = {host.name: host.data_root for host in world.desired.hosts}
    for slot in slots.slots if app.key not in world.releases.stable_heads else ():
        others = _of_project(index, slot.host, app.key.project) if slot.is_new else {}
        shared = written(app, slot.service, roots.get(slot.host, "")) if others else set()
        for name, (instance, sources) in others.items():
            if sources & shared:
                return (
                    f"container {name} of the gitops-orch instance {instance} has an app of this name on {slot.host} and "
                    f"writes to {min(sources & shared)}, and two at once could damage that data: "
                    f"{_WAY_OUT.format(path=app.path)}. If it is this app, under the former setting, stop {name} and "
                    "remove it; its data stays"
                )
    return ""


def _of_project(index: Index, host: str, project: str) -> dict[str, tuple[str, set[str]]]:
    """Return the running containers of other instances' projects of this name: by name, the instance and the data."""
    there = [each for each in index.others.get((host, project), ()) if not each.copy_of]
    if not there:
        return {}
    ours = {each.labels.get(INSTANCE_LABEL, "") for each in index.hosts[host].host.owned}
    return {
        each.name: (instance, written_by(each))
        for each in there
        if each.state in LIVE_STATES and (instance := each.labels[INSTANCE_LABEL]) not in ours | {""}
    }
