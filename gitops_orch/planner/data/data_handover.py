"""Decides which container may start on data only after another one has stopped.

Two containers that write to the same volume or host directory can damage its data. If both services declare it in one
commit, they share it on purpose, and nothing waits. If it moves from one service to another, the new container is
started after the old one has stopped; as long as the old one stays, the new one is not started. `shared_data.py`
decides about data that Git does not declare as shared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.names import prepared_service
from gitops_orch.model.observed import ObservedContainer, owner_of
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.plan.kinds import KINDS
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.planner.data.shared_data import NewContainer, ServiceKey, Sharing, service_key_of
from gitops_orch.planner.inputs.address_holders import holders_of
from gitops_orch.planner.inputs.data_locations import written, written_by
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder


@dataclass(frozen=True, slots=True)
class _DataConflict:
    """A start on data that another container writes to and does not share; `stop` ends it, None: it stays."""

    start: Action
    source: str
    holder: ObservedContainer
    stop: str | None


def await_data(draft: PlanBuilder, world: World, index: Index) -> None:
    """Let each start, and the stop of its own predecessor, wait for the stop of the container that has the data."""
    for each in _DataConflicts(draft, world, index).all():
        if each.stop is None:
            continue
        draft.waits(each.start.id, each.stop)
        stops = draft.ledger.stops_by(each.start.app)
        for own in each.start.after:
            if own in stops and own != each.stop:
                draft.waits(own, each.stop)


def blocked_by_data(draft: PlanBuilder, world: World, index: Index) -> Mapping[AppKey, str]:
    """Return the apps that would start on data to which a container of ours that stays writes, each with the reason."""
    found: dict[AppKey, str] = {}
    for each in _DataConflicts(draft, world, index).all():
        owner, app = owner_of(each.holder), each.start.app
        if (
            each.stop is None
            and app is not None
            and owner is not None
            and owner.app not in world.desired.former.foreign_apps
        ):
            found.setdefault(app, _reason(each, owner.app, world))
    return found


def _reason(meeting: _DataConflict, owner: AppKey, world: World) -> str:
    what = meeting.source if meeting.source.startswith("/") else f"volume {meeting.source}"
    way_out = "stop that one, or let both services mount it in one commit to share it"
    if owner in world.desired.invalid_apps:
        way_out = (
            f"correct the file of {owner}: until it can be read, it is unknown whether both are to share it"
        )
    return (
        f"{what} is in use on {meeting.start.host} by container {meeting.holder.name} of {owner}, which stays, and two at "
        f"once could damage its data; {way_out}"
    )


class _DataConflicts:
    """Finds the starts of a draft on data that another container has."""

    def __init__(self, draft: PlanBuilder, world: World, index: Index) -> None:
        self._index = index
        self._sharing = Sharing(world)
        self._roots = {host.name: host.data_root for host in world.desired.hosts}
        self._starts = [action for action in draft.actions if KINDS[action.kind].starts]
        self._creates = {
            (action.host, action.target): intent
            for action in draft.actions
            if (intent := intent_of(action)) is not None
        }
        self._ledger = draft.ledger
        self._holders: dict[str, Mapping[str, list[ObservedContainer]]] = {}  # by host and source

    def all(self) -> Iterator[_DataConflict]:
        """Yield each start with each container that it must not run beside."""
        for start in self._starts:
            sources = self._sources(start) if start.host in self._index.hosts else frozenset()
            for source in sorted(sources):
                yield from self._at(start, source)

    def _at(self, start: Action, source: str) -> Iterator[_DataConflict]:
        if start.host not in self._holders:
            self._holders[start.host] = holders_of(self._index.hosts[start.host], written_by)
        holders = self._holders[start.host].get(source, ())
        own = _service_of(start)
        if any(service_key_of(each) == own for each in holders):
            return  # they already share it
        for holder in holders:
            stop = self._ledger.end_of(start.host, holder.id)
            if holder.id != start.target and not self._is_shared(start, source, holder, stays=stop is None):
                yield _DataConflict(start, source, holder, stop)

    def _is_shared(self, start: Action, source: str, holder: ObservedContainer, *, stays: bool) -> bool:
        service = _service_of(start)
        if service is None:
            return False
        if self._sharing.is_declared(service, start.host, source, holder):
            return True
        if not stays:
            return False
        containers = self._index.hosts[start.host].containers
        users = [each for each in containers if source in written_by(each)]
        new = NewContainer(service, self._image(start), start.host)
        return self._sharing.is_shared_place(new, source, holder, users)

    def _image(self, start: Action) -> str:
        intent = self._created(start)
        if intent is not None:
            return intent.service.image
        there = self._existing(start)
        return there.image if there is not None else ""

    def _sources(self, start: Action) -> frozenset[str]:
        intent = self._created(start)
        if intent is not None:
            root = self._roots.get(start.host, "")
            return frozenset(written(intent.app, intent.service, root, intent.kept_mounts))
        there = self._existing(start)
        return frozenset(written_by(there)) if there is not None else frozenset()

    def _created(self, start: Action) -> ContainerIntent | None:
        return self._creates.get((start.host, start.target))

    def _existing(self, start: Action) -> ObservedContainer | None:
        containers = self._index.hosts[start.host].containers
        return next((each for each in containers if each.id == start.target), None)


def _service_of(start: Action) -> ServiceKey | None:
    if start.app is None or start.service is None:
        return None
    return (start.app, prepared_service(start.service))
