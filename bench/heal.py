"""From `docker rm -f` to running again, with the real service listening."""

import os
import signal
import subprocess
from statistics import quantiles

from arena import Arena, Events

REMOVALS_EACH = 4


def heal_times(arena: Arena, turns: int) -> list[tuple[str, str]]:
    """Remove containers again and again; tell when their successors are begun and when they run, by the Engine's clock.

    No one of them is removed as often as a fight with another hand is: that the service would leave alone.
    """
    arena.write(max(10, turns // REMOVALS_EACH + 1))
    arena.clear()
    arena.call(arena.ours("sync"))
    environment = {**os.environ, "GITOPS_ORCH_HTTP__LISTEN": "127.0.0.1:0"}
    log = (arena.directory / "service.log").open("w")
    with subprocess.Popen(arena.ours("run"), env=environment, stdout=log, stderr=log) as service:
        try:
            begun, running = _heal(arena, turns)
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(timeout=60)
    return [
        (f"heal begins (create) after docker rm -f, median of {turns}", f"{_percentile(begun, 50):.3f} s"),
        ("heal begins, 95th percentile (goal 0.5 s)", f"{_percentile(begun, 95):.3f} s"),
        ("running again, median", f"{_percentile(running, 50):.3f} s"),
        ("running again, 95th percentile", f"{_percentile(running, 95):.3f} s"),
    ]


def _heal(arena: Arena, turns: int) -> tuple[list[float], list[float]]:
    begun: list[float] = []
    running: list[float] = []
    with arena.host.client() as client:
        victims = [container["Id"] for container in client.containers()]
        with Events(arena.host).listening() as events:
            for turn in range(1, turns + 1):
                client.remove_container(victims.pop(0), force=True)
                destroyed = events.wait_for("destroy", turn)
                begun.append(events.wait_for("create", turn) - destroyed)
                running.append(events.wait_for("start", turn) - destroyed)
                victims.append(client.containers(latest=True)[0]["Id"])
    return begun, running


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
