"""Makes the plan: place slots, compare containers with their desired state, and add the steps of each app.

An app that must not be changed is held, and the reason is noted.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from gitops_orch.model.app import App, AppKey, Rollback
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.plan.plan import Plan
from gitops_orch.planner.admission.address_order import start_fixed_addresses_first
from gitops_orch.planner.admission.fixed_addresses import blocked_by_addresses, move_from_addresses
from gitops_orch.planner.admission.joined_containers import (
    JoinableContainers,
    await_joined,
    joined_apps,
    with_own_parents,
)
from gitops_orch.planner.admission.obstacles import obstacle_of, refusal_of
from gitops_orch.planner.admission.other_controllers import of_another_instance, of_another_repository
from gitops_orch.planner.admission.port_conflicts import blocked_by_ports, with_blocked
from gitops_orch.planner.admission.probe_reach import unreachable_probe
from gitops_orch.planner.app_steps import add_app_steps
from gitops_orch.planner.data.data_handover import await_data, blocked_by_data
from gitops_orch.planner.data.data_loss import lost_data
from gitops_orch.planner.data.left_beside import left_beside
from gitops_orch.planner.data.lost_volumes import lost_volume
from gitops_orch.planner.data.renamed_apps import keep_former, with_renames
from gitops_orch.planner.diff.finished_jobs import skip_finished_jobs
from gitops_orch.planner.diff.moved_tags import note_failed_tags
from gitops_orch.planner.diff.slots import AppSlots, Slot, classify_slots
from gitops_orch.planner.fallback.fallback import Stopping, restart_previous
from gitops_orch.planner.fallback.first_release import keep_failed_running
from gitops_orch.planner.fallback.keep_serving import keep_running, keep_services_running
from gitops_orch.planner.fallback.predecessors import with_predecessors
from gitops_orch.planner.healing.heal import limit_healing
from gitops_orch.planner.health_gate import is_doubtful
from gitops_orch.planner.hooks.insert_hooks import insert_hooks
from gitops_orch.planner.hooks.pre_start import add_pre_starts
from gitops_orch.planner.inputs.adopted_containers import places_taken_over
from gitops_orch.planner.inputs.index import Index, build_index
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World
from gitops_orch.planner.placement.assignment import AppPlacement
from gitops_orch.planner.placement.placer import place_all
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.plan_notes import note_odd_hosts
from gitops_orch.planner.pruning.lost_hosts import note_removed_hosts
from gitops_orch.planner.pruning.orphaned_apps import prune_apps
from gitops_orch.planner.pruning.removal_budget import check_removals
from gitops_orch.planner.releases.dependencies import AppDependencies, Wait, with_running_releases
from gitops_orch.planner.removal.dependency_order import app_order
from gitops_orch.planner.removal.removal_steps import remove_networks
from gitops_orch.planner.removal.retain import retain_failed
from gitops_orch.planner.resources.external_resources import Externals, await_creation
from gitops_orch.planner.resources.volumes import (
    VolumeReplacement,
    agreed_replacements,
    explained,
    without_replaced,
)
from gitops_orch.planner.rollout.scheduled_runs import due_runs, manage_runs, split_scheduled
from gitops_orch.planner.status_reasons import invalid_file_reason

# how often an app may be found blocked: at the third time its previous containers cannot be started either
NO_SLOTS = 3


def make_plan(world: World, index: Index | None = None) -> Plan:
    """Return the actions that make the observed state equal to the desired state.

    Pure: the same world gives the same plan. `index` is the world's index, if the caller has built it already.
    """
    index = index or build_index(world)
    world = with_predecessors(with_renames(with_own_parents(world), index), index)
    world, draft = _draft(world, index)
    for _ in range(NO_SLOTS * len(world.releases.targets)):
        blocked = {
            **blocked_by_data(draft, world, index),
            **blocked_by_addresses(draft, index),
            **blocked_by_ports(draft, index),
        }
        if not blocked:
            break
        world, draft = _draft(with_blocked(world, blocked), index)
    actions = draft.finish()
    return Plan(
        commit=world.desired.commit,
        actions=actions,
        holds=tuple(draft.holds),
        refusals=check_removals(world, index),
        unknown_hosts=tuple(sorted(index.unknown)),
        unknown_apps=tuple(sorted(set(draft.unknown))),
        unread=tuple(sorted(draft.unread, key=repr)),
        taking_over=places_taken_over((each.app for each in world.releases.targets), index),
    )


def _draft(world: World, index: Index) -> tuple[World, PlanBuilder]:
    """Return the steps of all apps, and the world with the target releases for which these steps were planned."""
    draft, waiting = _plan_apps(world, index)
    instead = with_running_releases(world, waiting)
    if instead is not None:
        world = instead
        draft, _ = _plan_apps(world, index)
    for key in sorted(world.desired.invalid_apps):
        draft.hold(str(key), invalid_file_reason(key, world.desired.invalid_apps[key], index), key)
        draft.unknown.append(key)
    prune_apps(world, index, draft)
    draft.settle_stops()
    remove_networks(draft, index)
    await_creation(draft)
    await_joined(draft, index)
    note_removed_hosts(world, index, draft)
    note_odd_hosts(index, draft)
    add_pre_starts(draft, world, index)
    await_data(draft, world, index)
    start_fixed_addresses_first(draft, index)
    move_from_addresses(draft, world.releases, index)
    insert_hooks(draft, world, index)
    return world, draft


def _plan_apps(world: World, index: Index) -> tuple[PlanBuilder, Mapping[AppKey, Wait]]:
    """Plan the apps of Git. Return the steps, and the apps that wait for other apps."""
    placements = place_all(world, index)
    world = keep_former(world, held_apps(world, placements))
    chosen = {each.app.key: each for each in world.releases.targets}
    joined = joined_apps(each.app for each in world.releases.targets)
    order = app_order(
        chosen, {key: (*each.app.depends_on, *joined.get(key, ())) for key, each in chosen.items()}
    )
    externals = Externals(world)
    while True:  # see Note [What another app creates is waited for]
        dependencies = AppDependencies(world, index, PlanBuilder(), externals)
        for key in order:
            _plan_app(chosen[key], placements[key], world, dependencies)
            dependencies.note_planned(chosen[key])
        if externals.is_met(dependencies.draft):
            return dependencies.draft, dependencies.waiting


def _plan_app(
    chosen: TargetRelease, placement: AppPlacement, world: World, dependencies: AppDependencies
) -> None:
    index, draft = dependencies.index, dependencies.draft
    key = chosen.app.key
    if placement.unknown:
        draft.unknown.append(key)
    wished = held_reason(chosen, world)
    strange = "" if wished else of_another_repository(chosen.app, world, index)
    if strange:
        draft.hold(str(key), strange, key, error=True)
        return
    if wished or placement.hold:
        draft.hold(str(key), wished or placement.hold, key, error=placement.error and not wished)
        return
    slots, runs = _classify(chosen, placement, world, index, dependencies.outside)
    if _must_wait(chosen, slots, world, draft):
        return
    everything = replace(slots, slots=(*slots.slots, *runs))
    if _is_obstructed(chosen, slots, everything, world, dependencies):
        return
    if dependencies.must_wait(chosen, slots):
        restart_previous(chosen.app, slots, draft, world)
        return
    replacements = _agreed(chosen, everything, index)
    if replacements:
        index = without_replaced(index, key, replacements)
        slots, runs = _classify(chosen, placement, world, index, dependencies.outside)
        slots = explained(slots, replacements)
    kept_up = keep_failed_running(chosen, slots, all_seen=not placement.unknown)
    slots = limit_healing(chosen, kept_up, world, index, draft)
    _note_drift(key, slots, draft)
    note_failed_tags(chosen, draft)
    if (chosen.role is not Role.HEAD or chosen.stays_running) and key not in world.desired.invalid_apps:
        heals = chosen.role is Role.WAITING
        draft.hold(
            str(key),
            chosen.reason,
            key,
            heals=heals,
            error=key in world.findings.blocked and not chosen.stays_running,
        )
    draft.planned.add(key)
    if chosen.role is Role.BLOCKED:
        _keep_running(chosen, slots, world, index, draft)
        manage_runs(chosen, world, index, draft)
    else:
        dependencies.outside.note(slots.slots)
        everything = replace(slots, slots=(*slots.slots, *runs))
        add_app_steps(chosen, everything, replacements, world, index, draft)
        keep_services_running(chosen.app, draft, world, index)


def _is_obstructed(
    chosen: TargetRelease, slots: AppSlots, everything: AppSlots, world: World, dependencies: AppDependencies
) -> bool:
    """Return whether an obstacle prevents the whole app from being changed. If there is one, a hold is noted.

    While a person must decide about data, the containers that run are kept running.
    """
    index, draft, key = dependencies.index, dependencies.draft, chosen.app.key
    asked = _needs_decision(chosen.app, everything, world, index)
    obstacle = (
        asked
        or lost_volume(chosen.app, world, index)
        or obstacle_of(chosen.app, everything, index)
        or left_beside(chosen, everything, world, index)
        or of_another_instance(chosen.app, everything, world, index)
        or dependencies.externals.missing(chosen.app, everything, index)
        or refusal_of(chosen.app, everything, world.specs, index)
        or unreachable_probe(chosen.app, slots.slots, world.desired.hosts)
    )
    if obstacle:
        draft.hold(str(key), obstacle, key, error=True)
        if asked:
            keep_running(chosen.app, draft, world, index)
    return bool(obstacle)


def _needs_decision(app: App, slots: AppSlots, world: World, index: Index) -> str:
    """Return what a person must decide about data before the app may change; "" if nothing.

    Until then the app stays as it is.
    """
    if app.key in world.findings.data_holds or lost_volume(app, world, index):
        return world.findings.data_holds.get(app.key, "")
    return lost_data(app, slots, world, index)


def held_apps(world: World, placements: Mapping[AppKey, AppPlacement]) -> Collection[AppKey]:
    """Return the apps of which nothing is started, because of a hold or because they have no placement."""
    return {
        each.app.key
        for each in world.releases.targets
        if placements[each.app.key].hold or (world.findings.former_slots and held_reason(each, world))
    }


def _must_wait(chosen: TargetRelease, slots: AppSlots, world: World, draft: PlanBuilder) -> bool:
    """Return whether nothing new of an app is started for now. If so, its previous containers are started instead."""
    key = chosen.app.key
    blocked, wait = world.findings.blocked.get(key), world.memory.backoffs.get(key)
    if blocked is not None and blocked.count > 1:
        draft.hold(str(key), blocked.reason, key, error=not chosen.stays_running)
    elif wait is not None:
        draft.hold(
            str(key),
            f"{wait.reason}; tried again at {wait.until:%H:%M:%SZ}",
            key,
            error=not chosen.stays_running,
        )
    else:
        return False
    if blocked is None or blocked.count < NO_SLOTS:
        restart_previous(chosen.app, slots, draft, world)
    return True


def _classify(
    chosen: TargetRelease, placement: AppPlacement, world: World, index: Index, outside: JoinableContainers
) -> tuple[AppSlots, tuple[Slot, ...]]:
    """Return the slots that should run, and the scheduled runs of jobs that are due."""
    standing, scheduled = split_scheduled(placement)
    slots = skip_finished_jobs(
        chosen, classify_slots(chosen, standing, world, index, outside), world.releases
    )
    return replace(slots, scheduled=scheduled), due_runs(chosen, scheduled, world, index)


def _agreed(chosen: TargetRelease, slots: AppSlots, index: Index) -> tuple[VolumeReplacement, ...]:
    if chosen.role is not Role.HEAD or not chosen.app.replace_volumes:
        return ()
    return agreed_replacements(chosen.app, {slot.host for slot in slots.slots}, index)


def held_reason(chosen: TargetRelease, world: World) -> str:
    """Return why an app is held at this moment, by a command or by a line in Git; "" if it is not held."""
    for hold in (world.operator.holds.get(chosen.app.key), chosen.app.hold):
        if hold is not None and (hold.until is None or hold.until > world.now):
            return str(hold)
    return ""


def _note_drift(key: AppKey, slots: AppSlots, draft: PlanBuilder) -> None:
    for slot in slots.slots:
        for diff in slot.drifted:
            name = slot.current.name if slot.current else slot.name
            draft.hold(f"{name} on {slot.host}", f"{diff.reason}; x-gitops.drift forbids a repair", key)


def _keep_running(
    chosen: TargetRelease, slots: AppSlots, world: World, index: Index, draft: PlanBuilder
) -> None:
    """Plan for a release that can neither continue nor be rolled back.

    Its failed containers are stopped permanently, and the previous containers, which the rollout had stopped, are
    started. With `rollback: off`, the failed containers are left as they are.
    """
    failed = (
        ()
        if chosen.app.rollback is Rollback.OFF
        else _failed_containers(slots, world.releases, chosen.app.key)
    )
    steps = retain_failed(chosen.app, AppSlots(slots=(), surplus=(), failed=failed), world, index, draft)
    stopping = Stopping(containers={found.id for found in failed}, steps=steps)
    restart_previous(chosen.app, slots, draft, world, stopping)


def _failed_containers(slots: AppSlots, releases: ReleaseInputs, key: AppKey) -> tuple[SlotContainer, ...]:
    failed = releases.failed.get(key, {})
    failed_all = [*slots.failed, *(each for slot in slots.slots for each in slot.failed)]
    failed_all += [
        slot.current
        for slot in slots.slots
        if isinstance(slot.current, OwnedContainer) and slot.current.owner.release in failed
    ]
    return tuple(found for found in failed_all if is_doubtful(found))
