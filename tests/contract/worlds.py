"""The two worlds in which the contract is held: a simulated host, and a real one."""

import contextlib
import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import docker
from lab.commands import wait_for
from lab.host import LabHost
from simulation.simulated_clock import SimulatedClock

from gitops_orch.clock import Clock, SystemClock
from gitops_orch.engine.base import Engine, EngineEvent
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.engine.simulated.lifecycle import TERMINATED
from gitops_orch.errors import EngineError
from gitops_orch.model.app import AppKey
from gitops_orch.model.host import Host

WAIT_S = 30.0
STEP_S = 0.5
BOOT_S = 2.0
# The lab's stub images, as behaviour.
BEHAVIOURS = {
    "stub:1": ImageBehaviour(variant="1", output="listening\n"),
    "stub:2": ImageBehaviour(variant="2"),
    "stub:healthy-1": ImageBehaviour(healthcheck=True, healthy_after_s=1.0),
    "stub:unhealthy": ImageBehaviour(healthcheck=True, healthy_after_s=None, unhealthy_after_s=1.0),
    "stub:complains": ImageBehaviour(
        healthcheck=True, healthy_after_s=None, unhealthy_after_s=1.0, check_output="database is locked"
    ),
    "stub:crash": ImageBehaviour(exits_after_s=0.2, exit_code=1, output="no such table\n"),
    "stub:brief": ImageBehaviour(exits_after_s=2.0),
    "stub:exit0": ImageBehaviour(exits_after_s=0.0),
    "stub:stubborn": ImageBehaviour(ignores_term=True),
}


class World(Protocol):
    """A host, and what a test does to it besides asking its engine."""

    engine: Engine
    other: Engine  # the same host, seen by a controller of another instance
    remote: Engine  # the same host, reached over the network
    clock: Clock

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        """Let time pass until the condition holds."""
        ...

    def pause(self, container: str) -> None:
        """Do `docker pause` behind the engine's back."""
        ...

    def restart(self) -> None:
        """Restart the Engine in good order; what no policy restarts stays down."""
        ...

    def write(self, app: AppKey, path: str, content: bytes | None) -> None:
        """Write a file below the app's data by hand; None deletes it."""
        ...

    def content(self, app: AppKey, path: str) -> str | None:
        """Return the digest of a file below the app's data; None where there is none."""
        ...

    def events_during(self, act: Callable[[], None], last: str) -> list[EngineEvent]:
        """Return what the engine tells while something is done, up to that action."""
        ...

    def clear(self, app: AppKey) -> None:
        """Remove what the test made."""
        ...


class SimulatedHost:
    """A host that is only a value, on a clock that jumps."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        fleet = SimulatedFleet(clock=self.clock, registry=Registry(BEHAVIOURS))
        self.engine = fleet.connect(Host(name="h1", url="sim://h1"))
        other = SimulatedFleet(clock=self.clock, registry=fleet.registry, worlds=fleet.worlds)
        other.settings = type(other.settings)(instance="other")
        self.other = other.connect(Host(name="h1", url="sim://h1"))
        self.remote = self.engine
        for image in BEHAVIOURS:
            self.engine.pull(image)

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        for _ in range(int(WAIT_S / STEP_S)):
            if condition():
                return
            self.clock.sleep(STEP_S)
        raise AssertionError(f"{what} did not happen")

    def pause(self, container: str) -> None:
        with self.engine.world.lock:
            requests.pause(self.engine.world, requests.require(self.engine.world, container))

    def restart(self) -> None:
        world = self.engine.world
        with world.lock:
            world.crash(until=world.now + BOOT_S, exit_code=TERMINATED)
        self.clock.sleep(BOOT_S)
        self.wait("the Engine", self.engine.observe)

    def write(self, app: AppKey, path: str, content: bytes | None) -> None:
        place = f"{self.engine.settings.data_root}/{app.namespace}/{app.name}/{path}"
        if content is None:
            self.engine.world.files.pop(place, None)
        else:
            self.engine.world.files[place] = hashlib.sha256(content).hexdigest()

    def content(self, app: AppKey, path: str) -> str | None:
        return self.engine.world.files.get(
            f"{self.engine.settings.data_root}/{app.namespace}/{app.name}/{path}"
        )

    def events_during(self, act: Callable[[], None], last: str) -> list[EngineEvent]:
        list(self.engine.events())
        act()
        events = list(self.engine.events())
        assert last in {event.action for event in events}
        return events

    def clear(self, app: AppKey) -> None:
        self.engine.close()


class DockerEngineHost:
    """A real Engine of the lab."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.clock = SystemClock()
        self.data_root = Path(tempfile.mkdtemp(prefix="contract-"))
        self.engine = connect(Host(name="h1", url=host.unix, data_root=str(self.data_root)), EngineSettings())
        self.other = connect(Host(name="h1", url=host.unix), EngineSettings(instance="other"))
        self.remote = connect(Host(name="h1", url=host.tcp, insecure=True), EngineSettings())

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        wait_for(what, condition, deadline_s=WAIT_S)

    def pause(self, container: str) -> None:
        client = docker.APIClient(base_url=self.host.unix)
        client.pause(container)
        client.close()

    def restart(self) -> None:
        self.host.stop()
        self.host.start()

    def write(self, app: AppKey, path: str, content: bytes | None) -> None:
        place = self.data_root / app.namespace / app.name / path
        place.unlink(missing_ok=True)
        if content is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def content(self, app: AppKey, path: str) -> str | None:
        place = self.data_root / app.namespace / app.name / path
        return hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else None

    def events_during(self, act: Callable[[], None], last: str) -> list[EngineEvent]:
        seen: list[EngineEvent] = []
        listener = connect(Host(name="h1", url=self.host.unix), EngineSettings())

        def listen() -> None:
            with contextlib.suppress(EngineError):
                seen.extend(_each(listener.events(), seen))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        self.wait("the first event", lambda: seen)
        act()
        self.wait(last, lambda: last in {event.action for event in list(seen)})
        listener.close()
        thread.join(WAIT_S)
        assert not thread.is_alive()
        return seen

    def clear(self, app: AppKey) -> None:
        """Remove the test's own containers, networks and volumes; the engine may be closed already."""
        self.engine.close()
        self.other.close()
        self.remote.close()
        client = docker.APIClient(base_url=self.host.unix)
        mine = {"label": [f"gitops-orch.app={app.name}"]}
        for row in client.containers(all=True, filters=mine):
            _insist(lambda row=row: client.remove_container(row["Id"], v=True, force=True))
        for row in client.networks(filters=mine):
            client.remove_network(row["Id"])
        for row in client.volumes(filters=mine)["Volumes"] or []:
            client.remove_volume(row["Name"])
        client.close()
        shutil.rmtree(self.data_root, ignore_errors=True)


def _each(events, seen):
    for event in events:
        seen.append(event)
    return ()


def _insist(act: Callable[[], object]) -> None:
    ends_at = time.monotonic() + WAIT_S
    while True:
        try:
            act()
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:
            if time.monotonic() > ends_at:
                raise
        else:
            return
