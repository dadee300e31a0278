"""Handles services that join a container by its name (`network_mode: container:gluetun`).

If the container belongs to the same file, the file is treated as if it named the service (`service:gluetun`). If it
belongs to another app on the same host, that app is planned first: services that join it are created again for a new
container, and started after it. Of a foreign container, only the one that has the name now is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops_orch.model.app import App, AppKey, Dependency, Service
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.plan.kinds import KINDS, Create, Rename
from gitops_orch.model.rules.namespaces import NAMESPACE_KEYS, OF_CONTAINER, OF_SERVICE
from gitops_orch.planner.diff.shared_namespaces import joined_names
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import DeclaredService, TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder


def with_own_parents(world: World) -> World:
    """Return the world, where a service that joins a container of its own file names the service of that container."""
    apps = [each.app for each in (*world.releases.targets, *world.releases.running.values())]
    if not any(joined_names(service) for app in apps for service in app.services):
        return world
    return replace(
        world,
        releases=replace(
            world.releases,
            targets=tuple(_chosen(each) for each in world.releases.targets),
            running={key: _chosen(each) for key, each in world.releases.running.items()},
        ),
        specs=replace(
            world.specs,
            declared_services={
                key: _declared_by(each) for key, each in world.specs.declared_services.items()
            },
        ),
    )


def _chosen(chosen: TargetRelease) -> TargetRelease:
    own = _services_by_container(chosen.app)
    services = tuple(_with_own_parents(service, own) for service in chosen.app.services)
    return replace(chosen, app=replace(chosen.app, services=services))


def _declared_by(created: DeclaredService) -> DeclaredService:
    """Return a container's former declaration in the same form, so that a plan shows no difference there."""
    if not joined_names(created.service):
        return created
    return replace(created, service=_with_own_parents(created.service, _services_by_container(created.app)))


def _services_by_container(app: App) -> Mapping[str, str]:
    return {service.container_name: service.name for service in app.services if service.container_name}


def _with_own_parents(service: Service, own: Mapping[str, str]) -> Service:
    parents = sorted({own[name] for name in joined_names(service) if name in own} - {service.name})
    if not parents:
        return service
    modes = {
        key: f"{OF_SERVICE}{own[str(service.compose[key]).removeprefix(OF_CONTAINER)]}"
        for key in NAMESPACE_KEYS
        if own.get(str(service.compose.get(key, "")).removeprefix(OF_CONTAINER)) in parents
        and str(service.compose[key]).startswith(OF_CONTAINER)
    }
    known = {dependency.service for dependency in service.depends_on}
    implied = tuple(Dependency(service=parent) for parent in parents if parent not in known)
    return replace(service, compose={**service.compose, **modes}, depends_on=(*service.depends_on, *implied))


def joined_apps(apps: Iterable[App]) -> Mapping[AppKey, tuple[AppKey, ...]]:
    """Return, by app, the other apps whose containers it joins."""
    apps = list(apps)
    owners = {
        service.container_name: app.key for app in apps for service in app.services if service.container_name
    }
    found: dict[AppKey, tuple[AppKey, ...]] = {}
    for app in apps:
        names = {name for service in app.services for name in joined_names(service)}
        others = {owners[name] for name in names if name in owners} - {app.key}
        if others:
            found[app.key] = tuple(sorted(others))
    return found


class JoinableContainers:
    """The containers that others can join by name: as planned, or as observed if they are not planned yet."""

    def __init__(self, index: Index) -> None:
        self._index = index
        # by host and name; None: it is created
        self._planned: dict[tuple[str, str], ObservedContainer | None] = {}

    def note(self, slots: Iterable[Slot]) -> None:
        """Note the containers that an app will have under the names that its file declares."""
        for slot in slots:
            if slot.service.container_name:
                current = None if slot.current is None else slot.current
                self._planned[slot.host, slot.service.container_name] = current

    def is_new(self, host: str, name: str) -> bool:
        """Return whether this plan creates a container of that name."""
        return self._planned.get((host, name), self) is None

    def current(self, host: str, name: str) -> ObservedContainer | None:
        """Return the container that has that name and stays, or will get it again; None if none is known."""
        planned = self._planned.get((host, name))
        return planned if (host, name) in self._planned else self._index.hosts[host].names.get(name)


def await_joined(draft: PlanBuilder, index: Index) -> None:
    """Let containers that join another one by name be created and started after it."""
    joining = [action for action in draft.actions if _joins(action)]
    bound = _bound(index)
    if not joining and not bound:
        return
    holders = {
        (
            action.host,
            action.payload.new_name if isinstance(action.payload, Rename) else action.target,
        ): action
        for action in draft.actions
        if isinstance(action.payload, Create | Rename)
    }
    starts = {
        (action.host, action.target): action.id for action in draft.actions if KINDS[action.kind].starts
    }
    for action in joining:
        for name in _joins(action):
            holder = holders.get((action.host, name))
            there = index.hosts[action.host].names.get(name)
            target = holder.target if holder is not None else there.id if there is not None else name
            own, other = starts.get((action.host, action.target)), starts.get((action.host, target))
            if holder is not None and holder.id != action.id:
                draft.waits(action.id, holder.id)
            if own is not None and other is not None and own != other:
                draft.waits(own, other)
    for (host, child), parents in bound.items():
        own = starts.get((host, child))
        for other in (starts.get((host, parent)) for parent in parents if own is not None):
            if own is not None and other is not None and own != other:
                draft.waits(own, other)


def _joins(action: Action) -> list[str]:
    intent = intent_of(action)
    return [] if intent is None else sorted(joined_names(intent.service))


def _bound(index: Index) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return, by host and id, the containers whose namespaces each container of ours uses."""
    return {
        (found.host, found.id): found.details.joined
        for there in index.apps.values()
        for found in there
        if found.details is not None and found.details.joined
    }
