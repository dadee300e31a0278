"""Who ended a container: its own program, a request to its Engine, or the end of the Engine itself.

An exit code does not tell: a program that is asked to end may end with 0, and one that is killed with 137.  What tells is
measured on Engines 20.10 and 26.1:

- a `kill` event, with a signal that ends programs, comes before the `die` event of a container that was stopped, killed
  or restarted on request; a crash has none;
- both are there before an inspection reports the end, because an Engine locks the container while it writes them;
- an Engine keeps its last 256 events, and none over its own restart: without the `die` event, nobody knows;
- an Engine makes its network `bridge` again whenever it starts: what ended before that ended with the Engine, or earlier.
"""

import json
import signal
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import docker.errors

from gitops_orch.engine import labels
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.observe.parse import ENDED_BY, from_text
from gitops_orch.engine.registry.pull import json_lines
from gitops_orch.model.observed import EndedBy

_LOGGED_LATE_S = 1.0  # both events are younger than the end of the process
_HARMLESS = frozenset({0, 1, 10, 12, 18, 28})  # HUP, USR1, USR2, CONT, WINCH: told to programs that go on
_RENAMED = ("-kept", "-failed")  # set aside by us: nobody asks how these ended

Row = Mapping[str, Any]


def inspect_with_ending(client: RawClient, container: str, instance: str) -> Row:
    """Return an inspection, with an EndedBy under ENDED_BY where a container of ours has ended and that matters."""
    row: dict[str, Any] = client.inspect_container(container)
    config, state = row.get("Config") or {}, row.get("State") or {}
    own, name = config.get("Labels") or {}, str(row.get("Name")).removeprefix("/")
    is_renamed = name.endswith(_RENAMED) and name != own.get(labels.NAME)  # a `container_name` may end so
    if own.get(labels.INSTANCE) == instance and state.get("Status") == "exited" and not is_renamed:
        row[ENDED_BY] = _ended_by(client, row)
    return row


def _ended_by(client: RawClient, row: Row) -> EndedBy:
    state, policy = row["State"], (row.get("HostConfig") or {}).get("RestartPolicy") or {}
    started, ended = from_text(state.get("StartedAt")), from_text(state.get("FinishedAt"))
    if str(policy.get("Name")) in {"always", "unless-stopped"} or started is None or ended is None:
        return EndedBy.UNKNOWN  # with such a policy only a request or the daemon keeps it down
    try:
        daemon_started = _daemon_started(client)
        if daemon_started is not None and ended < daemon_started:
            return EndedBy.DAEMON
        return _by_events(client, row, started, ended)
    except docker.errors.APIError:
        return EndedBy.UNKNOWN


def _daemon_started(client: RawClient) -> datetime | None:
    """Return when the Engine started, by its own clock; None where it runs without its network `bridge`."""
    try:
        return from_text(client.inspect_network("bridge").get("Created"))
    except docker.errors.NotFound:
        return None


def _by_events(client: RawClient, row: Row, started: datetime, ended: datetime) -> EndedBy:
    filters = {"type": ["container"], "container": [row["Id"]], "event": ["kill", "die"]}
    since, until = f"{started.timestamp():.6f}", f"{ended.timestamp() + _LOGGED_LATE_S:.6f}"
    params = {"since": since, "until": until, "filters": json.dumps(filters)}
    own = str((row.get("Config") or {}).get("StopSignal") or "")
    with client.open_stream("/events", params=params) as answer:
        return _first_cause(json_lines(answer), own)


def _first_cause(events: Iterable[Row], stop_signal: str) -> EndedBy:
    """Return what the events of one run tell, read no further than `die`: of a fresh end, an Engine tells on for a second."""
    for event in events:
        if event.get("Action") == "kill" and _ends(event, stop_signal):
            return EndedBy.REQUEST
        if event.get("Action") == "die":
            return EndedBy.ITSELF
    return EndedBy.UNKNOWN


def _ends(event: Row, stop_signal: str) -> bool:
    """Tell whether the signal of a kill ends programs, or is the one that stops this container."""
    sent = str(((event.get("Actor") or {}).get("Attributes") or {}).get("signal") or "")
    if not sent.isdigit():
        return True
    own = getattr(signal, stop_signal, None) if stop_signal.startswith("SIG") else None
    return int(sent) not in _HARMLESS or int(sent) == own
