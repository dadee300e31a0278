"""Expands short port forms: `[address:][published[-end]:]target[-end][/protocol]`."""

import ipaddress
import re
from typing import Any

from gitops_orch.manifest.syntax.go_values import InvalidValue

PORT_MAX = 65535
_NUMBER = re.compile(r"[0-9]{1,20}")
_PROTOCOLS = frozenset(("tcp", "udp", "sctp"))


def expand_port(spec: str) -> list[dict[str, Any]]:
    """Return the long forms of a short one, one entry for each port; raise InvalidValue where it cannot be read."""
    head, _, target = spec.rpartition(":")
    address, _, published = head.rpartition(":")
    protocol, target = _split_protocol(target)
    address = _address(address, spec)
    if not target:
        raise InvalidValue(f"has no port in the container: {spec!r}; write published:target")
    first, last = _range(target, spec)
    if first == 0:
        raise InvalidValue(f"has the container port 0: {spec!r}; write a port from 1 to {PORT_MAX}")
    host_first, host_last = _range(published, spec) if published else (0, 0)
    if published and last - first != host_last - host_first and last != first:
        raise InvalidValue(
            f"has ranges of different lengths: {spec!r}; write as many published as container ports"
        )
    if protocol.lower() not in _PROTOCOLS:
        raise InvalidValue(f"has the protocol {protocol!r}; write tcp, udp or sctp")
    entries = []
    for offset in range(last - first + 1):
        host = str(host_first + offset) if published else ""
        if published and first == last and host_first != host_last:
            host = f"{host}-{host_last}"
        entries.append(_entry(address, host, first + offset, protocol.lower()))
    # Compose sorts the entries of one range as text.
    return sorted(entries, key=lambda entry: f"{entry['target']}/{entry['protocol']}")


def _entry(address: str, published: str, target: int, protocol: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"mode": "ingress", "target": target, "protocol": protocol}
    if address:
        entry["host_ip"] = address
    if published:
        entry["published"] = published
    return entry


def _split_protocol(target: str) -> tuple[str, str]:
    port, _, rest = target.partition("/")
    if not port:
        return "", ""
    return rest.partition("/")[0] or "tcp", port


def _address(address: str, spec: str) -> str:
    bare = address
    if address.startswith("[") and address.endswith("]"):
        bare = address[1:-1]
    elif ":" in address or set(address) & set("[]"):
        raise InvalidValue(f"has the address {address!r}: {spec!r}; write an IPv6 address in square brackets")
    if not bare:
        return ""
    try:
        ipaddress.ip_address(bare.partition("%")[0] if "%" not in bare else "-")
    except ValueError as error:
        raise InvalidValue(f"has the address {address!r}: {spec!r}; write an IP address") from error
    return bare


def _range(ports: str, spec: str) -> tuple[int, int]:
    parts = ports.split("-") if "-" in ports else [ports, ports]
    numbers = [_port(part, spec) for part in parts[:2]]
    if numbers[1] < numbers[0]:
        raise InvalidValue(f"has the range {ports!r}, which ends before it starts; swap its ends")
    return numbers[0], numbers[1]


def _port(number: str, spec: str) -> int:
    if not _NUMBER.fullmatch(number) or int(number) > PORT_MAX:
        raise InvalidValue(f"has the port {number!r}: {spec!r}; write a number from 0 to {PORT_MAX}")
    return int(number)
