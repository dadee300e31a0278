"""Rolling an app over hosts: ours beside the bare Engine API that does the same starts, as many at a time.

Both create ahead.  The API's side looks at nothing and waits for nothing; once it does the starts alone, which is the least
that the Engines need, and once it takes the old containers away too, each as soon as its successor is started.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import docker
import structlog
from arena import Events
from inside import open_reconciler
from lab.flavour import system_flavour
from lab.fleet import open_lab
from lab.host import LabHost
from repositories import Repository
from table import Row, row

from gitops_orch.controller.reconcile import Reconciler

HOSTS, REPLICAS = 4, 20
PROJECT = "rolling"
NETWORK = f"{PROJECT}_default"
RATIO_MAX = 1.2
COMMAND = ["sleep", "1000000"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Hosts, a repository that names them, and the service's own reconciler."""

    hosts: tuple[LabHost, ...]
    repository: Repository
    reconciler: Reconciler

    def commit(self, generation: int, parallelism: int) -> None:
        """Commit the app anew."""
        update = {"monitor": "0s", "parallelism": parallelism}
        service = {
            "image": "stub:1",
            "command": COMMAND,
            "init": True,
            "stop_grace_period": "0s",
            "environment": {"GENERATION": str(generation)},
            "deploy": {"replicas": REPLICAS, "update_config": update},
        }
        files: dict[str, str | bytes] = {
            f"hosts/{host.name}.yaml": f"apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {{name: {host.name}}}\n"
            f"spec: {{url: '{host.unix}'}}\n"
            for host in self.hosts
        }
        files["app/compose.yaml"] = json.dumps({"name": PROJECT, "services": {"api": service}})
        self.repository.commit(files)

    def run(self) -> None:
        """Reconcile once, as the service does when it polls."""
        report = self.reconciler.run(trigger="poll")
        if report.exit_code:
            raise SystemExit(f"a run ended as {report.status}: {report.results}")


def rolling_times(turns: int, parallelisms: Sequence[int]) -> list[Row]:
    """Replace all replicas again and again, in turn with the rivals."""
    # One line per step is the service's log, and not wanted here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = []
    with open_fleet() as fleet:
        for parallelism in parallelisms:
            ours, starts, replacing = [], [], []
            for turn in range(turns):
                ours.append(_our_turn(fleet, turn, parallelism))
                starts.append(_their_turn(fleet, parallelism, replace=False))
                replacing.append(_their_turn(fleet, parallelism, replace=True))
            what = f"rolling {REPLICAS} over {HOSTS} hosts, {parallelism or 'all'} at a time"
            for end, name in enumerate(("last start", "last one away")):
                mine = [each[end] for each in ours]
                if end == 0:
                    rows.append(
                        row(f"{what}: {name}", mine, [e[0] for e in starts], "bare API, starts", RATIO_MAX)
                    )
                rows.append(row(f"{what}: {name}", mine, [e[end] for e in replacing], "bare API, replacing"))
    return rows


def _our_turn(fleet: Fleet, turn: int, parallelism: int) -> tuple[float, float]:
    _wipe(fleet)
    fleet.commit(2 * turn, 0)
    fleet.run()
    fleet.commit(2 * turn + 1, parallelism)
    return _timed(fleet, fleet.run)


def _their_turn(fleet: Fleet, parallelism: int, *, replace: bool) -> tuple[float, float]:
    _wipe(fleet)
    for host in fleet.hosts:
        _client(host).create_network(NETWORK)
    old = _create_all(fleet, "old")
    with ThreadPoolExecutor(REPLICAS) as pool:
        list(pool.map(_start, old))
    return _timed(fleet, lambda: _roll(fleet, old if replace else [], parallelism))


@contextmanager
def open_fleet() -> Iterator[Fleet]:
    """Lend hosts and a reconciler for them."""
    flavour = system_flavour()
    if flavour is None:
        raise SystemExit("no Docker Engine is installed; scripts/bench installs one")
    with open_lab([flavour] * HOSTS) as lab:
        directory = lab.slot.directory / "bench"
        repository = Repository(directory / "forge.git")
        with open_reconciler(repository.url, directory) as reconciler:
            yield Fleet(lab.hosts, repository, reconciler)


def _wipe(fleet: Fleet) -> None:
    for host in fleet.hosts:
        host.wipe()


def _timed(fleet: Fleet, work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds until the last start, by the Engines' clocks, and until the end of the work."""
    with ExitStack() as stack:
        heard = [stack.enter_context(Events(host).listening()) for host in fleet.hosts]
        began = time.time()
        work()
        ended = time.time()
        each = REPLICAS // HOSTS
        return max(events.wait_for("start", each) for events in heard) - began, ended - began


Made = tuple[LabHost, str]


def _create_all(fleet: Fleet, generation: str) -> list[Made]:
    with ThreadPoolExecutor(REPLICAS) as pool:
        return list(pool.map(lambda number: _create(fleet, generation, number), range(REPLICAS)))


def _roll(fleet: Fleet, old: Sequence[Made], parallelism: int) -> None:
    """Create all ahead, then start as many at a time as is said; what is replaced goes meanwhile."""
    new = _create_all(fleet, "new")
    with ThreadPoolExecutor(REPLICAS) as ends, ThreadPoolExecutor(parallelism or REPLICAS) as starts:

        def replace(number: int) -> None:
            _start(new[number])
            if old:
                ends.submit(_end, old[number])

        list(starts.map(replace, range(REPLICAS)))


_CLIENTS = threading.local()


def _client(host: LabHost) -> docker.APIClient:
    """One connection for each thread and host, as ours has."""
    clients = _CLIENTS.__dict__.setdefault("by_host", {})
    if host.unix not in clients:
        clients[host.unix] = docker.APIClient(base_url=host.unix)
    return clients[host.unix]


def _create(fleet: Fleet, generation: str, number: int) -> Made:
    host = fleet.hosts[number % HOSTS]
    body = {
        "Image": "stub:1",
        "Cmd": COMMAND,
        "Env": [f"GENERATION={generation}"],
        "HostConfig": {"NetworkMode": NETWORK, "Init": True},
        "NetworkingConfig": {"EndpointsConfig": {NETWORK: {"Aliases": ["api"]}}},
    }
    made = _client(host).create_container_from_config(body, f"{PROJECT}-{generation}-{number}")
    return host, str(made["Id"])


def _start(made: Made) -> None:
    host, container = made
    _client(host).start(container)


def _end(made: Made) -> None:
    host, container = made
    _client(host).stop(container, timeout=0)
    _client(host).remove_container(container)
