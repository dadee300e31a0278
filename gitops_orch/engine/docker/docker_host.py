"""Implements `Engine` (`engine/base.py`) for a real Docker host."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gitops_orch.clock import Clock
from gitops_orch.engine import labels
from gitops_orch.engine.base import PLAIN_EXEC, EngineEvent, ExecResult, ExecSettings, Progress, PulledImage
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.docker.port_check import check_ports
from gitops_orch.engine.docker.probe import probe_container
from gitops_orch.engine.docker.shared_namespaces import SharedContainers
from gitops_orch.engine.docker.streams import LogWindow, container_logs, exec_in, host_events
from gitops_orch.engine.files.archive import link_archive
from gitops_orch.engine.files.bind_files import HostFileKeeper
from gitops_orch.engine.files.carriers import Carriers
from gitops_orch.engine.files.file_sets import FileCourier
from gitops_orch.engine.observe import parse
from gitops_orch.engine.observe.observe_host import HostObserver
from gitops_orch.engine.payload.container import ContainerPayload, container_payload
from gitops_orch.engine.payload.network import Endpoint, endpoint_of, network_payload, volume_payload
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.registry.pull import PullRequest, pull_image, registry_digest, suitable_image
from gitops_orch.engine.registry.registry_auth import Registries
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import Conflict, EngineError, HostUnreachable, NotFound
from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host import Host
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.observed import HeldPort, ObservedContainer, ObservedHost, ProbeResult, State
from gitops_orch.model.plan import ContainerIntent, Joining

REMOVAL_POLL_S = 0.1
BUSY_WORDS = ("device or resource busy", "is already in progress", "unable to remove filesystem")


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
        self._clock = clock
        self._observer = HostObserver(wire, settings, clock)
        self._carriers = Carriers(wire, settings.instance)
        self._courier = FileCourier(wire, self._carriers, settings.instance, host.data_root)
        self._host_files = HostFileKeeper(wire, self._carriers, host.data_root, clock)
        self._shared = SharedContainers(wire, settings.instance, self._observer)
        # An Engine chooses a port of a range, or an ephemeral one, without reserving it: two starts may get the same.
        self._port_lock = threading.Lock()

    def observe(self) -> ObservedHost:
        """List all objects of the host; HostUnreachable if any part of the listing failed, never a partial result."""
        return self._observer.observe()

    def forget(self, container: str) -> None:
        """Inspect this container again at the next observation, because an event reported that it changed."""
        self._observer.forget(container)

    def forget_all(self) -> None:
        """Inspect all containers again at the next observation, because events may have been missed."""
        self._observer.forget_all()

    def inspect(self, container: str) -> ObservedContainer:
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
        wanted = labels.network_labels(self._settings.instance, app, network)
        body = network_payload(network, wanted, self._target())
        self._unless_so(
            f"create of network {network.name}",
            lambda client: client.post_body("/networks/create", body=body),
            already=lambda: self._has_network(app, network.name),
        )

    def _unless_so(
        self, what: str, change: Callable[[RawClient], object], *, already: Callable[[], bool]
    ) -> None:
        """Send a change; if the Engine refuses it, succeed when `already` returns true, else raise the error."""
        with self._wire.bounded(what):
            try:
                self._wire.call(what, change)
            except HostUnreachable:
                raise
            except EngineError:
                if not already():
                    raise

    def _has_network(self, app: AppKey, name: str) -> bool:
        rows = self._wire.read(f"look for network {name}", lambda client: client.networks(names=[name]))
        owners = [
            labels.parse_owner(row.get("Labels") or {}, self._settings.instance)
            for row in rows
            if row["Name"] == name
        ]
        return set(owners) == {app}

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume; Conflict if another owner has a volume of this name."""
        body = volume_payload(volume, labels.volume_labels(self._settings.instance, app, volume))
        what = f"create of volume {volume.name}"
        created = self._wire.call(what, lambda client: client.post_body("/volumes/create", body=body))
        # If a volume of this name exists, an Engine answers with that volume, even if another owner created it.
        if labels.parse_owner(created.get("Labels") or {}, self._settings.instance) != app:
            raise Conflict(
                f"{self.name}: volume {volume.name} is there and is not {app}'s",
                hint="declare it external, or adopt the project",
            )

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
        with self._wire.bounded(f"create of {intent.name}"):
            target = replace(
                self._target(), peers=self._shared.peers(intent), inherited=self._shared.inherited(intent)
            )
            wanted = labels.container_labels(self._settings.instance, intent)
            payload = container_payload(intent, target, wanted)
            created = self._create_or_find(intent, payload)
            for network, endpoint in payload.connections:
                self._attach(created, network, endpoint)
            if payload.links:
                links = link_archive(payload.links)
                self._wire.call(
                    f"links in {intent.name}", lambda client: client.upload(created, links, path="/")
                )
            return created

    def _create_or_find(self, intent: ContainerIntent, payload: ContainerPayload) -> str:
        what = f"create of {intent.name}"
        platform = payload.platform or None
        try:
            created = self._wire.call(
                what,
                lambda client: client.create_container_from_config(payload.body, intent.name, platform),
            )
        except Conflict:
            found = self.inspect(intent.name)
            if found.name == intent.name and labels.is_intended(found.owner, intent):
                return found.id
            raise
        return str(created["Id"])

    def _target(self) -> PayloadTarget:
        return PayloadTarget(
            host=self.name,
            api_version=self._wire.api_version,
            root_dir=self._observer.root_dir(),
            data_root=self._host.data_root,
        )

    def start(self, container: str) -> None:
        """Start the container; containers for which the Engine chooses a port are started one at a time."""
        what = f"start of {container}"
        with self._wire.bounded(what):
            turn = self._port_turn(what) if self._chooses_ports(container) else contextlib.nullcontext()
            with turn:
                self._wire.call(what, lambda client: client.start(container))

    @contextlib.contextmanager
    def _port_turn(self, what: str) -> Iterator[None]:
        if not self._port_lock.acquire(timeout=self._settings.deadline_s):
            raise HostUnreachable(f"{self.name}: {what}: another start has not ended in time")
        try:
            yield
        finally:
            self._port_lock.release()

    def _chooses_ports(self, container: str) -> bool:
        row = self._wire.read(f"inspect of {container}", lambda client: client.inspect_container(container))
        bindings = (row.get("HostConfig") or {}).get("PortBindings") or {}
        ports = [str(binding.get("HostPort") or "") for rows in bindings.values() for binding in rows or []]
        return any(not port.isdigit() for port in ports)

    def stop(self, container: str) -> None:
        """Stop the container; the call may take the deadline plus the container's grace period."""
        self._in_its_time("stop", container)

    def restart(self, container: str) -> None:
        """Restart the container; the call may take the deadline plus the container's grace period."""
        self._in_its_time("restart", container)

    def _in_its_time(self, verb: str, container: str) -> None:
        """Send no `t`, so that the Engine uses the grace period of the container's creation; wait as long as that."""
        ends_at = self._clock.monotonic_s() + self._settings.deadline_s
        row = self._wire.read(f"inspect of {container}", lambda client: client.inspect_container(container))
        self._wire.call(
            f"{verb} of {container}",
            lambda client: client.post_body(f"/containers/{{0}}/{verb}", container, body={}),
            deadline_s=max(0.001, ends_at - self._clock.monotonic_s()) + parse.grace_s(row),
        )

    def remove(self, container: str) -> None:
        """Remove the container, running or not, and keep its volumes; wait if a removal is already in progress."""
        ends_at = self._clock.monotonic_s() + self._settings.deadline_s
        while True:
            try:
                self._wire.call(
                    f"removal of {container}",
                    lambda client: client.remove_container(container, v=False, force=True),
                )
            except NotFound:
                return
            except EngineError as error:
                if not _passes(error) or self._clock.monotonic_s() > ends_at:
                    raise
                self._clock.sleep(REMOVAL_POLL_S)
            else:
                return

    def rename(self, container: str, name: str) -> None:
        """Rename the container; it may have the name already."""
        self._unless_so(
            f"rename of {container} to {name}",
            lambda client: client.rename(container, name),
            already=lambda: self.inspect(container).name == name,
        )

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place; retry while the container is just ending."""
        with self._wire.bounded(f"update of {container}"):
            for last in (False, False, False, False, True):
                if self._updated(container, fields, last=last):
                    break
        self.forget(container)

    def _updated(self, container: str, fields: Mapping[str, object], *, last: bool) -> bool:
        try:
            self._wire.call(
                f"update of {container}",
                lambda client: client.post_body("/containers/{0}/update", container, body=fields),
            )
        except EngineError as error:
            if last or "Cannot update container" not in str(error):  # its runtime no longer knows it
                raise
            self._clock.sleep(REMOVAL_POLL_S)
            return False
        return True

    def unpause(self, container: str) -> None:
        """Resume the container; do nothing if it is not paused."""
        self._unless_so(
            f"unpause of {container}",
            lambda client: client.unpause(container),
            already=lambda: self.inspect(container).state is not State.PAUSED,
        )

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach the container to a network by name, as a create would; it may be attached already."""
        self._attach(container, network, endpoint_of(joining, network, self._target()))

    def _attach(self, container: str, network: str, endpoint: Endpoint) -> None:
        body = {"Container": container, "EndpointConfig": endpoint}
        self._unless_so(
            f"connection of {container} to network {network}",
            lambda client: client.post_body("/networks/{0}/connect", network, body=body),
            already=lambda: network in self.inspect(container).networks,
        )

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach the container from a network by name; it may be detached already."""
        body = {"Container": container, "Force": False}
        self._unless_so(
            f"disconnection of {container} from network {network}",
            lambda client: client.post_body("/networks/{0}/disconnect", network, body=body),
            already=lambda: network not in self.inspect(container).networks,
        )

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
        self._unless_so(
            f"{name} to {container}",
            lambda client: client.kill(container, name),
            already=lambda: self.inspect(container).state not in {State.RUNNING, State.PAUSED},
        )

    def remove_network(self, network: str) -> None:
        """Remove a network by name; Conflict while a container uses it."""
        try:
            self._wire.call(f"removal of network {network}", lambda client: client.remove_network(network))
        except NotFound:
            return
        except EngineError as error:
            if "has active endpoints" in str(error):  # 403 up to Engine 24
                raise Conflict(error.message, hint="disconnect or remove its containers first") from error
            raise

    def remove_volume(self, volume: str) -> None:
        """Remove a file set's volume, and the carriers that a crash left there; Conflict while a container uses it."""
        with self._wire.bounded(f"removal of volume {volume}"):
            self._courier.release(volume)
            self._courier.remove_volume(volume)

    def remove_image(self, image: str) -> None:
        """Remove an image that no container uses."""
        try:
            self._wire.call(f"removal of image {image}", lambda client: client.remove_image(image))
        except NotFound:
            return

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


def _passes(error: EngineError) -> bool:
    """Return whether a retry of a failed removal can succeed: it is in progress, or a mount is still busy."""
    return not isinstance(error, HostUnreachable) and any(word in str(error) for word in BUSY_WORDS)
