"""Decides which previous containers run while an app's rollout cannot continue.

An interrupted stop-first replacement has left its slot empty. Either the Engine did not start the new container, which
is trouble and is retried later; or the new container failed, and its release does not continue.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.container import is_retained, newest_first, renamed_suffix
from gitops_orch.model.names import is_pre_start, prepared_service
from gitops_orch.model.observed import (
    LIVE_STATES,
    ObservedContainer,
    ObservedHost,
    OwnedContainer,
    State,
    owner_of,
)
from gitops_orch.model.plan.kinds import Rename, Start
from gitops_orch.model.rules.ports import ports_of
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.fallback.spare_capacity import RunningSet
from gitops_orch.planner.inputs.container_exit import is_done, why_stopped
from gitops_orch.planner.inputs.data_locations import written_by
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import MemoryInputs, ObservedInputs, ReleaseInputs, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import owned
from gitops_orch.planner.rollout.excess import predecessors, why_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Containers, by id, that are being stopped permanently, and the steps that stop them."""

    containers: Collection[str] = ()
    steps: tuple[str, ...] = ()


NONE_STOPPING = Stopping()


def restart_previous(
    app: App, slots: AppSlots, draft: PlanBuilder, world: World, stopping: Stopping = NONE_STOPPING
) -> None:
    """Add the start of the old container of every slot in which nothing runs except containers that are `stopping`.

    If several cannot run beside each other, the best one is started.
    """
    for slot in slots.slots:
        for each in slot.outdated:
            _restore_name(each, draft, world.observed, stopping)
    room = RunningSet(app, _running(slots, stopping.containers))
    for old in best_first(_stopped(app, slots, stopping.containers, world), app.key, world.releases):
        if room.add_if_free(old) and not is_backed_off(draft, app.key, old, world.memory):
            draft.add_gate(app.key, restart(draft, old, stopping.steps))


def is_backed_off(draft: PlanBuilder, app: AppKey, old: SlotContainer, memory: MemoryInputs) -> bool:
    """Return whether the start of a container is backed off, because its Engine refused it recently; note it if so."""
    wait = memory.start_backoffs.get((old.host, old.id))
    if wait is not None:
        reason = f"it served before, and cannot be started again: {wait.reason}; tried again at {wait.until:%H:%M:%SZ}"
        draft.hold(f"{old.name} on {old.host}", reason, app, error=True)
    return wait is not None


def restart(draft: PlanBuilder, old: SlotContainer, after: tuple[str, ...]) -> str:
    """Add the start of a container whose successor is not healthy, and return its id."""
    reason = "it serves until its successor can be started"
    started = draft.add(Start(), old.host, old.id, reason, **owned(old), after=after)
    draft.ledger.needs_ports(old.host, ports_of(old), started)
    draft.ledger.needs_addresses(old.host, old.fixed_addresses, started)
    return started


def _stopped(app: App, slots: AppSlots, stopping: Collection[str], world: World) -> list[SlotContainer]:
    """Return the containers that were stopped for slots in which nothing runs; their service may be renamed now."""
    empty = [slot for slot in slots.slots if not _is_served(slot, stopping)]
    found: list[SlotContainer] = []
    for slot in empty:
        here = () if slot.service.job else (old for old in slot.outdated if old.host == slot.host)
        found += best_first(
            (old for old in here if can_restart(old, app.key, world)), app.key, world.releases
        )[:1]
    left = () if why_kept(app, world) or not empty else slots.surplus
    renamed = [each for each in left if can_restart(each, app.key, world)]
    former = {
        identity: row[0]
        for slot in empty
        for identity, row in predecessors(app, slot, renamed, world.findings).items()
    }
    return [*found, *former.values()]


def can_restart(found: SlotContainer, app: AppKey, world: World) -> bool:
    """Return whether a stopped container may serve again: it did not fail, and everything that it needs exists."""
    return can_serve(found) and not _is_bad(found, app, world.releases) and may_start(found, world.observed)


def _running(slots: AppSlots, stopping: Collection[str]) -> list[SlotContainer]:
    """Return the containers of an app that run and stay."""
    there = [*slots.surplus, *slots.failed]
    for slot in slots.slots:
        there += _there(slot)
    return [each for each in there if _is_live(each, stopping)]


def best_first(stopped: Iterable[SlotContainer], app: AppKey, releases: ReleaseInputs) -> list[SlotContainer]:
    """Return stopped containers: those that did not fail first, then those of gated releases, then the newest."""
    progressing, there = releases.progressing.get(app, frozenset()), list(stopped)
    ages = {each.id: place for place, each in enumerate(newest_first(found for found in there))}

    def rank(found: SlotContainer) -> tuple[bool, bool, int]:
        owner = owner_of(found)
        is_ungated = owner is not None and owner.release in progressing
        return _is_bad(found, app, releases), is_ungated, ages[found.id]

    return sorted(there, key=rank)


def may_start(old: SlotContainer, observed: ObservedInputs) -> bool:
    """Return whether everything that a container needs exists, and no hook prepares its data for another container."""
    return has_peers(old, observed) and not _is_prepared_for_another(old, observed)


def can_serve(container: ObservedContainer) -> bool:
    """Return whether a container is stopped, and is not failed, retained or done."""
    return container.state is State.EXITED and not (is_retained(container) or is_done(container))


def _is_served(slot: Slot, stopping: Collection[str]) -> bool:
    return any(_is_live(each, stopping) for each in _there(slot))


def _there(slot: Slot) -> list[SlotContainer]:
    return [*slot.outdated, *slot.failed, *((slot.current,) if slot.current is not None else ())]


def _is_live(found: SlotContainer, stopping: Collection[str]) -> bool:
    return found.state in LIVE_STATES and found.id not in stopping


def _restore_name(
    old: SlotContainer, draft: PlanBuilder, observed: ObservedInputs, stopping: Stopping
) -> None:
    """Give a container that was to be adopted its former name back: other tools recognise it only by its name."""
    host, name = observed.hosts.get(old.host), old.name.removesuffix(renamed_suffix(old))
    if isinstance(old, OwnedContainer) or name == old.name or not isinstance(host, ObservedHost):
        return
    if all(each.name != name or each.id in stopping.containers for each in host.containers):
        reason = "it serves again, under its own name"
        draft.add(Rename(name), old.host, old.id, reason, **owned(old), after=stopping.steps)


def has_peers(found: SlotContainer, observed: ObservedInputs) -> bool:
    """Return whether the containers whose namespaces this one uses are running: only then can it be started.

    If they are restarted by this plan, too, it is started by the next plan.
    """
    details, host = found.details, observed.hosts.get(found.host)
    if details is None or not details.joined or not isinstance(host, ObservedHost):
        return True
    up = {each.id for each in host.containers if each.state in LIVE_STATES}
    return up.issuperset(details.joined)


def _is_prepared_for_another(found: SlotContainer, observed: ObservedInputs) -> bool:
    """Return whether a `pre_start` of its successor is running on its data.

    Until that ends, it would be a second writer.
    """
    host = observed.hosts.get(found.host)
    if not isinstance(found, OwnedContainer) or not isinstance(host, ObservedHost):
        return False
    owner = found.owner
    data = written_by(found)
    return any(
        is_pre_start(each.owner.service)
        and (each.owner.app, prepared_service(each.owner.service)) == (owner.app, owner.service)
        and each.state in LIVE_STATES
        and not data.isdisjoint(written_by(each))
        for each in host.owned
    )


def _is_bad(container: ObservedContainer, app: AppKey, releases: ReleaseInputs) -> bool:
    """Return whether a container cannot serve: its release is quarantined, or it crashed in a doubtful release."""
    if not isinstance(container, OwnedContainer):
        return False
    owner, details = container.owner, container.details
    doubtful = {*releases.progressing.get(app, ()), *releases.failed_or_running.get(app, ())}
    orderly = details is None or not details.exit_code or bool(why_stopped(container))
    return owner.release in releases.failed.get(app, {}) or (owner.release in doubtful and not orderly)
