"""Classifies every slot of an app: what exists, what is missing, and what must be removed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gitops_orch.model.app import App, Drift, FileMount, Mode, Service
from gitops_orch.model.container import is_retained
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import Health, ObservedContainer, OwnedContainer, State, owner_of
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.namespaces import OF_CONTAINER
from gitops_orch.planner.diff.bind_files import binds_on_host, left_git, rewritten
from gitops_orch.planner.diff.classify import (
    Bucket,
    ComparedContainer,
    classify,
    is_failed,
    is_superseded,
    replaces,
    rollback_candidates,
)
from gitops_orch.planner.diff.drift import ContainerDiff, DesiredContainer, Remedy, compare
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.moved_tags import is_pulled_again, moved_tag, with_digest
from gitops_orch.planner.diff.shared_namespaces import Parents, joined_names, parents_first
from gitops_orch.planner.health_gate import is_doubtful
from gitops_orch.planner.inputs.adopted_containers import adopted_containers
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World
from gitops_orch.planner.placement.assignment import AppPlacement, Assignment

# An interrupted or failed replacement leaves these diffs: the container was stopped, renamed, or cannot restart.
_OWN_REMEDIES = frozenset({Remedy.START, Remedy.RENAME, Remedy.UPDATE})
_UP = (State.RUNNING, State.RESTARTING, State.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot that should run.

    `current` is the container that matches Git, except for `diffs`, which are repaired in place. Without a current one,
    a container named `name` is created, for `reason`. When the slot is healthy, `outdated` containers are removed, and
    the `rollback_candidates` among them are retained instead. `retained` were retained before, for a rollback; `failed`
    are failed containers that are kept for inspection.
    """

    assignment: Assignment
    service: Service  # of the assignment, like `host`: both are used often
    host: str
    name: str
    image_id: str  # "" if the image is not on the host yet
    image: str  # the reference for the create request
    # the tag is pulled before the create, and may then name another image than `image_id`
    pulled_again: bool = False
    current: SlotContainer | None = None
    diffs: tuple[ContainerDiff, ...] = ()
    drifted: tuple[ContainerDiff, ...] = ()  # seen and, by the app's drift policy, not repaired
    outdated: tuple[SlotContainer, ...] = ()
    # ids of outdated containers that were healthy in another release
    rollback_candidates: frozenset[str] = frozenset()
    has_superseded: bool = False  # an outdated container is what Git declared before
    retained: tuple[SlotContainer, ...] = ()
    failed: tuple[SlotContainer, ...] = ()
    discarded: tuple[SlotContainer, ...] = ()  # failed containers that are no longer of interest
    reason: str = ""
    changes: tuple[Change, ...] = ()
    ungated: bool = False  # the current container was created for this release, and its gate was interrupted

    @property
    def is_new(self) -> bool:
        """Return whether a new container is created for the slot."""
        return self.current is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSlots:
    """All slots of an app on hosts that answer, and the containers that no slot needs."""

    slots: tuple[Slot, ...]
    surplus: tuple[SlotContainer, ...]
    failed: tuple[SlotContainer, ...]  # failed containers of slots or services that are no longer needed
    scheduled: tuple[Assignment, ...] = ()  # hosts of services that have only scheduled runs
    heal_suspended: tuple[Slot, ...] = ()  # needed, but left alone for now: creating them did not help


class Joinable(Protocol):
    """Knows the containers that a service can join by their names."""

    def is_new(self, host: str, name: str) -> bool:
        """Return whether this plan creates a container of that name."""
        ...

    def current(self, host: str, name: str) -> ObservedContainer | None:
        """Return the container that has that name and stays; None if none is known."""
        ...


def classify_slots(
    chosen: TargetRelease, placement: AppPlacement, world: World, index: Index, outside: Joinable
) -> AppSlots:
    """Classify an app's slots. Those on unknown hosts are left out, also their containers on other hosts."""
    app = chosen.app
    # A slot of a global service is identified by its host, too; a slot of another service may be on any host.
    everywhere = {service.name for service in app.services if service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB)}
    there: dict[tuple[str, int, str], list[SlotContainer]] = defaultdict(list)
    for found in index.apps.get(app.key, ()):
        owner = found.owner
        scope = found.host if owner.service in everywhere else ""
        there[(owner.service, owner.slot, scope)].append(found)
    adopted = adopted_containers(app, index)
    keeper, former = MountResolver(app, index), left_git(app, world, index)
    slots: dict[int, Slot] = {}  # by the index of their assignment
    parents = Parents()
    for number, assignment in _parents_first(placement.assignments):
        service = assignment.service
        key = (service.name, assignment.slot, assignment.host if service.name in everywhere else "")
        found_here = there.pop(key, [])
        if assignment.host in index.hosts:
            taken_over = [
                each.found
                for each in adopted
                if (each.service, each.slot, each.found.host)
                == (service.name, assignment.slot, assignment.host)
            ]
            host = index.hosts[assignment.host]
            _note_joined(parents, assignment, outside)
            case = _SlotInput(chosen, assignment, _binds(keeper, assignment, former))
            slot = _classify(case, [*found_here, *taken_over], world, host, parents)
            if slot.current is None:
                parents.note_new(service.name, slot.host)
            else:
                parents.note(service.name, slot.host, slot.current, _current_name(app, slot.current))
            slots[number] = slot
    failed = world.releases.failed.get(app.key, {})
    left = [found for founds in there.values() for found in founds]
    return AppSlots(
        slots=tuple(slots[number] for number in sorted(slots)),
        surplus=tuple(found for found in left if not is_failed(chosen, found, failed)),
        failed=tuple(found for found in left if is_failed(chosen, found, failed)),
    )


def _note_joined(parents: Parents, assignment: Assignment, outside: Joinable) -> None:
    for name in joined_names(assignment.service):
        current = outside.current(assignment.host, name)
        if outside.is_new(assignment.host, name):
            parents.note_new(f"{OF_CONTAINER}{name}", assignment.host)
        elif current is not None:
            parents.note(f"{OF_CONTAINER}{name}", assignment.host, current, name)


def _parents_first(assignments: Sequence[Assignment]) -> Sequence[tuple[int, Assignment]]:
    ranks = {service.name: rank for rank, service in enumerate(parents_first(a.service for a in assignments))}
    return sorted(enumerate(assignments), key=lambda row: ranks[row[1].service.name])


@dataclass(frozen=True, slots=True)
class _SlotInput:
    """A slot to classify, and its binds of files from Git with their places on its host."""

    chosen: TargetRelease
    assignment: Assignment
    binds: tuple[FileMount, ...]


def _binds(keeper: MountResolver, assignment: Assignment, former: frozenset[str]) -> tuple[FileMount, ...]:
    if all(files.writable_path is None for files in assignment.service.files):
        return ()
    return binds_on_host(assignment.service, keeper.sources(assignment), former)


def _classify(
    case: _SlotInput, found: list[SlotContainer], world: World, host: HostIndex, parents: Parents
) -> Slot:
    chosen, assignment = case.chosen, case.assignment
    app, service = chosen.app, assignment.service
    image, image_id = choose_image(chosen, service, host)
    spec = world.specs.of(app, service.name)
    pulled_again = is_pulled_again(chosen, service, image)
    name = service.container_name or container_name(
        app.key.project, service.name, assignment.slot, spec.hash, "" if pulled_again else image_id
    )
    if not found:
        return Slot(
            assignment=assignment,
            service=service,
            host=assignment.host,
            name=name,
            image=image,
            image_id=image_id,
            pulled_again=pulled_again,
            reason=_missing(assignment),
        )
    wanted = _wanted(case, image_id, world)
    running = [each.image_id for each in found if each.host == assignment.host]
    wanted = replace(wanted, moved=moved_tag(chosen, service, host, image_id, running))
    compared = [
        (each, _compare(wanted, each, _current_name(app, each), parents))
        for each in found
        if each.host == assignment.host and not _is_abandoned(chosen, each, world.releases)
    ]
    compared.sort(key=_preference)
    keep = _keep(app, compared)
    sorted_out = classify(chosen, keep[0] if keep else None, found, assignment.host, world.releases)
    outdated = sorted_out[Bucket.OUTDATED]
    reason, changes = _why_created(compared, outdated, assignment)
    diffs = keep[1] if keep else ()
    # If another container is in its slot, or if it was retained until now, we stopped it: that is no drift.
    beside = any(sorted_out[bucket] for bucket in (Bucket.OUTDATED, Bucket.FAILED, Bucket.DISCARDED))
    ours = beside or (keep is not None and is_retained(keep[0]))
    repaired = _OWN_REMEDIES if ours else frozenset()
    enforced = app.drift is Drift.ENFORCE
    drifted = tuple(
        diff for _, seen in compared for diff in seen if diff.drift and diff.remedy not in repaired
    )
    return Slot(
        assignment=assignment,
        service=service,
        host=assignment.host,
        name=name,
        image=image,
        image_id=image_id,
        pulled_again=pulled_again,
        current=keep[0] if keep else None,
        diffs=tuple(diff for diff in diffs if enforced or not diff.drift or diff.remedy in repaired),
        drifted=() if enforced else drifted,
        outdated=outdated,
        rollback_candidates=rollback_candidates(chosen, compared, outdated, world),
        has_superseded=any(each in outdated and is_superseded(diffs) for each, diffs in compared),
        retained=sorted_out[Bucket.RETAINED],
        failed=sorted_out[Bucket.FAILED],
        discarded=sorted_out[Bucket.DISCARDED],
        reason=reason,
        changes=changes,
        ungated=keep is not None and _is_ungated(chosen, keep[0], world.releases),
    )


def _wanted(case: _SlotInput, image_id: str, world: World) -> DesiredContainer:
    app, service = case.chosen.app, case.assignment.service
    return DesiredContainer(
        service=service,
        spec=world.specs.of(app, service.name),
        networks=_network_names(app, service),
        image_id=image_id,
        app=app,
        declared_services=world.specs.declared_services,
        rewritten=rewritten(world, case.assignment.host, app, case.binds),
    )


def _compare(
    wanted: DesiredContainer, found: SlotContainer, name: str, parents: Parents
) -> tuple[ContainerDiff, ...]:
    diffs = compare(wanted, found, name)
    lost = parents.check(wanted.service, found.host, found) if not replaces(diffs) else None
    if lost is None:
        return diffs
    return (lost,) if replaces((lost,)) else (*diffs, lost)


def _keep(app: App, compared: list[ComparedContainer]) -> ComparedContainer | None:
    """Return the container that stays, and the diffs to repair; None if a new one is created."""
    best = next(((each, diffs) for each, diffs in compared if not replaces(diffs)), None)
    if best is None and app.drift is not Drift.ENFORCE:
        best = next(((each, ()) for each, diffs in compared if _is_drift(diffs)), None)
    return best


def _is_abandoned(chosen: TargetRelease, container: ObservedContainer, releases: ReleaseInputs) -> bool:
    """Return whether a container failed, so that a rollback does not reuse it, even if its spec is the wanted one."""
    failed = releases.failed.get(chosen.app.key)
    if not failed or chosen.role is Role.BLOCKED:
        return False
    return is_failed(chosen, container, failed) and is_doubtful(container)


def _is_ungated(chosen: TargetRelease, container: ObservedContainer, releases: ReleaseInputs) -> bool:
    """Return whether a container must pass its gate again: a crash or a more urgent trigger interrupted the gate.

    The same holds if the head's release reuses a container of a release that failed or never passed its gate.
    """
    key, owner = chosen.app.key, owner_of(container)
    if key not in releases.ungated or chosen.role is not Role.HEAD or owner is None:
        return False
    doubtful = {
        chosen.app.digest,
        *releases.progressing.get(key, ()),
        *releases.failed.get(key, ()),
    }
    return owner.release in doubtful and container.state in _UP


def _network_names(app: App, service: Service) -> tuple[str, ...]:
    names = {network.key: network.name for network in app.networks}
    return tuple(names.get(key, key) for key in service.networks)


def _current_name(app: App, found: SlotContainer) -> str:
    """Return the name that a container was created with, from its own labels."""
    if not isinstance(found, OwnedContainer):
        return found.name
    owner = found.owner
    for service in app.services:
        if service.name == owner.service and service.container_name:
            return service.container_name
    return container_name(app.key.project, owner.service, owner.slot, owner.spec_hash, owner.image_digest)


def _is_drift(diffs: tuple[ContainerDiff, ...]) -> bool:
    return all(diff.drift for diff in diffs)


def _preference(compared_one: ComparedContainer) -> tuple[bool, bool, bool, bool, str]:
    """Sort key, best first: needs no replacement, runs, is healthy, has its name; then by name, for a stable order."""
    found, diffs = compared_one
    container = found
    return (
        replaces(diffs),
        container.state is not State.RUNNING,
        container.health is Health.UNHEALTHY,
        any(diff.remedy is Remedy.RENAME for diff in diffs),
        container.name,
    )


def _why_created(
    compared: list[ComparedContainer], outdated: tuple[SlotContainer, ...], assignment: Assignment
) -> tuple[str, tuple[Change, ...]]:
    """Return why a new container is created: the fault of the existing one, or that there is none."""
    for found, diffs in compared:
        if replaces(diffs) and found in outdated:
            return f"replaces {found.name}: {diffs[0].reason}", diffs[0].changes
    elsewhere = sorted({old.host for old in outdated})
    if elsewhere:
        return f"moves here from {', '.join(elsewhere)}", ()
    return _missing(assignment), ()


def _missing(assignment: Assignment) -> str:
    return f"slot {assignment.slot} of {assignment.service.name} is missing"


def choose_image(chosen: TargetRelease, service: Service, host: HostIndex) -> tuple[str, str]:
    """Return the reference for the create request, and the image's id on the host ("" if it is not there).

    The reference is the declared one, unless the release's image is known and the tag names another one now.
    """
    there = host.image_ids.get(normalise(service.image), "")
    tag = chosen.tags.get(service.name)
    if tag is not None and not tag.failed:
        return service.image, host.image_ids.get(with_digest(service.image, tag.digest), "")
    pin = chosen.images.get(service.name)
    if pin is None or there == pin.id:
        return service.image, there
    if pin.id in host.image_ids:
        return pin.id, pin.id
    if pin.digests:
        return pin.digests[0], host.image_ids.get(normalise(pin.digests[0]), "")
    return service.image, there
