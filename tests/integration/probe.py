"""Looks at the containers of hosts fifty times a second, and hears what their Engines say, beside the product."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from integration.world import APP
from lab.commands import wait_for
from lab.host import LabHost

EVERY_S = 0.02
HEALTHY, UNHEALTHY = "health_status: healthy", "health_status: unhealthy"
EVENTS = {"type": ["container", "volume"], "event": ["create", "start", "kill", "die", "health_status"]}
END = "the-probe-ends"  # a volume, made to be heard of: what was said before it has then been heard too


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an Engine said of a container, with the Engine's own time."""

    at_s: float
    host: str
    name: str
    what: str


class Probe:
    """What was seen and heard from its beginning to its end."""

    def __init__(self) -> None:
        self.steps: list[Step] = []  # in the order of their times, once the probe has ended
        self.looks: list[Mapping[str, int]] = []  # how many healthy containers each app had
        self.seconds = 0.0

    @property
    def looks_per_s(self) -> float:
        """Return how often it looked."""
        return len(self.looks) / self.seconds

    def fewest_healthy(self, app: str) -> int:
        """Return how many healthy containers an app had when it had the fewest."""
        return min(counts.get(app, 0) for counts in self.looks)

    def at(self, name: str, what: str) -> float:
        """Return when something happened to a container for the first time."""
        found = [step.at_s for step in self.steps if (step.name, step.what) == (name, what)]
        assert found, f"no {what} of {name}: {self.steps}"
        return found[0]

    def happened(self, name: str, what: str) -> bool:
        """Tell whether something happened to a container."""
        return any((step.name, step.what) == (name, what) for step in self.steps)


@contextmanager
def hearing(hosts: Sequence[LabHost]) -> Iterator[Probe]:
    """Hear what the Engines say for the length of a block, and look at nothing: fifty looks a second cost much."""
    probe = Probe()
    with ExitStack() as stack:
        for host in hosts:
            stack.enter_context(_hearing(probe, host))
        yield probe
    probe.steps.sort(key=lambda step: step.at_s)


@contextmanager
def probing(hosts: Sequence[LabHost]) -> Iterator[Probe]:
    """Hear and look for the length of a block."""
    with hearing(hosts) as probe:
        stop = threading.Event()
        looking = threading.Thread(target=_look, args=(probe, hosts, stop))
        began = time.monotonic()
        looking.start()
        try:
            yield probe
        finally:
            stop.set()
            looking.join()
            probe.seconds = time.monotonic() - began


def _look(probe: Probe, hosts: Sequence[LabHost], stop: threading.Event) -> None:
    """Count until it is told to stop; a look that came late is not made up for."""
    connections = [_Connection(str(host.socket)) for host in hosts]
    with ThreadPoolExecutor(len(hosts)) as pool:
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            counts: dict[str, int] = {}
            for app in (app for apps in pool.map(_Connection.healthy_apps, connections) for app in apps):
                counts[app] = counts.get(app, 0) + 1
            probe.looks.append(counts)
            due = max(due + EVERY_S, time.monotonic())
    for connection in connections:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """One that stays open: an SDK would take longer over each question than the Engine does."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def healthy_apps(self) -> list[str]:
        """Return the app of every healthy container."""
        filters = quote(json.dumps({"label": [APP], "health": ["healthy"], "status": ["running"]}))
        self.request("GET", f"/containers/json?filters={filters}")
        return [row["Labels"][APP] for row in json.load(self.getresponse())]


@contextmanager
def _hearing(probe: Probe, host: LabHost) -> Iterator[None]:
    """Take down what a host says of the length of a block."""
    ended = threading.Event()
    with host.client() as client:
        stream = client.events(decode=True, filters=EVENTS)
        thread = threading.Thread(target=_take_down, args=(probe, host, stream, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            client.create_volume(END)
            wait_for(f"{host.name} to have said all", ended.is_set)
            client.remove_volume(END)
            stream.close()
            thread.join()


def _take_down(probe: Probe, host: LabHost, stream: Iterator[Mapping], ended: threading.Event) -> None:
    for event in stream:
        if event["Type"] == "volume":
            if event["Actor"]["ID"] == END:
                ended.set()
            continue
        name = event["Actor"]["Attributes"]["name"]
        probe.steps.append(
            Step(at_s=event["timeNano"] / 1e9, host=host.name, name=name, what=event["Action"])
        )
