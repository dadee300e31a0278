"""Decides why nothing of an app may be changed on a host. Each reason names the way out."""

from gitops_orch.model.app import App
from gitops_orch.model.observed import ForeignContainer
from gitops_orch.model.rules.labels import INSTANCE_LABEL
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import SpecInputs


def obstacle_of(app: App, slots: AppSlots, index: Index) -> str:
    """Return what others created under the app's names, or what is missing; "" if there is no obstacle."""
    for host in sorted({slot.host for slot in slots.slots}):
        foreign = index.projects.get((host, app.key.project), ())
        if foreign and not app.adopt:
            return (
                f"a Compose project named {app.key.project} that we did not make is on {host} ({foreign[0].name}); "
                "set x-gitops.adopt: true to take it over with its networks and volumes, or remove it"
            )
    return (
        _taken_name(app, slots, index)
        or _adopted_elsewhere(app, slots, index)
        or _lost_data(app, slots, index)
        or _refused_overlay(app, slots, index)
    )


def _taken_name(app: App, slots: AppSlots, index: Index) -> str:
    for slot in slots.slots:
        holder = index.hosts[slot.host].names.get(slot.name) if slot.is_new else None
        if not isinstance(holder, ForeignContainer) or any(holder.id == old.id for old in slot.outdated):
            continue
        if holder.project is not None and INSTANCE_LABEL not in holder.labels and app.adopt:
            return (
                f"container {holder.name} on {slot.host} has its name and belongs to the Compose project "
                f"{holder.project}, not {app.key.project}; rename it, remove it, or write `name: {holder.project}`"
            )
        way_out = "" if app.adopt or INSTANCE_LABEL in holder.labels else ", or set x-gitops.adopt: true"
        return f"container {holder.name} on {slot.host} has its name and is not ours; rename or remove it{way_out}"
    return ""


def _adopted_elsewhere(app: App, slots: AppSlots, index: Index) -> str:
    """Refuse an adoption on a host without the slot: the container there would continue to run beside its successor."""
    where = {(slot.service.name, slot.host) for slot in slots.slots}
    for each in adopted_containers(app, index):
        if (each.service, each.found.host) not in where:
            hosts = ", ".join(sorted({slot.host for slot in slots.slots}))
            return (
                f"{each.found.name} on {each.found.host} is to be taken over, and {app.key.name} belongs on "
                f"{hosts or 'another host'}; name its host in x-gitops.placement.hosts, or remove it"
            )
    return ""


def _lost_data(app: App, slots: AppSlots, index: Index) -> str:
    keeper = MountResolver(app, index)
    return next((reason for slot in slots.slots if slot.is_new and (reason := keeper.of(slot).conflict)), "")


def refusal_of(app: App, slots: AppSlots, specs: SpecInputs, index: Index) -> str:
    """Return what an Engine would silently ignore, or would refuse only when half of the app is already created."""
    for slot in slots.slots:
        api_version = index.hosts[slot.host].host.api_version
        reason = specs.refusal(app, slot.service.name, api_version) if slot.is_new else ""
        if reason:
            return f"{slot.service.name} cannot run on {slot.host}: {reason}"
    return ""


def _refused_overlay(app: App, slots: AppSlots, index: Index) -> str:
    for slot in slots.slots:
        host = index.hosts[slot.host]
        for network in app.networks if not host.host.creates_overlays else ():
            wanted = network.key in slot.service.networks and not network.external
            if wanted and network.driver == "overlay" and network.name not in host.networks:
                return (
                    f"the overlay network {network.name} needs a Swarm, and the Engine of {slot.host} is no manager of "
                    "one; run `docker swarm init` there, or remove `driver: overlay`"
                )
    return ""
