"""Holds the state of a simulated host (containers, networks, volumes, images), and changes it as time passes.

A world is lazy: nothing happens until `advance` is called with a time. Then everything that is due happens in order. So
a world works with any clock, virtual or real.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from operator import itemgetter

from gitops_orch.engine.base import EngineEvent
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import (
    KILLED,
    SimulatedContainer,
    begin,
    end,
    pass_time,
    returns_with_daemon,
)
from gitops_orch.errors import EngineError
from gitops_orch.model.observed import EndedBy

EVENTS_MAX = 1000
PREDEFINED_NETWORKS = (("bridge", "bridge"), ("host", "host"), ("none", "null"))


class OutageKind(Enum):
    """How a failing host reacts: it refuses connections, or it never answers."""

    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Why a host is unreachable, and until when (seconds since the epoch); if `boots`, its daemon restarts then."""

    reach: OutageKind
    until: float
    boots: bool = False


@dataclass(slots=True, kw_only=True)
class SimulatedNetwork:
    """A network of a world."""

    id: str
    name: str
    driver: str = "bridge"
    subnet: str = ""  # "": the host chooses one
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SimulatedVolume:
    """A volume of a world; `serial` distinguishes it from an earlier volume of the same name with other content."""

    name: str
    serial: int
    driver: str = "local"
    content: str = ""  # digest of a live file set's content
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SimulatedImage:
    """An image on a host; a pull can move a tag to another image."""

    id: str
    behaviour: ImageBehaviour
    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SimulatedHost:
    """All objects on one host. Hold `lock` to read or change it."""

    name: str
    engine_id: str = ""
    engine_version: str = "20.10.24"
    api_version: str = "1.41"
    root_dir: str = "/var/lib/docker"
    now: float = 0.0
    serial: int = 0
    containers: dict[str, SimulatedContainer] = field(default_factory=dict)
    networks: dict[str, SimulatedNetwork] = field(default_factory=dict)
    volumes: dict[str, SimulatedVolume] = field(default_factory=dict)
    images: dict[str, SimulatedImage] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)  # data directories that exist
    # Files in writable binds: path -> digest of the content.
    files: dict[str, str] = field(default_factory=dict)
    # Records by bind, oldest first.
    file_records: dict[str, list[dict[str, list[str]]]] = field(default_factory=dict)
    host_ports: set[tuple[str, int, str]] = field(default_factory=set)  # taken by processes outside Docker
    trouble: Outage | None = None
    # Requests that a fault delayed.
    pending: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    events: deque[EngineEvent] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    lock: threading.Condition = field(default_factory=threading.Condition, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.engine_id = self.engine_id or hashlib.sha256(self.name.encode()).hexdigest()[:32]
        if not self.networks:
            for name, driver in PREDEFINED_NETWORKS:
                self.networks[name] = SimulatedNetwork(id=self.new_id(), name=name, driver=driver)

    def new_id(self) -> str:
        """Return a new unique id; the same sequence of calls gives the same ids."""
        self.serial += 1
        return hashlib.sha256(f"{self.name}/{self.serial}".encode()).hexdigest()

    def find(self, reference: str) -> SimulatedContainer | None:
        """Return a container by id or name."""
        found = self.containers.get(reference)
        if found is not None:
            return found
        return next((each for each in self.containers.values() if each.name == reference), None)

    def find_image(self, reference: str) -> SimulatedImage | None:
        """Return an image by id, tag or digest."""
        found = self.images.get(reference)
        if found is not None:
            return found
        return next((i for i in self.images.values() if reference in i.tags or reference in i.digests), None)

    def advance(self, now: float) -> None:
        """Execute everything that is due by `now`, in order; do nothing if the clock went back."""
        while (trouble := self.trouble) is not None and trouble.until <= now:
            self._live(trouble.until)
            self.trouble = None
            if trouble.boots:
                self._boot(trouble.until)
        for at, request in sorted((each for each in self.pending if each[0] <= now), key=itemgetter(0)):
            self.pending.remove((at, request))
            self._live(at)
            with suppress(EngineError):  # no caller waits for its answer any more
                request()
        self._live(now)
        self.now = max(self.now, now)

    def next_at(self) -> float | None:
        """Return the time of the next event that happens by itself, or None."""
        times = [at for each in self.containers.values() if (at := each.next_at) is not None]
        if self.trouble is not None:
            times.append(self.trouble.until)
        return min(times, default=None)

    def emit(self, kind: str, action: str, identity: str, attributes: dict[str, str] | None = None) -> None:
        """Queue an event for listeners."""
        at = datetime.fromtimestamp(self.now, UTC)
        event = EngineEvent(
            host=self.name, kind=kind, action=action, id=identity, at=at, attributes=attributes or {}
        )
        self.events.append(event)
        with self.lock:
            self.lock.notify_all()

    def emit_container(self, action: str, container: SimulatedContainer) -> None:
        """Queue an event about a container, with its labels, as an Engine does."""
        attributes = {**container.labels, "name": container.name, "image": container.image}
        self.emit("container", action, container.id, attributes)

    # Faults of a host.

    def cut(self, until: float) -> None:
        """Cut the network, or let the daemon hang: containers continue, requests get no answer."""
        self.trouble = Outage(reach=OutageKind.SILENT, until=until)

    def crash(self, until: float, *, exit_code: int = KILLED) -> None:
        """Stop the daemon and all containers; at boot, restart policies decide which containers start again."""
        for container in self._running():
            end(container, self.now, exit_code=exit_code)
        for container in self.containers.values():  # the daemon's restart loses the events about earlier ends
            container.ended_by = EndedBy.DAEMON
        self.trouble = Outage(reach=OutageKind.REFUSED, until=until, boots=True)

    def _boot(self, now: float) -> None:
        self.now = max(self.now, now)
        for container in self.containers.values():
            if returns_with_daemon(container):
                container.backoff_s = 0.0
                container.restart_count = 0
                begin(container, now)
                self.emit_container("start", container)

    def _live(self, now: float) -> None:
        while due := [
            (at, c.id) for c in self.containers.values() if (at := c.next_at) is not None and at <= now
        ]:
            at, identity = min(due)
            container = self.containers[identity]
            self.now = max(self.now, at)
            self.emit_container(pass_time(container), container)

    def _running(self) -> Iterator[SimulatedContainer]:
        return (container for container in self.containers.values() if container.up)
