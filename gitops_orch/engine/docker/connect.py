"""Builds the connection that a Host document declares: Unix socket, TCP with TLS, plaintext TCP if allowed, or SSH."""

import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import urllib3

from gitops_orch.clock import Clock, SystemClock
from gitops_orch.engine.connection.api_client import Endpoint, Wire
from gitops_orch.engine.connection.ssh_tunnel import SshTunnel
from gitops_orch.engine.connection.transport import Line, tcp_pool, tls_pool, unix_pool
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.registry.registry_auth import Registries
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import SettingsError
from gitops_orch.model.host import Host, Tls

PORT_PLAIN = 2375
PORT_TLS = 2376


def connect(host: Host, settings: EngineSettings, clock: Clock | None = None) -> DockerHost:
    """Return the host's Engine. Nothing is sent before the first call, so a dead host makes the first call fail.

    SettingsError if the Host document is wrong: an unknown scheme, plaintext without `insecure`, or a certificate that
    cannot be read.
    """
    wire = Wire(_endpoint(host, settings), deadline_s=settings.deadline_s)
    return DockerHost(
        host=host,
        wire=wire,
        settings=settings,
        registries=Registries(settings.registries, settings.credential_helpers),
        clock=clock or SystemClock(),
    )


def _endpoint(host: Host, settings: EngineSettings) -> Endpoint:
    url = urlsplit(host.url)
    if url.scheme == "unix":
        return _unix_endpoint(host, settings, url.path)
    if url.scheme == "ssh":
        return _ssh_endpoint(host, settings, url)
    if url.scheme == "tcp" and url.hostname:
        return _tcp_endpoint(host, settings, url)
    raise SettingsError(
        f"host {host.name}: {host.url} is no address of a Docker Engine",
        hint="write unix:///path, tcp://host:2376 or ssh://user@host",
    )


def _unix_endpoint(host: Host, settings: EngineSettings, path: str) -> Endpoint:
    def open_pool(line: Line) -> urllib3.HTTPConnectionPool:
        return unix_pool(line, path, settings.pool_size)

    return _local_endpoint(host, open_pool, close=lambda: None)


def _ssh_endpoint(host: Host, settings: EngineSettings, url: SplitResult) -> Endpoint:
    tunnel = SshTunnel(url, deadline_s=settings.deadline_s, config=settings.ssh_config)

    def open_pool(line: Line) -> urllib3.HTTPConnectionPool:
        return unix_pool(line, tunnel.path(), settings.pool_size)

    return _local_endpoint(host, open_pool, close=tunnel.close)


def _local_endpoint(
    host: Host, open_pool: Callable[[Line], urllib3.HTTPConnectionPool], *, close: Callable[[], None]
) -> Endpoint:
    return Endpoint(
        host=host.name, url=host.url, base_url="http://localhost:80", open_pool=open_pool, close=close
    )


def _tcp_endpoint(host: Host, settings: EngineSettings, url: SplitResult) -> Endpoint:
    if host.tls is None and not host.insecure:
        raise SettingsError(
            f"host {host.name}: {host.url} has no TLS: anyone who can connect to it is root there",
            hint="add spec.tls, or write insecure: true where the network itself is trusted",
        )
    tls = host.tls
    if tls is not None:
        _tls_context(host.name, tls)  # reports a mistake before the first request
    address = (str(url.hostname), url.port or (PORT_PLAIN if tls is None else PORT_TLS))

    def open_pool(line: Line) -> urllib3.HTTPConnectionPool:
        if tls is None:
            return tcp_pool(line, address, settings.pool_size)
        # Read the files for each connection, so that the next connection uses a renewed certificate.
        return tls_pool(line, address, settings.pool_size, _tls_context(host.name, tls))

    scheme = "http" if tls is None else "https"
    return Endpoint(
        host=host.name,
        url=host.url,
        base_url=f"{scheme}://{address[0]}:{address[1]}",
        open_pool=open_pool,
        close=lambda: None,
    )


def _tls_context(host: str, tls: Tls) -> ssl.SSLContext:
    """Return a context that trusts `ca`, or the system's authorities if there is none, and sends our certificate."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SettingsError(
            f"host {host}: its TLS files cannot be used: {error}",
            hint="spec.tls names PEM files on the controller's machine",
        ) from error
    return context
