"""What an Engine was asked, from its own log."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from lab.commands import wait_for
from lab.host import LabHost

CALL = re.compile(r'msg="Calling ([A-Z]+ [^ "]+)')


@contextmanager
def requests_of(host: LabHost) -> Iterator[list[str]]:
    """Give a list that holds, after the block, every request that the Engine got during it (`GET /v1.41/version`)."""
    found: list[str] = []
    _tell(host, debug=True)
    start = host.log.stat().st_size
    try:
        yield found
        found += _calls(host, start)
    finally:
        _tell(host, debug=False)


def _tell(host: LabHost, *, debug: bool) -> None:
    (host.directory / "daemon.json").write_text(json.dumps({"debug": debug}))
    os.kill(int((host.directory / "dockerd.pid").read_text()), signal.SIGHUP)
    wait_for(f"{host.name} to log {'more' if debug else 'less'}", lambda: _logs_calls(host) is debug)


def _logs_calls(host: LabHost) -> bool:
    start = host.log.stat().st_size
    with host.client() as client:
        client.ping()
        client.version()
    return bool(_calls(host, start))


def _calls(host: LabHost, start: int) -> list[str]:
    with host.log.open("rb") as stream:
        stream.seek(start)
        return CALL.findall(stream.read().decode(errors="replace"))
