"""Implements `Engine` (`engine/base.py`) for a simulated host."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitops_orch.clock import Clock
from gitops_orch.engine import labels
from gitops_orch.engine.base import (
    PLAIN_EXEC,
    TIMED_OUT_CODE,
    EngineEvent,
    ExecResult,
    ExecSettings,
    Progress,
    PulledImage,
)
from gitops_orch.engine.simulated import file_sets, requests
from gitops_orch.engine.simulated.create import attach, create_container
from gitops_orch.engine.simulated.host_files import change_steps, read_files
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.engine.simulated.lifecycle import KILLED, SimulatedContainer
from gitops_orch.engine.simulated.observation import observe_container, observe_host
from gitops_orch.engine.simulated.settings import SimulatedSettings
from gitops_orch.engine.simulated.wire import SimulatedWire
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.observed import AnyContainer, HeldPort, ObservedHost, ProbeResult, State
from gitops_orch.model.plan.values import ContainerIntent, Joining


@dataclass(slots=True, kw_only=True)
class SimulatedEngine:
    """One simulated host."""

    name: str
    world: SimulatedHost
    registry: Registry
    clock: Clock
    settings: SimulatedSettings
    wire: SimulatedWire

    def observe(self) -> ObservedHost:
        """List all objects of the host."""
        settings = self.settings
        return self.wire.ask(
            "observe", lambda: observe_host(self.world, name=self.name, instance=settings.instance)
        )

    def inspect(self, container: str) -> AnyContainer:
        """Return one container with its details; NotFound if it does not exist."""
        return self.wire.ask(
            "inspect",
            lambda: observe_container(
                self._require(container), host=self.name, instance=self.settings.instance, details=True
            ),
        )

    def pull(
        self, image: str, *, platform: str = "", local_suffices: bool = False, progress: Progress = None
    ) -> PulledImage:
        """Pull the image, which fits every platform; ImageUnavailable if the registry refuses it."""
        there = (
            self.wire.ask("pull", lambda: requests.known_image(self.world, image)) if local_suffices else None
        )
        if there is not None:
            return there
        if progress is not None:
            progress(f"Pulling from {image} {platform}".rstrip())
        self.clock.sleep(self.registry.find(image).behaviour.pull_s)
        return self.wire.send("pull", lambda: requests.pull(self.world, self.registry, image))

    def registry_digest(self, image: str) -> str:
        """Return the digest that the registry has for the reference; ImageUnavailable if it does not answer."""
        return self.wire.ask(
            "registry_digest", lambda: requests.registry_digest(self.world, self.registry, image)
        )

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network with our labels."""
        created = labels.network_labels(self.settings.instance, app, network)
        kind = {"driver": network.driver, "subnet": network.subnet}
        self.wire.send(
            "create_network", lambda: requests.add_network(self.world, network.name, labels=created, **kind)
        )

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume with our labels."""
        created = labels.volume_labels(self.settings.instance, app, volume)
        driver = str(volume.compose.get("driver") or "local")
        self.wire.send(
            "create_volume",
            lambda: requests.add_volume(self.world, volume.name, driver=driver, labels=created),
        )

    def put_files(self, app: AppKey, files: FileMount, *, image: str) -> str:
        """Create the volume of a file set, or a missing data directory; NotFound if the host lacks the image.

        Simulated files have no owners.
        """
        self.wire.send("put_files", lambda: self._put_files(app, files, image))
        return ""

    def read_files(self, queries: Sequence[FilesQuery], *, image: str) -> tuple[HostFiles, ...]:
        """Return the host's files in binds that follow Git; NotFound if the host lacks the image."""
        requests.require_image(self.world, image)
        root = self.settings.data_root
        return self.wire.ask(
            "read_files", lambda: tuple(read_files(self.world, root, query) for query in queries)
        )

    def change_files(self, app: AppKey, files: FileMount, work: FilesWork, *, image: str) -> tuple[str, ...]:
        """Write and remove files, step by step, because the controller may die after each step."""
        requests.require_image(self.world, image)
        left: list[str] = []
        if files.live is not None:
            live = files.live
            self.wire.send("change_files", lambda: file_sets.forget_live(self.world, app, live))
        for step in change_steps(self.world, self.settings.data_root, app, files, work, left):
            self.wire.send("change_files", step)
        return tuple(left)

    def create(self, intent: ContainerIntent) -> str:
        """Create a container; if the same intent created it before, return that one, found by its name."""
        return self.wire.send("create", lambda: self._create(intent))

    def start(self, container: str) -> None:
        """Start a container."""
        self.wire.send("start", lambda: requests.start(self.world, self._require(container)))

    def stop(self, container: str) -> None:
        """Stop a container; kill it after its grace period."""
        self.wire.send("stop", lambda: self._stop(container))

    def remove(self, container: str) -> None:
        """Remove a container, running or not; do nothing if it does not exist."""
        self.wire.send("remove", lambda: self._remove(container))

    def rename(self, container: str, name: str) -> None:
        """Rename a container."""
        self.wire.send("rename", lambda: requests.rename(self.world, self._require(container), name))

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place."""
        self.wire.send("update", lambda: requests.update(self.world, self._require(container), fields))

    def restart(self, container: str) -> None:
        """Stop a container and start it again."""
        self.wire.send("restart", lambda: self._restart(container))

    def unpause(self, container: str) -> None:
        """Resume a paused container."""
        self.wire.send("unpause", lambda: requests.unpause(self.world, self._require(container)))

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach a container to a network by name, as a create would."""
        self.wire.send(
            "connect_network", lambda: attach(self.world, self._require(container), network, joining)
        )

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach a container from a network by name."""
        self.wire.send(
            "disconnect_network", lambda: requests.disconnect(self.world, self._require(container), network)
        )

    def check_ports(self, app: AppKey, image: str, ports: tuple[HeldPort, ...]) -> None:  # noqa: ARG002
        """Raise EngineError for a port that a process of the host or a container uses."""
        self.wire.send("check_ports", lambda: requests.check_ports(self.world, ports))

    def run_exec(
        self, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
    ) -> ExecResult:
        """Run a command in a container; the image defines its exit code. `sleep N` takes N seconds.

        The command is killed if its container ends first.
        """
        takes_s = requests.exec_duration_s(command)
        deadline_s = settings.deadline_s or self.settings.deadline_s
        done = self.wire.send(
            "run_exec", lambda: requests.run_exec(self.world, self._require(container), command)
        )
        ran = self.world.find(container)
        began = None if ran is None else ran.started_at
        self.clock.sleep(min(takes_s, deadline_s))
        self.wire.advance()
        if ran is None or ran.started_at != began or ran.state not in {State.RUNNING, State.PAUSED}:
            return ExecResult(exit_code=KILLED, output="")
        return (
            done if takes_s <= deadline_s else ExecResult(exit_code=TIMED_OUT_CODE, output="", timed_out=True)
        )

    def probe(self, container: str, readiness: Readiness) -> ProbeResult:  # noqa: ARG002  # the image defines it
        """Return whether a container is ready; the image defines when."""
        return self.wire.ask("probe", lambda: requests.probe(self.world, self._require(container)))

    def signal(self, container: str, name: str) -> None:
        """Send a signal, which the container records."""
        self.wire.send("signal", lambda: requests.signal(self._require(container), name))

    def record_live(self, app: AppKey, files: FileMount) -> None:
        """Record that a live file set has this content."""
        live = files.live
        if live is not None:
            self.wire.send(
                "record_live",
                lambda: file_sets.record_live(self.world, self.settings.instance, app, files, live),
            )

    def remove_network(self, network: str) -> None:
        """Remove a network; Conflict while a running container uses it."""
        self.wire.send("remove_network", lambda: requests.remove_network(self.world, network))

    def remove_volume(self, volume: str) -> None:
        """Remove a volume; Conflict while a container mounts it."""
        self.wire.send("remove_volume", lambda: requests.remove_volume(self.world, volume))

    def remove_image(self, image: str) -> None:
        """Remove an image; Conflict while a container of it exists."""
        self.wire.send("remove_image", lambda: requests.remove_image(self.world, image))

    def logs(
        self, container: str, *, tail: int, since: datetime | None = None, timestamps: bool = False
    ) -> str:
        """Return the last lines of the output that the image prints at each start."""
        return self.wire.ask("logs", lambda: requests.logs(self._require(container), tail, since, timestamps))

    def events(self) -> Iterator[EngineEvent]:
        """Yield the events since the last call; then wait for more, or end, depending on the settings."""
        while not self.wire.closed:
            ready = self.wire.take_events()
            yield from ready
            if not ready and not self.settings.blocking_events:
                return

    def close(self) -> None:
        """Refuse all further requests."""
        self.wire.closed = True

    # Requests that need more than one rule.

    def _require(self, container: str) -> SimulatedContainer:
        return requests.require(self.world, container)

    def _create(self, intent: ContainerIntent) -> str:
        there = self.world.find(intent.name)
        settings = self.settings
        created = create_container(
            self.world, intent, instance=settings.instance, data_root=settings.data_root
        )
        if (
            there is not None
            and labels.is_intended(there.owner, intent)
            and there.image_id == created.image_id
        ):
            return there.id
        return requests.add(self.world, created)

    def _put_files(self, app: AppKey, files: FileMount, image: str) -> None:
        requests.require_image(self.world, image)
        file_sets.put_files(self.world, self.settings, app, files)

    def _stop(self, reference: str) -> None:
        container = self._require(reference)
        ignores = container.up and container.behaviour.ignores_term
        if ignores:
            self.clock.sleep(container.grace_s)
            self.wire.advance()
        requests.stop(self.world, container, killed=ignores)

    def _restart(self, reference: str) -> None:
        self._stop(reference)
        requests.start(self.world, self._require(reference))

    def _remove(self, reference: str) -> None:
        container = self.world.find(reference)
        if container is not None:
            requests.remove(self.world, container)
