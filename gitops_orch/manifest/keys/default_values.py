"""Adds the defaults that Compose writes into a long form, in place."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Completion: TypeAlias = Callable[[Any], None]


def build(value: Any) -> None:
    """Add the context."""
    if type(value) is dict:
        value.setdefault("context", ".")


def secrets(value: Any) -> None:
    """Add the target of each secret."""
    for secret in value or ():
        secret.setdefault("target", f"/run/secrets/{secret.get('source')}")


def ports(value: Any) -> None:
    """Add the protocol and mode of each port."""
    for port in value or ():
        port.setdefault("protocol", "tcp")
        port.setdefault("mode", "ingress")


def gpus(value: Any) -> None:
    """Add the count of each device request."""
    _count(value or ())


def deploy(value: Any) -> None:
    """Add the count of each device request among the reservations."""
    _count(reserved_devices(value))


def reserved_devices(deploy: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the device requests of `deploy.resources.reservations`."""
    resources = (deploy or {}).get("resources") or {}
    return list((resources.get("reservations") or {}).get("devices") or ())


def _count(requests: Iterable[dict[str, Any]]) -> None:
    for request in requests:
        if "count" not in request and "device_ids" not in request:
            request["count"] = "all"
