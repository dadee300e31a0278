"""Builds an Engine's networks, endpoints, ports and links from a service."""

from dataclasses import dataclass

from gitops_orch.engine.payload.mounts import peer
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.payload.values import (
    Body,
    bodies,
    integer,
    mapping,
    present,
    strings,
    text,
    text_mapping,
)
from gitops_orch.model.app import App, Network, Service, Volume
from gitops_orch.model.names import compose_name
from gitops_orch.model.plan.values import Joining

_IFNAME = "com.docker.network.endpoint.ifname"

Endpoint = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """A container's network mode, the endpoints of its create request, and the endpoints to connect afterwards."""

    mode: str
    endpoints: dict[str, Endpoint]
    later: tuple[tuple[str, Endpoint], ...]  # before API 1.44, a create accepts only one endpoint
    mac_address: str  # the container's address, if endpoints cannot have one


def shared_namespace(value: str, target: PayloadTarget) -> str:
    """Return a namespace mode with `service:x` and `container:x` as `container:<id>`, if the container is known."""
    kind, _, name = value.partition(":")
    if kind == "container":
        return f"container:{target.peers.get(value, name)}"
    return f"container:{peer(name, target)}" if kind == "service" else value


def attachments(app: App, service: Service, slot: int, target: PayloadTarget) -> Attachments:
    """Return the service's attachments to its networks, highest priority first."""
    mode = text(service.compose.get("network_mode"))
    if mode:
        return Attachments(
            mode=shared_namespace(mode, target),
            endpoints={},
            later=(),
            mac_address=text(service.compose.get("mac_address")),
        )
    names = {network.key: network.name for network in app.networks}
    keys = _keys_by_priority(service)
    endpoints = [(names.get(key, key), _endpoint(app, service, slot, key, target)) for key in keys]
    if not endpoints:
        return Attachments(mode="none", endpoints={}, later=(), mac_address="")
    mac_address = _container_mac_address(service, keys, endpoints, target)
    count = len(endpoints) if target.speaks(1, 44) else 1
    return Attachments(
        mode=endpoints[0][0],
        endpoints=dict(endpoints[:count]),
        later=tuple(endpoints[count:]),
        mac_address=mac_address,
    )


def endpoint_of(joining: Joining, network: str, target: PayloadTarget) -> Endpoint:
    """Return the endpoint to attach a container to a network later: the same endpoint as in its create request.

    If the service no longer declares the network, the endpoint has only the service's names.
    """
    app, service, slot = joining.app, joining.service, joining.slot
    created = attachments(app, service, slot, target)
    endpoints = {**created.endpoints, **dict(created.later)}
    return endpoints.get(network) or _endpoint(app, service, slot, network, target)


def _keys_by_priority(service: Service) -> list[str]:
    configs = mapping(service.compose.get("networks"))
    return sorted(
        service.networks, key=lambda key: (-integer(mapping(configs.get(key)).get("priority")), key)
    )


def _endpoint(app: App, service: Service, slot: int, key: str, target: PayloadTarget) -> Endpoint:
    config = mapping(mapping(service.compose.get("networks")).get(key))
    _check_endpoint(config, target)
    driver_options = text_mapping(config.get("driver_opts"))
    if config.get("interface_name"):
        driver_options[_IFNAME] = text(config.get("interface_name"))
    name = service.container_name or compose_name(app.key.project, service.name, slot)
    addresses = present(
        {
            "IPv4Address": text(config.get("ipv4_address")),
            "IPv6Address": text(config.get("ipv6_address")),
            "LinkLocalIPs": strings(config.get("link_local_ips")),
        }
    )
    return {
        "Aliases": [name, service.name, *strings(config.get("aliases"))],
        **present(
            {
                "IPAMConfig": addresses,
                "MacAddress": text(config.get("mac_address")) if target.speaks(1, 44) else "",
                "DriverOpts": driver_options,
                "GwPriority": integer(config.get("gw_priority")),
                "Links": links(app, service, slot),
            }
        ),
    }


def _check_endpoint(config: Body, target: PayloadTarget) -> None:
    if integer(config.get("gw_priority")):
        target.need(48, "networks.gw_priority")
    if config.get("interface_name"):
        target.need(49, "networks.interface_name")


def _container_mac_address(
    service: Service, keys: list[str], endpoints: list[tuple[str, Endpoint]], target: PayloadTarget
) -> str:
    """Set the service's MAC address on the main endpoint; for older Engines return one address for the container."""
    own, configs = text(service.compose.get("mac_address")), mapping(service.compose.get("networks"))
    by_key = {key: text(mapping(configs.get(key)).get("mac_address")) for key in keys}
    if target.speaks(1, 44):
        main = endpoints[0][1]
        if own and "MacAddress" not in main:
            main["MacAddress"] = own
        return ""
    if any(by_key[key] for key in keys[1:]):
        target.need(44, "networks.mac_address on any but the first network")
    return by_key[keys[0]] or own


def links(app: App, service: Service, slot: int) -> list[str]:
    """Return the links of a service.

    A link names the alias that the linked container has on every shared network: the name that Compose would give to
    the container. So a link stays valid when the container behind it is replaced.
    """
    found: list[str] = []
    for entry in strings(service.compose.get("links")):
        linked, _, alias = entry.partition(":")
        for name in _peer_aliases(app, linked):
            names = (alias or linked, f"{linked}-{slot}", compose_name(app.key.project, linked, slot))
            found += [f"{name}:{known_as}" for known_as in names]
    for entry in strings(service.compose.get("external_links")):
        name, _, alias = entry.partition(":")
        found.append(f"{name}:{alias or name}")
    return found


def _peer_aliases(app: App, linked: str) -> list[str]:
    service = next((candidate for candidate in app.services if candidate.name == linked), None)
    if service is None:
        return []
    if service.container_name:
        return [service.container_name]
    return [compose_name(app.key.project, linked, slot) for slot in range(1, service.replicas + 1)]


def exposed_ports(service: Body) -> dict[str, object]:
    """Return ExposedPorts: the exposed and the published ports."""
    exposed = strings(service.get("expose"))
    published = [_port_key(port) for port in bodies(service.get("ports"))]
    return {port: {} for port in sorted({*exposed, *published})}


def port_bindings(service: Body) -> dict[str, list[dict[str, str]]]:
    """Return PortBindings; an empty HostPort lets the Engine choose."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in bodies(service.get("ports")):
        binding = {"HostIp": text(port.get("host_ip")), "HostPort": text(port.get("published"))}
        bindings.setdefault(_port_key(port), []).append(binding)
    return {key: sorted(found, key=lambda b: (b["HostIp"], b["HostPort"])) for key, found in bindings.items()}


def _port_key(port: Body) -> str:
    return f"{text(port.get('target'))}/{text(port.get('protocol')) or 'tcp'}"


def network_payload(network: Network, labels: dict[str, str], target: PayloadTarget) -> dict[str, object]:
    """Return the body of a network's create request."""
    body = network.compose
    if body.get("enable_ipv4") is not None:
        target.need(47, "networks.enable_ipv4")
    fields: dict[str, object] = {
        "Name": network.name,
        "CheckDuplicate": True,  # without it, Engines before API 1.44 create a second network of this name
        "Driver": text(body.get("driver")),
        "Options": text_mapping(body.get("driver_opts")),
        "Internal": bool(body.get("internal")),
        "Attachable": bool(body.get("attachable")),
        "EnableIPv6": bool(body.get("enable_ipv6")),
        "IPAM": _ipam(mapping(body.get("ipam"))),
        "Labels": labels,
    }
    if body.get("enable_ipv4") is not None:
        fields["EnableIPv4"] = bool(body.get("enable_ipv4"))
    return fields


def _ipam(ipam: Body) -> dict[str, object] | None:
    if not ipam:
        return None
    pools = [
        present(
            {
                "Subnet": text(pool.get("subnet")),
                "IPRange": text(pool.get("ip_range")),
                "Gateway": text(pool.get("gateway")),
                "AuxiliaryAddresses": text_mapping(pool.get("aux_addresses")),
            }
        )
        for pool in bodies(ipam.get("config"))
    ]
    return {"Driver": text(ipam.get("driver")), "Config": pools}


def volume_payload(volume: Volume, labels: dict[str, str]) -> dict[str, object]:
    """Return the body of a volume's create request."""
    options = text_mapping(volume.compose.get("driver_opts"))
    fields = present({"Driver": text(volume.compose.get("driver")), "DriverOpts": options})
    return {"Name": volume.name, "Labels": labels, **fields}
