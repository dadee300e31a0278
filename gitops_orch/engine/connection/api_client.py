"""Sends API requests to one host: negotiates the version, bounds each call in time, and translates foreign errors."""

import http.client
import json
import math
import re
import struct
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import docker.errors
import requests
import urllib3

from gitops_orch.engine.connection.bounded_answers import AnswerTooLarge
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.connection.reachability import reach_hint
from gitops_orch.engine.connection.transport import DEADLINE_PASSED, BoundedAdapter, Line
from gitops_orch.errors import Conflict, EngineError, HostUnreachable, NotFound, Unsupported
from gitops_orch.model.rules.start_errors import cause_of, host_hint, release_hint

API_VERSION_MIN = (1, 40)
API_VERSION_MAX = (1, 49)
PODMAN_HEADER = "Libpod-Api-Version"
READ_ATTEMPTS = 3
READ_PAUSE_S = 0.1
_MESSAGE_CHARS_MAX = 500
_ID_CHARS = 12  # length of a container's id as `docker ps` shows it
_LONG_ID = re.compile(r"\b[0-9a-f]{64}\b")
# Exceptions while reading an answer that does not have the API's form: one odd host must not end a run over all hosts.
_SENSELESS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    struct.error,
    tarfile.TarError,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How to reach one Engine: a function that opens a connection pool, and the URL for messages."""

    host: str
    url: str
    base_url: str  # the address in the HTTP requests
    open_pool: Callable[[Line], urllib3.HTTPConnectionPool]
    close: Callable[[], None]


class Wire:
    """Sends calls to one Engine. Safe to use from many threads."""

    def __init__(self, endpoint: Endpoint, *, deadline_s: float) -> None:
        self.host = endpoint.host
        self.deadline_s = deadline_s
        self._endpoint = endpoint
        self._line = Line()
        self._lock = threading.Lock()
        self._client: RawClient | None = None
        self.is_podman = False  # valid once the Engine has answered

    @property
    def api_version(self) -> str:
        """Return the negotiated API version; negotiate first if it is not known yet."""
        with self.bounded("GET /_ping"):
            return str(self._connected().api_version)

    def read(self, what: str, ask: Callable[[RawClient], T], *, ends_at: float | None = None) -> T:
        """Send a request that changes nothing; retry after a 5xx or an incomplete answer, all within one deadline."""
        ends_at = ends_at or time.monotonic() + self.deadline_s
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return self.call(what, ask, deadline_s=max(0.001, ends_at - time.monotonic()))
            except (NotFound, Conflict, Unsupported):
                raise
            except EngineError:
                pause_s = READ_PAUSE_S * attempt
                if attempt == READ_ATTEMPTS or time.monotonic() + pause_s >= ends_at:
                    raise
                time.sleep(pause_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def call(self, what: str, ask: Callable[[RawClient], T], *, deadline_s: float | None = None) -> T:
        """Send a request once: a request that changes an Engine is never repeated automatically."""
        with self.bounded(what, deadline_s=deadline_s):
            return ask(self._connected())

    @contextmanager
    def bounded(self, what: str, *, deadline_s: float | None = None, endless: bool = False) -> Iterator[None]:
        """Run a block of requests within a deadline, and translate its exceptions into our errors."""
        seconds = None if endless else deadline_s or self.deadline_s
        try:
            with self._line.deadline(seconds):
                yield
        except docker.errors.APIError as error:
            raise _answered(self.host, what, error) from error
        except (json.JSONDecodeError, requests.exceptions.JSONDecodeError) as error:
            raise HostUnreachable(
                f"{self.host}: the answer to {what} is cut off or no JSON",
                hint="look at what sits between here and the Engine",
            ) from error
        except AnswerTooLarge as error:
            raise EngineError(
                f"{self.host}: the answer to {what} is not read: {error}",
                hint="look at what sits between here and the Engine",
            ) from error
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            docker.errors.DockerException,
            OSError,
        ) as error:
            raise self._lost(what, error, seconds) from error
        except _SENSELESS as error:
            raise _senseless(self.host, what, error) from error

    @contextmanager
    def understood(self, what: str) -> Iterator[None]:
        """Run a block that reads answers; an answer without the expected form becomes an EngineError of this host."""
        try:
            yield
        except _SENSELESS as error:
            raise _senseless(self.host, what, error) from error

    def client(self) -> RawClient:
        """Return the client; for use within `bounded` only."""
        return self._connected()

    def _connected(self) -> RawClient:
        with self._lock:
            if self._client is None:
                self._client = self._negotiate()
            return self._client

    def _negotiate(self) -> RawClient:
        """Return a client that uses the newest API version that both sides support."""
        client = RawClient(
            base_url=self._endpoint.base_url, version="1.40", timeout=math.ceil(self.deadline_s)
        )
        client.trust_env = False
        client.headers["Accept-Encoding"] = "identity"
        for prefix in ("http://", "https://", "http+docker://"):
            client.mount(prefix, BoundedAdapter(self._endpoint.open_pool(self._line)))
        answer = client.ask_version()
        answer.raise_for_status()
        offered = answer.headers.get("Api-Version", "")
        version = _parse_version(offered)
        if version is None or version < API_VERSION_MIN:
            raise Unsupported(
                f"{self.host}: the Engine offers API {offered or 'of no version'}, 1.40 is the oldest that works",
                hint="upgrade it to Docker Engine 20.10 or newer",
            )
        self.is_podman = PODMAN_HEADER in answer.headers
        spoken = min(version, API_VERSION_MAX)
        client.speak(f"{spoken[0]}.{spoken[1]}")
        return client

    def _lost(self, what: str, error: Exception, seconds: float | None) -> HostUnreachable:
        """Drop the client, so that the next call negotiates again: the Engine may return with another version."""
        with self._lock:
            self._client = None
        text = str(error)
        timed_out = isinstance(error, TimeoutError | requests.Timeout)
        timed_out |= "timed out" in text or DEADLINE_PASSED in text
        cause = _innermost(error)
        reason = str(cause) or type(cause).__name__
        if timed_out and seconds:
            reason = f"no answer within {round(seconds, 1):g} s"  # rounded, since the rest of a deadline is 29.9996
        return HostUnreachable(
            f"{self.host}: {what} at {self._endpoint.url}: {reason[:_MESSAGE_CHARS_MAX]}",
            hint=reach_hint(cause, self._endpoint.url),
        )

    def close(self) -> None:
        """End all connections and the tunnel that carries them."""
        self._line.hang_up(close=True)
        with self._lock:
            self._client = None
        self._endpoint.close()


def _parse_version(offered: str) -> tuple[int, int] | None:
    major, _, minor = offered.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _answered(host: str, what: str, error: docker.errors.APIError) -> EngineError:
    """Return our error type for an Engine's error answer."""
    status = error.status_code
    reason = cause_of(str(error.explanation or error))[:_MESSAGE_CHARS_MAX]
    message = f"{host}: {_LONG_ID.sub(_short_id, what)}: {reason}"
    if status == http.HTTPStatus.NOT_FOUND:
        return NotFound(message)
    if status == http.HTTPStatus.CONFLICT:
        return Conflict(message)
    if "client version" in reason and "too" in reason:
        return Unsupported(message, hint="the Engine was exchanged; try again")
    hint = host_hint(reason) or release_hint(reason) or "see the Engine's own log on that host"
    return EngineError(message, hint=hint)


def _short_id(found: re.Match[str]) -> str:
    return found[0][:_ID_CHARS]


def _senseless(host: str, what: str, error: Exception) -> EngineError:
    return EngineError(
        f"{host}: the answer to {what} is not an Engine's answer ({type(error).__name__}: {str(error)[:_MESSAGE_CHARS_MAX]})",
        hint="check the proxies between this machine and the Engine, and the Engine's version",
    )


def _innermost(error: BaseException) -> BaseException:
    """Return the operating system's error, without the exceptions that libraries wrapped around it."""
    found: BaseException = error
    while True:
        inner = getattr(found, "reason", None) or found.__cause__ or found.__context__
        nested = [arg for arg in found.args if isinstance(arg, BaseException)]
        inner = nested[0] if nested else inner
        if not isinstance(inner, BaseException) or inner is found:
            break
        found = inner
    return found
