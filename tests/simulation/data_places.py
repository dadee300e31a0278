"""Checks that the next container of a service mounts the same data on its host, and never an empty place."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulation.recipes import AppRecipe

from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey
from gitops_orch.model.names import is_anonymous, prepared_service
from gitops_orch.model.observed import ObservedMount

if TYPE_CHECKING:
    from simulation.witness import SafetyMonitor


class DataPlaces:
    """Fails the history, for the safety monitor, when a container would run without the data of its predecessor.

    Anonymous volumes do not count: they are lost with their last container, which a person may remove.
    """

    def __init__(self, monitor: "SafetyMonitor") -> None:
        self._monitor = monitor
        self._sources: dict[tuple[str, AppKey, str, str], str] = {}  # by host, app, service and target
        # (host, id) of containers that the controller observed, and that an app will adopt.
        self._known: set[tuple[str, str]] = set()
        self._blind: set[str] = set()

    def learn(self) -> None:
        """Record the data of every running container; Violation if its predecessor had its data elsewhere."""
        for world in self._monitor.fleet.worlds.values():
            for container in world.containers.values():
                if container.up and container.owner is not None:
                    self.check(world, container)
                    self._note(world, container, container.owner.app, container.owner.service)

    def learn_projects(self) -> None:
        """Record the data of the containers of Compose projects, before any of them is adopted."""
        for (host, identity), (app, service) in self._monitor.projects.containers.items():
            world = self._monitor.fleet.worlds[host]
            container = world.containers.get(identity)
            if container is not None and container.started_at is not None:
                self._note(world, container, app, service)

    @property
    def begun_blind(self) -> frozenset[str]:
        """Return the apps that started while their project's host was unknown: it left Git before it was observed."""
        return frozenset(self._blind)

    def note_seen(self) -> None:
        """Record the containers to adopt that a finished pass observed: they count also when their host leaves Git."""
        hosts = self._monitor.answers.hosts
        there = self._monitor.projects.containers.items()
        self._known = {each for each in self._known if each[0] not in hosts}
        self._known |= {
            each for each, found in there if each[0] in hosts and self._monitor.takes_over(*found)
        }

    def forget_seen(self) -> None:
        """Forget the observations: the controller lost all its state."""
        self._known.clear()

    def _note(self, world: SimulatedHost, container: SimulatedContainer, app: AppKey, service: str) -> None:
        for mount in data_mounts(container):
            self._sources.setdefault((world.name, app, prepared_service(service), mount.target), mount.source)

    def check(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Violation if a container runs, or is to start, without the data of its predecessor."""
        app, service = container.owner.app, prepared_service(container.owner.service)
        for mount in data_mounts(container):
            before = self._sources.get((world.name, app, service, mount.target), mount.source)
            if before != mount.source:
                self._monitor.fail(
                    f"{container.name} has {mount.source} at {mount.target}, and the data is in {before}"
                )

    def check_elsewhere(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Violation if a container starts on one host, and the container to adopt has the data on another host."""
        owner, targets = container.owner, {mount.target for mount in data_mounts(container)}
        app = self._monitor.repository.recipes.get((owner.app, owner.release))
        for other, old in self._monitor.to_be_taken_over(owner.app, prepared_service(owner.service)):
            if self._is_out_of_sight(other, old):
                self._blind.add(owner.app.name)
            has_data = targets & {mount.target for mount in data_mounts(old)}
            if other is not world and has_data and app is not None and self._is_its_place(app, other, old):
                self._monitor.fail(
                    f"starts {container.name} on {world.name}, and {old.name} on {other.name} has its data"
                )

    def _is_out_of_sight(self, world: SimulatedHost, old: SimulatedContainer) -> bool:
        hosts = {host.name for host in self._monitor.repository.commits[self._monitor.commit].hosts}
        return world.name not in hosts and (world.name, old.id) not in self._known

    def _is_its_place(self, app: AppRecipe, world: SimulatedHost, old: SimulatedContainer) -> bool:
        """Whether the app may run on a host by its file; a host that left Git counts if its container was observed."""
        hosts, name = self._monitor.repository.commits[self._monitor.commit].hosts, world.name
        host = next((each for each in hosts if each.name == name), None)
        if host is None:
            return (name, old.id) in self._known
        return (not app.hosts or name in app.hosts) and app.zone in {None, host.zone}


def data_mounts(container: SimulatedContainer) -> Iterator[ObservedMount]:
    """Yield the writable mounts of a container that have a name or a path."""
    for mount in container.mounts:
        if mount.writable and mount.kind in {"volume", "bind"} and not is_anonymous(mount.source):
            yield mount
