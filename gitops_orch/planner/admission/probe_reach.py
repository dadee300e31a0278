"""Decides whether the readiness probes of an app can reach its containers; if not, nothing of the app is changed.

From the controller's machine, a container on a host that is reached by a Unix socket is probed at its own address. Any
other is probed at its host's address, by a published port. `engine/docker/probe.py` follows the same rule.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from gitops_orch.model.app import App, Port, Service
from gitops_orch.model.host import Host
from gitops_orch.model.rules.addresses import is_loopback
from gitops_orch.planner.diff.slots import Slot

NEAR_SCHEMES = frozenset({"unix", "sim"})
JOINS_MAX = 5


def unreachable_probe(app: App, slots: Iterable[Slot], hosts: Iterable[Host]) -> str:
    """Return why a container of the app cannot be probed for readiness; "" if all can."""
    asked = [slot for slot in slots if slot.service.readiness is not None]
    urls = {host.name: host.url for host in hosts} if asked else {}
    for slot in asked:
        reason = _obstacle(app, slot.service, urls.get(slot.host, ""))
        if reason:
            return (
                f"the readiness probe of {slot.service.name} cannot reach it on {slot.host}: {reason}; "
                "publish the port, or use readiness.exec, which runs in the container"
            )
    return ""


def _obstacle(app: App, service: Service, url: str) -> str:
    if service.readiness is None or service.readiness.port is None:
        return ""
    holder = _network_holder(app, service)
    mode = str(holder.compose.get("network_mode") or "")
    if mode == "none":
        return "it has no network"
    if mode == "host" or urlsplit(url).scheme in NEAR_SCHEMES:
        return ""
    number = service.readiness.port
    if not any(_is_open(port, number) for port in holder.ports):
        return f"port {number} is not published beyond its host"
    return ""


def _network_holder(app: App, service: Service) -> Service:
    """Return the service whose network a service uses: its own, or that of the service that it joins."""
    services = {each.name: each for each in app.services}
    for _ in range(JOINS_MAX):
        mode = str(service.compose.get("network_mode") or "")
        joined = services.get(mode.removeprefix("service:")) if mode.startswith("service:") else None
        if joined is None:
            break
        service = joined
    return service


def _is_open(port: Port, number: int) -> bool:
    return port.target == number and port.protocol == "tcp" and not is_loopback(port.host_ip)
