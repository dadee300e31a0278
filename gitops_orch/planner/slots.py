"""Every slot of an app, classified: what is there, what is missing, what has to go."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gitops_orch.model.app import App, Drift, FileMount, Mode, Service
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import Health, ObservedContainer, State
from gitops_orch.model.plan import Change
from gitops_orch.planner.adoption import adopted_containers
from gitops_orch.planner.aside import is_aside
from gitops_orch.planner.compare import Finding, Remedy, Wanted, compare
from gitops_orch.planner.fates import Fate, Verdict, is_failed, is_superseded, replaces, sort_out, worthy
from gitops_orch.planner.follow import binds_on_host, left_git, rewritten
from gitops_orch.planner.gate import is_doubtful
from gitops_orch.planner.images import normalise
from gitops_orch.planner.index import HostIndex, Index, Located
from gitops_orch.planner.kept_mounts import MountKeeper
from gitops_orch.planner.moved_tags import is_pulled_again, moved_bytes, with_digest
from gitops_orch.planner.namespaces import JOIN, Parents, joined_names, parents_first
from gitops_orch.planner.place import AppPlacement, Assignment
from gitops_orch.planner.world import Chosen, Role, World

# What a broken-off or failed replacement leaves to be put right: it was stopped, renamed, kept from restarting.
_OWN_WORK = frozenset({Remedy.START, Remedy.RENAME, Remedy.UPDATE})
_UP = (State.RUNNING, State.RESTARTING, State.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot that should run.

    `current` is the container that already is what Git wants, but for `findings` that are put right in place.  With no
    current one, a container named `name` is made, for `reason`.  `olds` go once the slot is well, those that are
    `worthy` only aside; `kept` are aside already, for going back to them; `parked` failed, and are aside too.
    """

    assignment: Assignment
    service: Service  # of the assignment, and so is the host: asked for often
    host: str
    name: str
    image_id: str  # "" where the image is not on the host yet
    image: str  # the reference to create by
    pulled_again: bool = (
        False  # the tag is pulled before the create, and may name other bytes than `image_id` then
    )
    current: Located | None = None
    findings: tuple[Finding, ...] = ()
    drifted: tuple[Finding, ...] = ()  # seen and, by the app's drift policy, left alone
    olds: tuple[Located, ...] = ()
    worthy: frozenset[str] = frozenset()  # ids of olds that did well as another release: worth going back to
    superseded: bool = False  # an old one is what Git said before
    kept: tuple[Located, ...] = ()
    parked: tuple[Located, ...] = ()
    dropped: tuple[Located, ...] = ()  # were parked, and are no longer of interest
    reason: str = ""
    changes: tuple[Change, ...] = ()
    unproved: bool = False  # the current container was made for this release, and its gate was interrupted

    @property
    def made(self) -> bool:
        """Tell whether a new container is made for it."""
        return self.current is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSlots:
    """All slots of an app on hosts that answer, and its containers that no slot asks for."""

    slots: tuple[Slot, ...]
    surplus: tuple[Located, ...]
    parked: tuple[Located, ...]  # failed ones of slots or services that are no longer asked for
    scheduled: tuple[Assignment, ...] = ()  # where services run that have nothing but their runs
    withheld: tuple[Slot, ...] = ()  # asked for, and left alone for now: making them did not help


class Joinable(Protocol):
    """Knows the containers that a service can join by their names."""

    def is_made(self, host: str, name: str) -> bool:
        """Tell whether this plan makes a container of that name."""
        ...

    def current(self, host: str, name: str) -> ObservedContainer | None:
        """Return the container that has that name and stays; None where none is known."""
        ...


def study_app(
    chosen: Chosen, placement: AppPlacement, world: World, index: Index, outside: Joinable
) -> AppSlots:
    """Classify an app's slots; those on unknown hosts are left out, and so is what was seen for them elsewhere."""
    app = chosen.app
    # A global service's slots are told apart by their host; another's slot may be on any.
    everywhere = {service.name for service in app.services if service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB)}
    there: dict[tuple[str, int, str], list[Located]] = defaultdict(list)
    for found in index.apps.get(app.key, ()):
        owner = found.container.owner
        if owner is not None:
            scope = found.host if owner.service in everywhere else ""
            there[(owner.service, owner.slot, scope)].append(found)
    adopted = adopted_containers(app, index)
    keeper, former = MountKeeper(app, index), left_git(app, world, index)
    slots: dict[int, Slot] = {}  # by the place of their assignment
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
            case = _Case(chosen, assignment, _binds(keeper, assignment, former))
            slot = _study(case, [*found_here, *taken_over], world, host, parents)
            if slot.current is None:
                parents.note_made(service.name, slot.host)
            else:
                parents.note(service.name, slot.host, slot.current.container, _name_now(app, slot.current))
            slots[number] = slot
    failed = world.failed.get(app.key, {})
    left = [found for founds in there.values() for found in founds]
    return AppSlots(
        slots=tuple(slots[number] for number in sorted(slots)),
        surplus=tuple(found for found in left if not is_failed(chosen, found.container, failed)),
        parked=tuple(found for found in left if is_failed(chosen, found.container, failed)),
    )


def _note_joined(parents: Parents, assignment: Assignment, outside: Joinable) -> None:
    for name in joined_names(assignment.service):
        current = outside.current(assignment.host, name)
        if outside.is_made(assignment.host, name):
            parents.note_made(f"{JOIN}{name}", assignment.host)
        elif current is not None:
            parents.note(f"{JOIN}{name}", assignment.host, current, name)


def _parents_first(assignments: Sequence[Assignment]) -> Sequence[tuple[int, Assignment]]:
    ranks = {service.name: rank for rank, service in enumerate(parents_first(a.service for a in assignments))}
    return sorted(enumerate(assignments), key=lambda row: ranks[row[1].service.name])


@dataclass(frozen=True, slots=True)
class _Case:
    """A slot that is studied, and its binds of files from Git as they lie on its host."""

    chosen: Chosen
    assignment: Assignment
    binds: tuple[FileMount, ...]


def _binds(keeper: MountKeeper, assignment: Assignment, former: frozenset[str]) -> tuple[FileMount, ...]:
    if all(files.writable_path is None for files in assignment.service.files):
        return ()
    return binds_on_host(assignment.service, keeper.sources(assignment), former)


def _study(case: _Case, found: list[Located], world: World, host: HostIndex, parents: Parents) -> Slot:
    chosen, assignment = case.chosen, case.assignment
    app, service = chosen.app, assignment.service
    image, image_id = choose_image(chosen, service, host)
    spec = world.spec(app, service.name)
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
    running = [each.container.image_id for each in found if each.host == assignment.host]
    wanted = replace(wanted, moved=moved_bytes(chosen, service, host, image_id, running))
    verdicts = [
        (each, _compare(wanted, each, _name_now(app, each), parents))
        for each in found
        if each.host == assignment.host and not _is_given_up(chosen, each.container, world)
    ]
    verdicts.sort(key=_preference)
    keep = _keep(app, verdicts)
    sorted_out = sort_out(chosen, keep[0] if keep else None, found, assignment.host, world)
    olds = sorted_out[Fate.OLD]
    reason, changes = _why_made(verdicts, olds, assignment)
    findings = keep[1] if keep else ()
    # With another container in its slot, or aside until now, it is we who stopped it: that is no drift.
    beside = any(sorted_out[fate] for fate in (Fate.OLD, Fate.PARKED, Fate.DROPPED))
    ours = beside or (keep is not None and is_aside(keep[0].container))
    mended = _OWN_WORK if ours else frozenset()
    enforced = app.drift is Drift.ENFORCE
    drifted = tuple(
        finding for _, seen in verdicts for finding in seen if finding.drift and finding.remedy not in mended
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
        findings=tuple(
            finding for finding in findings if enforced or not finding.drift or finding.remedy in mended
        ),
        drifted=() if enforced else drifted,
        olds=olds,
        worthy=worthy(chosen, verdicts, olds, world),
        superseded=any(each in olds and is_superseded(findings) for each, findings in verdicts),
        kept=sorted_out[Fate.KEPT],
        parked=sorted_out[Fate.PARKED],
        dropped=sorted_out[Fate.DROPPED],
        reason=reason,
        changes=changes,
        unproved=keep is not None and _is_unproved(chosen, keep[0].container, world),
    )


def _wanted(case: _Case, image_id: str, world: World) -> Wanted:
    app, service = case.chosen.app, case.assignment.service
    return Wanted(
        service=service,
        spec=world.spec(app, service.name),
        networks=_network_names(app, service),
        image_id=image_id,
        app=app,
        made_from=world.made_from,
        rewritten=rewritten(world, case.assignment.host, app, case.binds),
    )


def _compare(wanted: Wanted, found: Located, name: str, parents: Parents) -> tuple[Finding, ...]:
    findings = compare(wanted, found.container, name)
    lost = parents.judge(wanted.service, found.host, found.container) if not replaces(findings) else None
    if lost is None:
        return findings
    return (lost,) if replaces((lost,)) else (*findings, lost)


def _keep(app: App, verdicts: list[Verdict]) -> Verdict | None:
    """Return the container that stays, and what is put right about it; None where a new one is made."""
    best = next(((each, findings) for each, findings in verdicts if not replaces(findings)), None)
    if best is None and app.drift is not Drift.ENFORCE:
        best = next(((each, ()) for each, findings in verdicts if _is_drift(findings)), None)
    return best


def _is_given_up(chosen: Chosen, container: ObservedContainer, world: World) -> bool:
    """What failed is not taken up by going back, though it may be made just as what one goes back to."""
    failed = world.failed.get(chosen.app.key)
    if not failed or chosen.role is Role.STUCK:
        return False
    return is_failed(chosen, container, failed) and is_doubtful(container)


def _is_unproved(chosen: Chosen, container: ObservedContainer, world: World) -> bool:
    """A gate that was not finished, by a crash or for something more urgent, is gone through again.

    So is that of a release which failed or was never proved, where another one takes its container over as it is.
    """
    key, owner = chosen.app.key, container.owner
    if key not in world.unproved or chosen.role is not Role.HEAD or owner is None:
        return False
    doubtful = {chosen.app.digest, *world.begun.get(key, ()), *world.failed.get(key, ())}
    return owner.release in doubtful and container.state in _UP


def _network_names(app: App, service: Service) -> tuple[str, ...]:
    names = {network.key: network.name for network in app.networks}
    return tuple(names.get(key, key) for key in service.networks)


def _name_now(app: App, found: Located) -> str:
    """The name that a container was made with, told from its own labels."""
    owner = found.container.owner
    if owner is None:
        return found.container.name
    for service in app.services:
        if service.name == owner.service and service.container_name:
            return service.container_name
    return container_name(app.key.project, owner.service, owner.slot, owner.spec_hash, owner.image_digest)


def _is_drift(findings: tuple[Finding, ...]) -> bool:
    return all(finding.drift for finding in findings)


def _preference(verdict: Verdict) -> tuple[bool, bool, bool, bool, str]:
    """Best first: need not be replaced, runs, is healthy, has its name; then by name, so that the order never changes."""
    found, findings = verdict
    container = found.container
    return (
        replaces(findings),
        container.state is not State.RUNNING,
        container.health is Health.UNHEALTHY,
        any(finding.remedy is Remedy.RENAME for finding in findings),
        container.name,
    )


def _why_made(
    verdicts: list[Verdict], olds: tuple[Located, ...], assignment: Assignment
) -> tuple[str, tuple[Change, ...]]:
    """Why a new container is made: what is wrong with the one that is there, or that there is none."""
    for found, findings in verdicts:
        if replaces(findings) and found in olds:
            return f"replaces {found.container.name}: {findings[0].reason}", findings[0].changes
    elsewhere = sorted({old.host for old in olds})
    if elsewhere:
        return f"moves here from {', '.join(elsewhere)}", ()
    return _missing(assignment), ()


def _missing(assignment: Assignment) -> str:
    return f"slot {assignment.slot} of {assignment.service.name} is missing"


def choose_image(chosen: Chosen, service: Service, host: HostIndex) -> tuple[str, str]:
    """Return the reference to create by, and the image's id on the host ("" where it is not there).

    The reference is the one that Git has, unless the release's own bytes are known and the tag means others now.
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
