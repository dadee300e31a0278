"""Finds out why a container ended: its own program ended, a request stopped it, or the Engine itself ended.

The exit code is not enough: a program that is asked to end may exit with 0, and a killed program exits with 137. These
facts were measured on Engines 20.10 and 26.1:

- If a container was stopped, killed or restarted on request, its `die` event follows a `kill` event with a signal that
  ends programs. After a crash there is no `kill` event.
- Both events exist before an inspection reports the end, because an Engine locks the container while it writes them.
- An Engine keeps its last 256 events, and none across its own restart. Without the `die` event, the cause is unknown.
- An Engine creates its network `bridge` again at each start. A container that ended before that time ended together
  with the Engine, or earlier.
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

_LOGGED_LATE_S = 1.0  # both events are later than the end of the process
_HARMLESS = frozenset({0, 1, 10, 12, 18, 28})  # 0, HUP, USR1, USR2, CONT, WINCH: the program continues
_RENAMED = ("-kept", "-failed")  # retained and failed containers: the cause of their end is not needed

Row = Mapping[str, Any]


def inspect_with_ending(client: RawClient, container: str, instance: str) -> Row:
    """Return an inspection, with an EndedBy under ENDED_BY if one of our containers has exited and was not renamed."""
    row: dict[str, Any] = client.inspect_container(container)
    config, state = row.get("Config") or {}, row.get("State") or {}
    own, name = config.get("Labels") or {}, str(row.get("Name")).removeprefix("/")
    # Compared with the name at creation, because a `container_name` may have such an ending.
    is_renamed = name.endswith(_RENAMED) and name != own.get(labels.NAME)
    if own.get(labels.INSTANCE) == instance and state.get("Status") == "exited" and not is_renamed:
        row[ENDED_BY] = _ended_by(client, row)
    return row


def _ended_by(client: RawClient, row: Row) -> EndedBy:
    state, policy = row["State"], (row.get("HostConfig") or {}).get("RestartPolicy") or {}
    started, ended = from_text(state.get("StartedAt")), from_text(state.get("FinishedAt"))
    if str(policy.get("Name")) in {"always", "unless-stopped"} or started is None or ended is None:
        return EndedBy.UNKNOWN  # with such a policy only a request or the daemon keeps it stopped
    try:
        daemon_started = _daemon_started(client)
        if daemon_started is not None and ended < daemon_started:
            return EndedBy.DAEMON
        return _by_events(client, row, started, ended)
    except docker.errors.APIError:
        return EndedBy.UNKNOWN


def _daemon_started(client: RawClient) -> datetime | None:
    """Return when the Engine started, by its own clock; None if it has no network `bridge`."""
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
    """Return the cause by the events of one run. Stop at `die`: shortly after an end, the stream stays open for 1 s."""
    for event in events:
        if event.get("Action") == "kill" and _ends(event, stop_signal):
            return EndedBy.REQUEST
        if event.get("Action") == "die":
            return EndedBy.ITSELF
    return EndedBy.UNKNOWN


def _ends(event: Row, stop_signal: str) -> bool:
    """Return whether the signal of a `kill` event ends programs, or is this container's stop signal."""
    sent = str(((event.get("Actor") or {}).get("Attributes") or {}).get("signal") or "")
    if not sent.isdigit():
        return True
    own = getattr(signal, stop_signal, None) if stop_signal.startswith("SIG") else None
    return int(sent) not in _HARMLESS or int(sent) == own
