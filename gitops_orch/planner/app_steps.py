"""Adds the steps of one app: pull everywhere, prepare, then create, start and gate, and only then remove."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.dependency_order import in_dependency_order
from gitops_orch.planner.removal.removal_order import order_removals
from gitops_orch.planner.removal.removal_steps import remove_container
from gitops_orch.planner.removal.retain import retain_failed
from gitops_orch.planner.resources.prepare import prepare_hosts
from gitops_orch.planner.resources.pulls import pull_images
from gitops_orch.planner.resources.volumes import VolumeReplacement, clear_the_way
from gitops_orch.planner.rollout.excess import removable_surplus, remove_surplus
from gitops_orch.planner.rollout.rollout_inputs import Rollout
from gitops_orch.planner.rollout.scheduled_runs import manage_runs
from gitops_orch.planner.rollout.slot_rollout import SlotRollout
from gitops_orch.planner.service_rollout import ServiceRollout


def add_app_steps(
    chosen: TargetRelease,
    slots: AppSlots,
    replacements: Iterable[VolumeReplacement],
    world: World,
    index: Index,
    draft: PlanBuilder,
) -> None:
    """Add all steps of an app to a draft, after those that replace volumes."""
    app = chosen.app
    pulls = pull_images(app, slots, index, draft)
    prepared = prepare_hosts(app, slots, world, index, draft, pulls)
    removing = removable_surplus(chosen, slots, world, draft)
    clear_the_way(app, replacements, draft, pulls)
    failed = retain_failed(app, slots, world, index, draft)
    run_stops = manage_runs(chosen, world, index, draft)
    rollout = Rollout(
        chosen=chosen, slots=slots, world=world, index=index, draft=draft, pulls=pulls, prepared=prepared
    )
    slot_rollout = SlotRollout(rollout, failed, removing)
    services = ServiceRollout(rollout, slot_rollout, failed, run_stops)
    by_service: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots.slots:
        by_service[slot.service.name].append(slot)
    for service in in_dependency_order(app.services):
        services.roll_out(service, by_service[service.name])
    slot_rollout.replacement.order_moves(slots.slots)
    _remove_unneeded(rollout, removing, slot_rollout.cleared)
    draft.networks_wanted[app.key] = _wanted_networks(rollout)


def _remove_unneeded(rollout: Rollout, removing: Sequence[SlotContainer], cleared: Mapping[str, str]) -> None:
    """Remove the containers that no slot needs; `cleared` are, by id, the stops that are already planned."""
    app, draft = rollout.app, rollout.draft
    gates = [identity for ids in rollout.added.gates.values() for identity in ids]
    for found in (each for slot in rollout.slots.slots for each in slot.discarded):
        remove_container(draft, found, "it failed, and its release is no longer held back", rollout.pulls)
    remove_surplus(app, removing, draft, stopped=cleared, pulls=rollout.pulls, gates=gates)
    former = rollout.world.releases.running.get(app.key)
    uncleared = [found for found in removing if found.id not in cleared]
    order_removals(draft, former.app if former is not None else None, uncleared)


def _wanted_networks(rollout: Rollout) -> dict[str, set[str]]:
    names, slots = {network.key: network.name for network in rollout.app.networks}, rollout.slots
    wanted: dict[str, set[str]] = defaultdict(set)
    asked = [(slot.host, slot.service) for slot in (*slots.slots, *slots.heal_suspended)]
    asked += [(each.host, each.service) for each in slots.scheduled]
    for host, service in asked:
        wanted[host].update(names.get(key, key) for key in service.networks)
    return wanted
