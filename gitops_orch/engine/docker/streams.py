"""Reads the answers that an Engine streams: logs, the output of a command, and events."""

import json
import struct
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from gitops_orch.engine.base import PLAIN_EXEC, TIMED_OUT_CODE, EngineEvent, ExecResult, ExecSettings
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.bounded_answers import AnswerTooLarge, stream_pieces
from gitops_orch.engine.registry.pull import json_lines
from gitops_orch.errors import EngineError, HostUnreachable

OUTPUT_BYTES_MAX = 1_000_000
FRAME_BYTES_MAX = 4_000_000
CONNECTED_KIND, CONNECTED_ACTION = "stream", "connected"
_HEADER = struct.Struct(">BxxxL")  # stream number, length (Engine API, attach)
_KINDS = ("container", "network", "volume", "image", "daemon")
# Each health check is a command, every few seconds in every container: the Engine is asked not to send these events.
_ACTIONS = (
    "create",
    "start",
    "restart",
    "stop",
    "die",
    "oom",
    "pause",
    "unpause",
    "rename",
    "update",
    "destroy",
    "health_status",
    "connect",
    "disconnect",
    "remove",
    "delete",
    "untag",
    "reload",
)


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Selects lines of a log: the last `tail` lines, only those after `since`, with their times if `timestamps`."""

    tail: int
    since: datetime | None = None
    timestamps: bool = False

    def params(self) -> dict[str, str]:
        """Return the parameters of the Engine's request; `since` is in seconds and nanoseconds since the epoch."""
        params = {"stdout": "1", "stderr": "1", "tail": str(max(0, self.tail))}
        if self.since is not None:
            params["since"] = f"{int(self.since.timestamp())}.{self.since.microsecond:06}000"
        return params | ({"timestamps": "1"} if self.timestamps else {})


def container_logs(wire: Wire, container: str, window: LogWindow) -> str:
    """Return the last lines of both output streams, at most one megabyte."""
    params = window.params()
    with wire.bounded(f"logs of {container}"):
        row = wire.client().inspect_container(container)
        terminal = bool((row.get("Config") or {}).get("Tty"))
        with wire.client().open_stream("/containers/{0}/logs", container, params=params) as answer:
            return _printed(answer, terminal=terminal)


def exec_in(
    wire: Wire, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
) -> ExecResult:
    """Run a command in a container and wait for its end; the result has the last megabyte of its output."""
    what = f"command in {container}"
    body = {
        "Cmd": list(command),
        "User": settings.user,
        "Privileged": settings.privileged,
        "WorkingDir": settings.working_dir,
        "Env": list(settings.environment),
        "AttachStdout": True,
        "AttachStderr": True,
    }
    created = wire.call(what, lambda client: client.post_body("/containers/{0}/exec", container, body=body))
    identity = str(created["Id"])
    seconds = settings.deadline_s or wire.deadline_s
    ends_at = time.monotonic() + seconds
    try:
        with wire.bounded(what, deadline_s=seconds):
            started = {"Detach": False, "Tty": False}
            with wire.client().open_stream("/exec/{0}/start", identity, body=started, params={}) as answer:
                output = _printed(answer, terminal=False)
    except HostUnreachable:
        if time.monotonic() < ends_at or not wire.read(what, lambda c: c.exec_inspect(identity))["Running"]:
            raise
        return ExecResult(exit_code=TIMED_OUT_CODE, output="", timed_out=True)
    except EngineError as error:
        # The command does not exist: some Engines answer with an error, others report it in the command's output.
        code = wire.read(what, lambda client: client.exec_inspect(identity)).get("ExitCode")
        if not code:
            raise
        return ExecResult(exit_code=int(code), output=error.message)
    row = wire.read(what, lambda client: client.exec_inspect(identity))
    return ExecResult(exit_code=int(row.get("ExitCode") or 0), output=output)


def _printed(answer: requests.Response, *, terminal: bool) -> str:
    pieces = stream_pieces(answer)
    frames = pieces if terminal else _frames(pieces)
    kept: deque[bytes] = deque()
    size = 0
    for frame in frames:
        kept.append(frame)
        size += len(frame)
        while size - len(kept[0]) >= OUTPUT_BYTES_MAX:
            size -= len(kept.popleft())
    return b"".join(kept)[-OUTPUT_BYTES_MAX:].decode(errors="replace")


def _frames(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the contents of the frames in which the Engine interleaves standard output and standard error."""
    rest = b""
    for piece in pieces:
        rest += piece
        while len(rest) >= _HEADER.size:
            _, length = _HEADER.unpack_from(rest)
            if length > FRAME_BYTES_MAX:
                raise AnswerTooLarge(f"a piece of it is longer than {FRAME_BYTES_MAX // 1_000_000} MB")
            if len(rest) < _HEADER.size + length:
                break
            yield rest[_HEADER.size : _HEADER.size + length]
            rest = rest[_HEADER.size + length :]


def host_events(wire: Wire) -> Iterator[EngineEvent]:
    """Yield the host's events without end; HostUnreachable when the connection breaks.

    The first event reports that the Engine has answered. The stream has every event from then on, so a listing after
    the first event misses no change.
    """
    filters = {"type": list(_KINDS), "event": list(_ACTIONS)}
    with wire.bounded("events"):
        client = wire.client()
        answer = client.open_stream("/events", params={"filters": json.dumps(filters)})
    with answer, wire.bounded("events", endless=True):
        yield EngineEvent(
            host=wire.host, kind=CONNECTED_KIND, action=CONNECTED_ACTION, id="", at=datetime.now(UTC)
        )
        for row in json_lines(answer):
            yield _event(wire.host, row)


def _event(host: str, row: dict[str, Any]) -> EngineEvent:
    actor = row.get("Actor") or {}
    return EngineEvent(
        host=host,
        kind=str(row.get("Type") or ""),
        action=str(row.get("Action") or ""),
        id=str(actor.get("ID") or ""),
        at=_time(row.get("timeNano")),
        attributes={str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()},
    )


def _time(nanoseconds: object) -> datetime:
    """Return when an event happened; the current time if the event has no valid time."""
    try:
        # A value that is no number raises.
        return datetime.fromtimestamp(int(nanoseconds or 0) / 1e9, UTC)  # type: ignore[call-overload]
    except (ArithmeticError, ValueError, TypeError, OSError):
        return datetime.now(UTC)
