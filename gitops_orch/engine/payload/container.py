"""Builds the create request of a service's container: the same container that `docker compose` would create."""

import json
from dataclasses import dataclass

from gitops_orch.engine.payload.mounts import live_links, mount_fields
from gitops_orch.engine.payload.network import (
    Attachments,
    Endpoint,
    attachments,
    exposed_ports,
    links,
    port_bindings,
    shared_namespace,
)
from gitops_orch.engine.payload.resources import is_cdi, resources, restart_policy
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.payload.values import (
    Body,
    bodies,
    duration_ns,
    integer,
    mapping,
    present,
    size_bytes,
    strings,
    text,
    text_mapping,
)
from gitops_orch.errors import Unsupported
from gitops_orch.model.app import Json
from gitops_orch.model.plan.values import ContainerIntent

SECOND_NS = 1_000_000_000
_UNCONFINED_PATHS = ("systempaths=unconfined", "systempaths:unconfined")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPayload:
    """The body of a create request, and the networks to connect before the container starts."""

    body: dict[str, object]
    platform: str  # "" lets the Engine choose
    connections: tuple[tuple[str, Endpoint], ...]
    # Symbolic links to create in the container's layer, as (path, target of the link).
    links: tuple[tuple[str, str], ...] = ()


def container_payload(
    intent: ContainerIntent, target: PayloadTarget, labels: dict[str, str]
) -> ContainerPayload:
    """Return the create request of a container; Unsupported if this Engine's API lacks a declared feature."""
    service = intent.service
    attached = attachments(intent.app, service, intent.slot, target)
    _check(service.compose, target)
    body: dict[str, object] = {
        **_config(service.compose, intent.image, attached),
        "Labels": labels,
        "HostConfig": _host_config(intent, attached, target),
    }
    if attached.endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": attached.endpoints}
    return ContainerPayload(
        body=body,
        platform=text(service.compose.get("platform")),
        connections=attached.later,
        links=live_links(service),
    )


def _check(service: Body, target: PayloadTarget) -> None:
    """Refuse features that this Engine would silently ignore."""
    if service.get("annotations"):
        target.need(43, "annotations")
    if mapping(service.get("healthcheck")).get("start_interval"):
        target.need(44, "healthcheck.start_interval")
    if any(is_cdi(device) for device in bodies(service.get("devices"))):
        target.need(44, "a device of the Container Device Interface")


def _config(service: Body, image: str, attached: Attachments) -> dict[str, object]:
    grace = service.get("stop_grace_period")
    fields = present(
        {
            "Hostname": text(service.get("hostname")),
            "Domainname": text(service.get("domainname")),
            "User": text(service.get("user")),
            "ExposedPorts": exposed_ports(service),
            "Tty": bool(service.get("tty")),
            "OpenStdin": bool(service.get("stdin_open")),
            "WorkingDir": text(service.get("working_dir")),
            "StopSignal": text(service.get("stop_signal")),
            "Env": _environment(service.get("environment")),
            "Healthcheck": _healthcheck(mapping(service.get("healthcheck"))),
            "MacAddress": attached.mac_address,
            "NetworkDisabled": service.get("network_mode") == "disabled",
        }
    )
    fields |= {"Image": image, "AttachStdout": True, "AttachStderr": True}
    # An empty list is sent, too: it clears the value of the image.
    for key, name in (("command", "Cmd"), ("entrypoint", "Entrypoint")):
        if service.get(key) is not None:
            fields[name] = strings(service.get(key))
    if grace is not None:
        fields["StopTimeout"] = duration_ns(grace) // SECOND_NS
    return fields


def _environment(environment: Json) -> list[str]:
    """Return NAME=value sorted by name; a name without a value removes the image's variable."""
    return [
        name if value is None else f"{name}={text(value)}"
        for name, value in sorted(mapping(environment).items())
    ]


def _healthcheck(check: Body) -> dict[str, object] | None:
    if not check:
        return None
    if check.get("disable"):
        return {"Test": ["NONE"]}
    return present(
        {
            "Test": strings(check.get("test")),
            "Interval": duration_ns(check.get("interval")),
            "Timeout": duration_ns(check.get("timeout")),
            "StartPeriod": duration_ns(check.get("start_period")),
            "StartInterval": duration_ns(check.get("start_interval")),
            "Retries": integer(check.get("retries")),
        }
    )


def _host_config(intent: ContainerIntent, attached: Attachments, target: PayloadTarget) -> dict[str, object]:
    app, service = intent.app, intent.service
    body = service.compose
    return {
        **present(_isolation(body, target)),
        **_security(body),
        **resources(body),
        **mount_fields(app, service, target, intent.kept_mounts),
        **present(
            {
                "Links": links(app, service, intent.slot),
                "Dns": strings(body.get("dns")),
                "DnsSearch": strings(body.get("dns_search")),
                "DnsOptions": strings(body.get("dns_opt")),
            }
        ),
        "NetworkMode": attached.mode,
        "PortBindings": port_bindings(body),
        "ExtraHosts": [host.replace("=", ":", 1) for host in strings(body.get("extra_hosts"))],
        "RestartPolicy": restart_policy(body),
        "Init": body.get("init"),  # false differs from absent: the daemon's own default may be true
    }


def _isolation(body: Body, target: PayloadTarget) -> dict[str, object]:
    """Return the fields of isolation: namespaces, capabilities, runtime, storage, log."""
    logging = mapping(body.get("logging"))
    return {
        "Annotations": text_mapping(body.get("annotations")),
        "CapAdd": strings(body.get("cap_add")),
        "CapDrop": strings(body.get("cap_drop")),
        "CgroupnsMode": text(body.get("cgroup")),
        "GroupAdd": strings(body.get("group_add")),
        "IpcMode": shared_namespace(text(body.get("ipc")), target),
        "Isolation": text(body.get("isolation")),
        "LogConfig": present(
            {"Type": text(logging.get("driver")), "Config": text_mapping(logging.get("options"))}
        ),
        "OomScoreAdj": integer(body.get("oom_score_adj")),
        "PidMode": shared_namespace(text(body.get("pid")), target),
        "Privileged": bool(body.get("privileged")),
        "ReadonlyRootfs": bool(body.get("read_only")),
        "Runtime": text(body.get("runtime")),
        "ShmSize": size_bytes(body.get("shm_size")),
        "StorageOpt": text_mapping(body.get("storage_opt")),
        "Sysctls": text_mapping(body.get("sysctls")),
        "UTSMode": text(body.get("uts")),
        "UsernsMode": text(body.get("userns_mode")),
        "VolumeDriver": text(body.get("volume_driver")),
    }


def _security(body: Body) -> dict[str, object]:
    """Return SecurityOpt; for unconfined system paths, an Engine needs two empty lists instead of an option."""
    options = strings(body.get("security_opt"))
    kept = [_security_option(option) for option in options if option not in _UNCONFINED_PATHS]
    fields = present({"SecurityOpt": kept})
    if len(kept) < len(options):
        fields |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return fields


def _security_option(option: str) -> str:
    name, separator, value = option.partition("=") if "=" in option else option.partition(":")
    if name != "seccomp" or not separator or value in {"unconfined", "builtin"}:
        return option
    try:
        return f"seccomp={json.dumps(json.loads(value), separators=(',', ':'))}"
    except ValueError as error:
        raise Unsupported(
            f"security_opt: the seccomp profile {value!r} is no JSON",
            hint="name a file of the repository, or write the profile itself",
        ) from error
