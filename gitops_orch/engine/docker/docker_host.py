"""Implements `Engine` (`engine/base.py`) for a real Docker host."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from gitops_orch.clock import Clock
from gitops_orch.engine.base import PLAIN_EXEC, EngineEvent, ExecResult, ExecSettings, Progress, PulledImage
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.docker.containers import Containers
from gitops_orch.engine.docker.port_check import check_ports
from gitops_orch.engine.docker.probe import probe_container
from gitops_orch.engine.docker.resources import Resources
from gitops_orch.engine.docker.shared_namespaces import SharedContainers
from gitops_orch.engine.docker.streams import LogWindow, container_logs, exec_in, host_events
from gitops_orch.engine.files.bind_files import HostFileKeeper
from gitops_orch.engine.files.carriers import Carriers
from gitops_orch.engine.files.file_sets import FileCourier
from gitops_orch.engine.observe.observe_host import HostObserver
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.registry.pull import PullRequest, pull_image, registry_digest, suitable_image
from gitops_orch.engine.registry.registry_auth import Registries
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host import Host
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.observed import AnyContainer, HeldPort, ObservedHost, ProbeResult
from gitops_orch.model.plan.values import ContainerIntent, Joining


class DockerHost:
    """One Docker Engine, which is called over its API. Safe to use from many threads."""

    def __init__(
        self, *, host: Host, wire: Wire, settings: EngineSettings, registries: Registries, clock: Clock
    ) -> None:
        self.name = host.name
        self._host = host
        self._wire = wire
        self._settings = settings
        self._registries = registries
        self._observer = HostObserver(wire, settings, clock)
        carriers = Carriers(wire, settings.instance)
        self._carriers = carriers
        self._courier = FileCourier(wire, carriers, settings.instance, host.data_root)
        self._host_files = HostFileKeeper(wire, carriers, host.data_root, clock)
        self._resources = Resources(wire=wire, instance=settings.instance, target=self._target)
        self._containers = Containers(
            wire=wire,
            settings=settings,
            clock=clock,
            observer=self._observer,
            shared=SharedContainers(wire, settings.instance, self._observer),
            target=self._target,
        )

    def _target(self) -> PayloadTarget:
        return PayloadTarget(
            host=self.name,
            api_version=self._wire.api_version,
            root_dir=self._observer.root_dir(),
            data_root=self._host.data_root,
        )

    def observe(self) -> ObservedHost:
        """List all objects of the host; HostUnreachable if any part of the listing failed, never a partial result."""
        return self._observer.observe()

    def forget(self, container: str) -> None:
        """Inspect this container again at the next observation, because an event reported that it changed."""
        self._observer.forget(container)

    def forget_all(self) -> None:
        """Inspect all containers again at the next observation, because events may have been missed."""
        self._observer.forget_all()

    def inspect(self, container: str) -> AnyContainer:
        """Return one container with details."""
        return self._observer.inspect(container)

    def pull(
        self, image: str, *, platform: str = "", local_suffices: bool = False, progress: Progress = None
    ) -> PulledImage:
        """Pull the image to the host, with the credentials of its registry."""
        there = suitable_image(self._wire, image, platform) if local_suffices else None
        wanted = PullRequest(image=image, platform=platform, deadline_s=self._settings.pull_deadline_s)
        return there or pull_image(self._wire, wanted, self._registries.for_pull(image), progress)

    def registry_digest(self, image: str) -> str:
        """Return the digest that the registry now has for this reference; the request sends its credentials."""
        return registry_digest(self._wire, image, self._registries.for_pull(image))

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network; Conflict if another owner has a network of this name."""
        self._resources.create_network(app, network)

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume; Conflict if another owner has a volume of this name."""
        self._resources.create_volume(app, volume)

    def put_files(self, app: AppKey, files: FileMount, *, image: str) -> str:
        """Copy a file set to the host, completely or not at all, or fill a data directory that does not exist yet."""
        return self._courier.put(app, files, image)

    def read_files(self, queries: Sequence[FilesQuery], *, image: str) -> tuple[HostFiles, ...]:
        """Return the files that the host has in binds that follow Git."""
        return self._host_files.read(queries, image)

    def change_files(self, app: AppKey, files: FileMount, work: FilesWork, *, image: str) -> tuple[str, ...]:
        """Write and remove files of a bind that follows Git; return the names of the files that were left alone."""
        if files.live is not None:
            self._courier.forget_live(app, files.live)
        return self._host_files.change(app, files, work, image)

    def record_live(self, app: AppKey, files: FileMount) -> None:
        """Record that a live file set has this content and that its containers were notified of it."""
        if files.live is not None:
            self._courier.record_live(app, files, files.live)

    def create(self, intent: ContainerIntent) -> str:
        """Create a container with all its networks and return its id."""
        return self._containers.create(intent)

    def start(self, container: str) -> None:
        """Start the container; containers for which the Engine chooses a port are started one at a time."""
        self._containers.start(container)

    def stop(self, container: str) -> None:
        """Stop the container; the call may take the deadline plus the container's grace period."""
        self._containers.stop(container)

    def restart(self, container: str) -> None:
        """Restart the container; the call may take the deadline plus the container's grace period."""
        self._containers.restart(container)

    def remove(self, container: str) -> None:
        """Remove the container, running or not, and keep its volumes; wait if a removal is already in progress."""
        self._containers.remove(container)

    def rename(self, container: str, name: str) -> None:
        """Rename the container; it may have the name already."""
        self._containers.rename(container, name)

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place; retry while the container is just ending."""
        self._containers.update(container, fields)

    def unpause(self, container: str) -> None:
        """Resume the container; do nothing if it is not paused."""
        self._containers.unpause(container)

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach the container to a network by name, as a create would; it may be attached already."""
        self._containers.connect_network(container, network, joining)

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach the container from a network by name; it may be detached already."""
        self._containers.disconnect_network(container, network)

    def check_ports(self, app: AppKey, image: str, ports: tuple[HeldPort, ...]) -> None:
        """Raise EngineError if a process of the host uses one of the ports; only starting a container can show it."""
        check_ports(self._wire, self._carriers, app, image, ports)

    def run_exec(
        self, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
    ) -> ExecResult:
        """Run a command in the container and wait for its end."""
        return exec_in(self._wire, container, command, settings)

    def probe(self, container: str, readiness: Readiness) -> ProbeResult:
        """Return whether the container is ready."""
        return probe_container(self._wire, self._host.url, container, readiness)

    def signal(self, container: str, name: str) -> None:
        """Send a signal to the container's first process; do nothing if the container is not running."""
        self._containers.signal(container, name)

    def remove_network(self, network: str) -> None:
        """Remove a network by name; Conflict while a container uses it."""
        self._resources.remove_network(network)

    def remove_volume(self, volume: str) -> None:
        """Remove a file set's volume, and the carriers that a crash left there; Conflict while a container uses it."""
        with self._wire.bounded(f"removal of volume {volume}"):
            self._courier.release(volume)
            self._courier.remove_volume(volume)

    def remove_image(self, image: str) -> None:
        """Remove an image that no container uses."""
        self._resources.remove_image(image)

    def logs(
        self, container: str, *, tail: int, since: datetime | None = None, timestamps: bool = False
    ) -> str:
        """Return the last `tail` lines of both output streams; with `timestamps`, each line begins with its time."""
        return container_logs(self._wire, container, LogWindow(tail, since, timestamps))

    def events(self) -> Iterator[EngineEvent]:
        """Yield events when they happen; after the first event, `stream connected`, no event is lost."""
        return host_events(self._wire)

    def close(self) -> None:
        """End all connections; running calls fail with HostUnreachable."""
        self._observer.close()
        self._wire.close()
