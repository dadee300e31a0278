"""First deploys and passes with nothing to do: our console and service beside Compose, and beside the bare Engine API."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
from arena import PROJECT, Arena, Events
from inside import open_reconciler
from table import Row, row

API_WORKERS = 2 * (os.cpu_count() or 2)  # where creates and starts saturate on one Engine


def first_deploys(arena: Arena, services: int, turns: int) -> list[Row]:
    """Deploy onto an empty Engine until the last container is started, by the Engine's own clock."""
    path = arena.write(services)
    rivals: dict[str, Callable[[], None]] = {
        "ours": lambda: arena.call(arena.ours("sync")),
        "compose": lambda: arena.call(arena.theirs(path, "up", "-d")),
        "api": lambda: _bare_api(arena, services),
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(turns):
        for name, deploy in rivals.items():
            arena.clear()
            times[name].append(_until_last_start(arena, deploy, services))
    arena.clear()
    what = f"first deploy of {services} services, until the last is started"
    return [
        row(what, times["ours"], times["compose"], "docker compose up -d", 1.1),
        row(what, times["ours"], times["api"], f"bare Engine API, {API_WORKERS} at a time"),
    ]


def _until_last_start(arena: Arena, deploy: Callable[[], None], services: int) -> float:
    with Events(arena.host).listening() as events:
        began = time.time()
        deploy()
        return events.wait_for("start", services) - began


def _bare_api(arena: Arena, services: int) -> None:
    """The same containers with nothing around them: one network, then each created and started."""
    with arena.host.client() as client:
        client.create_network(f"{PROJECT}_default")
    with ThreadPoolExecutor(API_WORKERS) as pool:
        list(pool.map(lambda number: _create_and_start(arena, number), range(services)))


def _create_and_start(arena: Arena, number: int) -> None:
    client = docker.APIClient(base_url=arena.host.unix)
    body = {
        "Image": "stub:1",
        "Cmd": ["sleep", "1000000"],
        "Env": ["GENERATION=1"],
        "HostConfig": {"NetworkMode": f"{PROJECT}_default", "Init": True},
        "NetworkingConfig": {"EndpointsConfig": {f"{PROJECT}_default": {}}},
    }
    client.start(client.create_container_from_config(body, f"{PROJECT}-s{number:03d}-1"))
    client.close()


def idle_passes(arena: Arena, services: int, turns: int) -> list[Row]:
    """A pass with nothing to do over the same containers: inside our service, and Compose's own command."""
    path = arena.write(services)
    arena.clear()
    arena.call(arena.theirs(path, "up", "-d"))
    theirs = [_timed(lambda: arena.call(arena.theirs(path, "up", "-d"))) for _ in range(turns)]
    arena.clear()
    arena.call(arena.ours("sync"))
    inside = _passes_inside(arena, turns)
    console = [_timed(lambda: arena.call(arena.ours("sync"))) for _ in range(turns)]
    arena.clear()
    what = f"a pass with nothing to do, {services} containers"
    return [
        row(f"{what}, in the service", inside, theirs, "docker compose up -d", 0.5),
        row(f"{what}, gitops-orch sync", console, theirs, "docker compose up -d"),
    ]


def _passes_inside(arena: Arena, turns: int) -> list[float]:
    """What one poll of the running service costs, the question to Git included."""
    with open_reconciler(arena.url, Path(arena.directory) / "inside") as reconciler:
        reconciler.run(trigger="bench")
        return [_timed(lambda: reconciler.run(trigger="poll")) for _ in range(turns)]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
