"""Probes whether a container is ready: by a command in the container, or from this machine over HTTP or TCP.

Note [Where a container is probed]
A host with a Unix socket is this machine. Its containers are probed at their own addresses, and containers that use the
host's network at 127.0.0.1. Containers of any other host are probed at the host's address, on a port that they publish.
`planner/admission/probe_reach.py` holds an app whose containers cannot be probed like this, before the app is changed.
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.transport import Line, tcp_pool
from gitops_orch.engine.docker.streams import exec_in
from gitops_orch.errors import EngineError, HostUnreachable, NotFound
from gitops_orch.model.app import Readiness
from gitops_orch.model.observed import ProbeResult
from gitops_orch.model.rules.addresses import is_loopback
from gitops_orch.model.rules.exit_codes import BAD_COMMAND_CODES

Row = Mapping[str, Any]
Address = tuple[str, int]

HERE = "127.0.0.1"
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
JOINED = "container:"
JOINS_MAX = 5  # the length of a chain of containers, each in the network of the next one
READY_STATUS = range(200, 400)
DETAIL_CHARS_MAX = 200


def probe_container(wire: Wire, url: str, container: str, readiness: Readiness) -> ProbeResult:
    """Return whether a container is ready; without an answer in time, or if it is unreachable from here, it is not."""
    if readiness.command:
        return _by_command(wire, container, readiness)
    address = _address(wire, url, container, int(readiness.port or 0))
    if isinstance(address, str):
        return ProbeResult(ready=False, detail=address)
    line = Line()
    try:
        with line.deadline(readiness.timeout_s):
            return _by_request(line, address, readiness)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        words = str(getattr(error, "reason", None) or error).rpartition(": ")[2]
        return ProbeResult(ready=False, detail=f"{_shown(address)}: {words}"[:DETAIL_CHARS_MAX])
    finally:
        line.hang_up(close=True)


def _by_command(wire: Wire, container: str, readiness: Readiness) -> ProbeResult:
    began = time.monotonic()
    try:
        with wire.bounded(f"readiness of {container}", deadline_s=readiness.timeout_s):
            result = exec_in(wire, container, readiness.command)
    except NotFound:
        raise
    except HostUnreachable:
        if time.monotonic() - began < readiness.timeout_s:
            raise
        return ProbeResult(ready=False, detail=f"its command did not end within {readiness.timeout_s:g} s")
    except EngineError as error:
        return ProbeResult(ready=False, detail=error.message[:DETAIL_CHARS_MAX])
    if result.exit_code == 0:
        return ProbeResult(ready=True)
    # The output of a command may contain a secret. The Engine's error for a command that it cannot run does not.
    words = f": {result.output.strip()}" if result.exit_code in BAD_COMMAND_CODES else ""
    detail = f"its command ended with code {result.exit_code}{words}"
    return ProbeResult(ready=False, detail=detail[:DETAIL_CHARS_MAX])


def _by_request(line: Line, address: Address, readiness: Readiness) -> ProbeResult:
    """Probe by TCP or HTTP. Follow no redirect, use no proxy and read no body: only the status counts."""
    pool = tcp_pool(line, address, 1)
    pool.timeout = urllib3.Timeout(readiness.timeout_s)
    if readiness.path is None:
        connection = pool._new_conn()  # noqa: SLF001 - the pool has no public method that opens a connection
        connection.connect()
        connection.close()
        return ProbeResult(ready=True)
    answer = pool.urlopen("GET", readiness.path, retries=False, redirect=False, preload_content=False)
    status = answer.status
    answer.close()
    if status in READY_STATUS:
        return ProbeResult(ready=True)
    return ProbeResult(ready=False, detail=f"{_shown(address)}{readiness.path}: HTTP status {status}")


def _address(wire: Wire, url: str, container: str, port: int) -> Address | str:
    """Return the address where this machine can probe the port, or why none; see Note [Where a container is probed]."""
    row = _network_holder(wire, container)
    host = urlsplit(url)
    is_here = host.scheme == "unix"
    mode = str((row.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host":
        return (HERE if is_here else str(host.hostname)), port
    settings: Row = row.get("NetworkSettings") or {}
    if is_here:
        networks: Mapping[str, Row] = settings.get("Networks") or {}
        own = [str(networks[name].get("IPAddress") or "") for name in sorted(networks)]
        return next(((address, port) for address in own if address), "it has no address on a network")
    bindings = (settings.get("Ports") or {}).get(f"{port}/tcp") or ()
    for binding in bindings:
        at = str(binding.get("HostIp") or "")
        if binding.get("HostPort") and not is_loopback(at):
            return (str(host.hostname) if at in EVERYWHERE else at), int(binding["HostPort"])
    return f"port {port} is not published beyond its host"


def _network_holder(wire: Wire, container: str) -> Row:
    """Return the container that owns the network namespace: this container, or the one whose network it joined."""
    name = container
    for _ in range(JOINS_MAX):
        row = _inspection(wire, name)
        mode = str((row.get("HostConfig") or {}).get("NetworkMode") or "")
        if not mode.startswith(JOINED):
            break
        name = mode.removeprefix(JOINED)
    return row


def _inspection(wire: Wire, name: str) -> Row:
    row: Row = wire.read(f"inspect of {name}", lambda client: client.inspect_container(name))
    return row


def _shown(address: Address) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"
