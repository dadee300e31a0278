"""Implements `engine.base.Engine` over a world, with passing time and with faults."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

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
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.create import attach, create_container
from gitops_orch.engine.simulated.faults import Fault, Faults, NoFaults, SimulatedCrash
from gitops_orch.engine.simulated.host_files import change_steps, read_files
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.engine.simulated.lifecycle import KILLED, SimulatedContainer
from gitops_orch.engine.simulated.observation import observe_container, observe_host
from gitops_orch.engine.simulated.world import OutageKind, SimulatedHost
from gitops_orch.errors import EngineError, HostUnreachable
from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.names import files_volume_name, live_record_name, live_volume_name
from gitops_orch.model.observed import HeldPort, ObservedContainer, ObservedHost, ProbeResult, State
from gitops_orch.model.plan import ContainerIntent, Joining

Answer = TypeVar("Answer")

LISTEN_S = 1.0
LISTEN_MIN_S = 0.01
NO_ANSWER = (Fault.LOST_REQUEST, Fault.LOST_REPLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """Settings of a simulated Engine; times in seconds."""

    instance: str = "default"
    data_root: str = "/srv/gitops-orch"
    deadline_s: float = 30.0
    latency_s: float = 0.0  # of every request
    slow_s: float = 20.0  # the extra duration of a request with the fault SLOW
    late_s: float = 60.0  # the delay after which a request with the fault LATE is executed, without an answer
    blocking_events: bool = False  # True: `events` waits for more events; False: it ends when there are none


@dataclass(slots=True, kw_only=True)
class SimulatedEngine:
    """One simulated host; `changed` is called after every request that may change its world."""

    name: str
    world: SimulatedHost
    registry: Registry
    clock: Clock
    origin_s: float  # the host's time in seconds since the epoch when the clock's monotonic time is 0
    faults: Faults = field(default_factory=NoFaults)
    settings: SimulatedSettings = field(default_factory=SimulatedSettings)
    changed: Callable[[SimulatedHost], None] = lambda _world: None
    closed: bool = False

    def observe(self) -> ObservedHost:
        """List all objects of the host."""
        settings = self.settings
        return self._ask(
            "observe", lambda: observe_host(self.world, name=self.name, instance=settings.instance)
        )

    def inspect(self, container: str) -> ObservedContainer:
        """Return one container with its details; NotFound if it does not exist."""
        return self._ask(
            "inspect",
            lambda: observe_container(
                self._require(container), instance=self.settings.instance, details=True
            ),
        )

    def pull(
        self, image: str, *, platform: str = "", local_suffices: bool = False, progress: Progress = None
    ) -> PulledImage:
        """Pull the image, which fits every platform; ImageUnavailable if the registry refuses it."""
        there = self._ask("pull", lambda: requests.known_image(self.world, image)) if local_suffices else None
        if there is not None:
            return there
        if progress is not None:
            progress(f"Pulling from {image} {platform}".rstrip())
        self.clock.sleep(self.registry.find(image).behaviour.pull_s)
        return self._send("pull", lambda: requests.pull(self.world, self.registry, image))

    def registry_digest(self, image: str) -> str:
        """Return the digest that the registry has for the reference; ImageUnavailable if it does not answer."""
        return self._ask(
            "registry_digest", lambda: requests.registry_digest(self.world, self.registry, image)
        )

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network with our labels."""
        created = labels.network_labels(self.settings.instance, app, network)
        kind = {"driver": network.driver, "subnet": network.subnet}
        self._send(
            "create_network",
            lambda: requests.add_network(self.world, network.name, labels=created, **kind),
        )

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume with our labels."""
        created = labels.volume_labels(self.settings.instance, app, volume)
        driver = str(volume.compose.get("driver") or "local")
        self._send(
            "create_volume",
            lambda: requests.add_volume(self.world, volume.name, driver=driver, labels=created),
        )

    def put_files(self, app: AppKey, files: FileMount, *, image: str) -> str:
        """Create the volume of a file set, or a missing data directory; NotFound if the host lacks the image.

        Simulated files have no owners.
        """
        self._send("put_files", lambda: self._put_files(app, files, image))
        return ""

    def read_files(self, queries: Sequence[FilesQuery], *, image: str) -> tuple[HostFiles, ...]:
        """Return the host's files in binds that follow Git; NotFound if the host lacks the image."""
        requests.require_image(self.world, image)
        root = self.settings.data_root
        return self._ask(
            "read_files", lambda: tuple(read_files(self.world, root, query) for query in queries)
        )

    def change_files(self, app: AppKey, files: FileMount, work: FilesWork, *, image: str) -> tuple[str, ...]:
        """Write and remove files, step by step, because the controller may die after each step."""
        requests.require_image(self.world, image)
        left: list[str] = []
        if files.live is not None:
            live = files.live
            self._send("change_files", lambda: self._forget_live(app, live))
        for step in change_steps(self.world, self.settings.data_root, app, files, work, left):
            self._send("change_files", step)
        return tuple(left)

    def create(self, intent: ContainerIntent) -> str:
        """Create a container; if the same intent created it before, return that one, found by its name."""
        return self._send("create", lambda: self._create(intent))

    def start(self, container: str) -> None:
        """Start a container."""
        self._send("start", lambda: requests.start(self.world, self._require(container)))

    def stop(self, container: str) -> None:
        """Stop a container; kill it after its grace period."""
        self._send("stop", lambda: self._stop(container))

    def remove(self, container: str) -> None:
        """Remove a container, running or not; do nothing if it does not exist."""
        self._send("remove", lambda: self._remove(container))

    def rename(self, container: str, name: str) -> None:
        """Rename a container."""
        self._send("rename", lambda: requests.rename(self.world, self._require(container), name))

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place."""
        self._send("update", lambda: requests.update(self.world, self._require(container), fields))

    def restart(self, container: str) -> None:
        """Stop a container and start it again."""
        self._send("restart", lambda: self._restart(container))

    def unpause(self, container: str) -> None:
        """Resume a paused container."""
        self._send("unpause", lambda: requests.unpause(self.world, self._require(container)))

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach a container to a network by name, as a create would."""
        self._send("connect_network", lambda: attach(self.world, self._require(container), network, joining))

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach a container from a network by name."""
        self._send(
            "disconnect_network",
            lambda: requests.disconnect(self.world, self._require(container), network),
        )

    def check_ports(self, app: AppKey, image: str, ports: tuple[HeldPort, ...]) -> None:  # noqa: ARG002
        """Raise EngineError for a port that a process of the host or a container uses."""
        self._send("check_ports", lambda: requests.check_ports(self.world, ports))

    def run_exec(
        self, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
    ) -> ExecResult:
        """Run a command in a container; the image defines its exit code. `sleep N` takes N seconds.

        The command is killed if its container ends first.
        """
        takes_s = requests.exec_duration_s(command)
        deadline_s = settings.deadline_s or self.settings.deadline_s
        done = self._send(
            "run_exec", lambda: requests.run_exec(self.world, self._require(container), command)
        )
        ran = self.world.find(container)
        began = None if ran is None else ran.started_at
        self.clock.sleep(min(takes_s, deadline_s))
        self._advance()
        if ran is None or ran.started_at != began or ran.state not in {State.RUNNING, State.PAUSED}:
            return ExecResult(exit_code=KILLED, output="")
        return (
            done if takes_s <= deadline_s else ExecResult(exit_code=TIMED_OUT_CODE, output="", timed_out=True)
        )

    def probe(self, container: str, readiness: Readiness) -> ProbeResult:  # noqa: ARG002  # the image defines it
        """Return whether a container is ready; the image defines when."""
        return self._ask("probe", lambda: requests.probe(self.world, self._require(container)))

    def signal(self, container: str, name: str) -> None:
        """Send a signal, which the container records."""
        self._send("signal", lambda: requests.signal(self._require(container), name))

    def record_live(self, app: AppKey, files: FileMount) -> None:
        """Record that a live file set has this content."""
        live = files.live
        if live is not None:
            self._send("record_live", lambda: self._record_live(app, files, live))

    def remove_network(self, network: str) -> None:
        """Remove a network; Conflict while a running container uses it."""
        self._send("remove_network", lambda: requests.remove_network(self.world, network))

    def remove_volume(self, volume: str) -> None:
        """Remove a volume; Conflict while a container mounts it."""
        self._send("remove_volume", lambda: requests.remove_volume(self.world, volume))

    def remove_image(self, image: str) -> None:
        """Remove an image; Conflict while a container of it exists."""
        self._send("remove_image", lambda: requests.remove_image(self.world, image))

    def logs(
        self, container: str, *, tail: int, since: datetime | None = None, timestamps: bool = False
    ) -> str:
        """Return the last lines of the output that the image prints at each start."""
        return self._ask("logs", lambda: requests.logs(self._require(container), tail, since, timestamps))

    def events(self) -> Iterator[EngineEvent]:
        """Yield the events since the last call; then wait for more, or end, depending on the settings."""
        while not self.closed:
            self._ask("events", lambda: None)
            with self.world.lock:
                ready = list(self.world.events)
                self.world.events.clear()
                if not ready and self.settings.blocking_events:
                    self.world.lock.wait(self._quiet_s())
            yield from ready
            if not ready and not self.settings.blocking_events:
                return

    def close(self) -> None:
        """Refuse all further requests."""
        self.closed = True

    # Sending a request.

    def _ask(self, operation: str, answer: Callable[[], Answer]) -> Answer:
        """Send a request that changes nothing, and return its answer."""
        self._travel(operation)
        with self.world.lock:
            self._advance()
            return answer()

    def _send(self, operation: str, answer: Callable[[], Answer]) -> Answer:
        """Send a request that changes the world, and apply its fault."""
        fault = self._travel(operation)
        if fault is Fault.LATE:
            self.world.pending.append((self._now() + self.settings.late_s, answer))
            self._no_answer(operation)
        try:
            with self.world.lock:
                self._advance()
                done = answer()
        finally:
            self.changed(self.world)
        if fault is Fault.LOST_REPLY:
            self._no_answer(operation)
        if fault is Fault.CRASH_AFTER:
            raise SimulatedCrash(f"after {operation} on {self.name}")
        return done

    def _travel(self, operation: str) -> Fault | None:
        """Send the request to the host and return its fault; raise if an outage or a fault prevents it."""
        if self.closed:
            raise HostUnreachable(f"{self.name}: {operation}: the connection was closed")
        self.clock.sleep(self.settings.latency_s)
        with self.world.lock:
            self._advance()
            trouble = self.world.trouble
        fault = self.faults.decide(self.name, operation)
        if fault is Fault.CRASH_BEFORE:
            raise SimulatedCrash(f"before {operation} on {self.name}")
        if fault is Fault.REFUSED or (trouble is not None and trouble.reach is OutageKind.REFUSED):
            raise HostUnreachable(f"{self.name}: {operation}: connection refused", hint="is dockerd running?")
        if trouble is not None or fault is Fault.LOST_REQUEST:
            self._no_answer(operation)
        if fault is Fault.SERVER_ERROR:
            raise EngineError(f"{self.name}: {operation}: 500 Internal Server Error: simulated")
        if fault is Fault.SLOW:
            self.clock.sleep(self.settings.slow_s)
        return fault

    def _no_answer(self, operation: str) -> None:
        deadline_s = self.settings.deadline_s
        self.clock.sleep(deadline_s)
        raise HostUnreachable(f"{self.name}: {operation}: no answer within {deadline_s:g} s")

    def _advance(self) -> None:
        self.world.advance(self._now())

    def _now(self) -> float:
        """Return the host's time; a jump of the controller's clock does not change it."""
        return self.origin_s + self.clock.monotonic_s()

    # Requests that need more than one rule.

    def _quiet_s(self) -> float:
        """Return the seconds until the next event that happens by itself, within limits."""
        next_at = self.world.next_at()
        return LISTEN_S if next_at is None else min(LISTEN_S, max(LISTEN_MIN_S, next_at - self.world.now))

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
        if files.writable_path is not None:
            path = f"{self.settings.data_root}/{app.namespace}/{app.name}/{files.writable_path}"
            self.world.directories.add(path)
            return
        if files.live is not None:
            self._change_live(app, files, files.live)
            return
        created = labels.files_labels(self.settings.instance, app, files.digest)
        name = files_volume_name(app.project, files.digest)
        requests.add_volume(self.world, name, driver="local", labels=created)

    def _change_live(self, app: AppKey, files: FileMount, live: str) -> None:
        name, record = self._live_names(app, files, live)
        if record in self.world.volumes:
            return
        self._forget_live(app, live)
        created = labels.live_labels(self.settings.instance, app, name)
        requests.add_volume(self.world, name, driver="local", labels=created)
        self.world.volumes[name].content = files.digest

    def _forget_live(self, app: AppKey, live: str) -> None:
        name = live_volume_name(app.project, live)
        for each in [v for v in self.world.volumes.values() if v.labels.get(labels.LIVE) == name]:
            if each.name != name:
                requests.remove_volume(self.world, each.name)

    def _record_live(self, app: AppKey, files: FileMount, live: str) -> None:
        name, record = self._live_names(app, files, live)
        created = {**labels.live_labels(self.settings.instance, app, name), labels.FILES: files.digest}
        requests.add_volume(self.world, record, driver="local", labels=created)

    def _live_names(self, app: AppKey, files: FileMount, live: str) -> tuple[str, str]:
        return live_volume_name(app.project, live), live_record_name(app.project, live, files.digest)

    def _stop(self, reference: str) -> None:
        container = self._require(reference)
        ignores = container.up and container.behaviour.ignores_term
        if ignores:
            self.clock.sleep(container.grace_s)
            self._advance()
        requests.stop(self.world, container, killed=ignores)

    def _restart(self, reference: str) -> None:
        self._stop(reference)
        requests.start(self.world, self._require(reference))

    def _remove(self, reference: str) -> None:
        container = self.world.find(reference)
        if container is not None:
            requests.remove(self.world, container)
