"""Where each service has its data on each host: its next container mounts the same, and never an empty place."""

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
    """Objects for a witness to a container that would run without the data of the one before it.

    What no name leads to, an anonymous volume, is lost with the last container that has it: a hand may remove that.
    """

    def __init__(self, monitor: "SafetyMonitor") -> None:
        self._monitor = monitor
        self._sources: dict[tuple[str, AppKey, str, str], str] = {}  # by host, app, service and target
        self._known: set[tuple[str, str]] = (
            set()
        )  # host and id of what the controller saw, and was to take over
        self._blind: set[str] = set()

    def learn(self) -> None:
        """Note what every container that runs has, and object to one that has something else than the one before it."""
        for world in self._monitor.fleet.worlds.values():
            for container in world.containers.values():
                if container.up and container.owner is not None:
                    self.check(world, container)
                    self._note(world, container, container.owner.app, container.owner.service)

    def learn_projects(self) -> None:
        """Note what the containers of Compose projects have, before any of them is taken over."""
        for (host, identity), (app, service) in self._monitor.projects.containers.items():
            world = self._monitor.fleet.worlds[host]
            container = world.containers.get(identity)
            if container is not None and container.started_at is not None:
                self._note(world, container, app, service)

    @property
    def begun_blind(self) -> frozenset[str]:
        """Return the apps that were begun while nobody could know where their project is: its host had left Git unseen."""
        return frozenset(self._blind)

    def note_seen(self) -> None:
        """Note what a pass that ended has seen of what is to be taken over: that may not be forgotten with its host."""
        hosts = self._monitor.answers.hosts
        there = self._monitor.projects.containers.items()
        self._known = {each for each in self._known if each[0] not in hosts}
        self._known |= {
            each for each, found in there if each[0] in hosts and self._monitor.takes_over(*found)
        }

    def forget_seen(self) -> None:
        """All state of the controller is lost."""
        self._known.clear()

    def _note(self, world: SimulatedHost, container: SimulatedContainer, app: AppKey, service: str) -> None:
        for mount in data_mounts(container):
            self._sources.setdefault((world.name, app, prepared_service(service), mount.target), mount.source)

    def check(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Object to a container that runs, or is to run, without the data of its predecessor."""
        app, service = container.owner.app, prepared_service(container.owner.service)
        for mount in data_mounts(container):
            before = self._sources.get((world.name, app, service, mount.target), mount.source)
            if before != mount.source:
                self._monitor.fail(
                    f"{container.name} has {mount.source} at {mount.target}, and the data is in {before}"
                )

    def check_elsewhere(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Object to a start where the container that is to be taken over has the data on another host."""
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
        """Whether the file leaves it open that the app runs on a host; one that left Git still has what was seen there."""
        hosts, name = self._monitor.repository.commits[self._monitor.commit].hosts, world.name
        host = next((each for each in hosts if each.name == name), None)
        if host is None:
            return (name, old.id) in self._known
        return (not app.hosts or name in app.hosts) and app.zone in {None, host.zone}


def data_mounts(container: SimulatedContainer) -> Iterator[ObservedMount]:
    """Yield the mounts that a container can leave data in, and that have a name or a path."""
    for mount in container.mounts:
        if mount.writable and mount.kind in {"volume", "bind"} and not is_anonymous(mount.source):
            yield mount
