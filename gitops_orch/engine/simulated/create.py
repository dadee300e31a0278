"""Creates a simulated container from an intent, by the same payload that a real Engine would get."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitops_orch.engine import labels
from gitops_orch.engine.observe.container_identity import own_labels
from gitops_orch.engine.observe.parse import grace_s
from gitops_orch.engine.observe.visible_fields import visible_fields
from gitops_orch.engine.payload.container import ContainerPayload, container_payload
from gitops_orch.engine.payload.network import endpoint_of
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.images import ImageBehaviour, image_labels
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.requests import policy_text, require_image
from gitops_orch.engine.simulated.world import SimulatedHost, SimulatedImage
from gitops_orch.errors import EngineError
from gitops_orch.model.observed import ObservedMount, Ownership
from gitops_orch.model.plan.values import ContainerIntent, Joining
from gitops_orch.model.rules.addresses import canonical

JOIN_PREFIX = "container:"
NO_CHECK = ["NONE"]


def create_container(
    world: SimulatedHost, intent: ContainerIntent, *, instance: str, data_root: str
) -> SimulatedContainer:
    """Return the container that this intent declares, created but not started; it is not added to the world."""
    image = require_image(world, intent.image)
    target = PayloadTarget(
        host=world.name,
        api_version=world.api_version,
        root_dir=world.root_dir,
        data_root=data_root,
        peers=intent.peers,
    )
    payload = container_payload(intent, target, labels.container_labels(instance, intent))
    body: Mapping[str, Any] = payload.body
    host: Mapping[str, Any] = body["HostConfig"]
    _check_sources(world, target, intent.name, host)
    anonymous = _anonymous(world, image, host, intent.inherit_volumes_from)
    mode = str(host.get("NetworkMode") or "bridge")
    command = _words(body.get("Cmd"))
    own: dict[str, str] = body["Labels"]
    return SimulatedContainer(
        id=world.new_id(),
        name=intent.name,
        image=str(body["Image"]),
        image_id=image.id,
        behaviour=_behaviour(image.behaviour, command),
        created_at=world.now,
        labels={**image_labels(image.behaviour), **own},
        owner=owner_of({**image_labels(image.behaviour), **own}, image.behaviour, instance),
        networks={} if mode.startswith(JOIN_PREFIX) else {mode: (), **_networks(payload)},
        addresses=_addresses(payload),
        volumes=(*_volumes(world, host), *anonymous.values()),
        anonymous=anonymous,
        mounts=_mounts(host, anonymous),
        binds=tuple(host.get("Binds", ())),
        ports=_ports(host),
        restart_policy=policy_text(host.get("RestartPolicy")),
        limits={key: value for key, value in host.items() if type(value) is int and value},
        environment=tuple(body.get("Env", ())),
        command=command,
        entrypoint=_words(body.get("Entrypoint")),
        user=str(body.get("User", "")),
        grace_s=grace_s({"Config": body}),
        joins=_joined(world, mode),
        joins_too=tuple(
            filter(None, (_joined(world, str(host.get(key) or "")) for key in ("IpcMode", "PidMode")))
        ),
        volumes_from=tuple(str(each).partition(":")[0] for each in host.get("VolumesFrom") or ()),
        healthcheck=_has_healthcheck(body.get("Healthcheck"), image),
        visible=visible_fields(body, host),
    )


def owner_of(
    container_labels: Mapping[str, str], behaviour: ImageBehaviour, instance: str
) -> Ownership | None:
    """Return the owner of a container of an image, by the same rules as for a real host."""
    return labels.parse_ownership(own_labels(container_labels, image_labels(behaviour)), instance)


def _behaviour(image: ImageBehaviour, command: tuple[str, ...] | None) -> ImageBehaviour:
    """Return a container's behaviour: that of its image, except for the commands `true`, `false` and `sleep N`."""
    if not command or command[0] not in {"true", "false", "sleep"}:
        return image
    code = requests.FAILED if command[0] == "false" else 0
    return replace(
        image,
        exits_after_s=requests.exec_duration_s(command),
        exits_max=None,  # the command ends at every start, also of an image whose program keeps running later
        exit_code=code,
        start_error="",
    )


def _joined(world: SimulatedHost, mode: str) -> str | None:
    """Return the container whose network is shared: by id if it exists, as an Engine stores it, else by name."""
    if not mode.startswith(JOIN_PREFIX):
        return None
    name = mode.removeprefix(JOIN_PREFIX)
    found = world.find(name)
    return name if found is None else found.id


def _networks(payload: ContainerPayload) -> dict[str, tuple[str, ...]]:
    return {name: tuple(endpoint.get("Aliases", ())) for name, endpoint in _endpoints(payload).items()}


def _endpoints(payload: ContainerPayload) -> dict[str, Any]:
    config: Mapping[str, Any] = payload.body.get("NetworkingConfig", {})  # type: ignore[assignment]  # our own JSON
    return {**config.get("EndpointsConfig", {}), **dict(payload.connections)}


def attach(world: SimulatedHost, container: SimulatedContainer, network: str, joining: Joining) -> None:
    """Attach a container to a network as a create would."""
    target = PayloadTarget(host=world.name, api_version=world.api_version)
    endpoint: Mapping[str, Any] = endpoint_of(joining, network, target)
    aliases = tuple(endpoint["Aliases"])
    requests.connect(world, container, network, aliases, _addresses_of(endpoint))


def _addresses(payload: ContainerPayload) -> dict[str, tuple[str, ...]]:
    found = {name: _addresses_of(endpoint) for name, endpoint in _endpoints(payload).items()}
    return {name: addresses for name, addresses in found.items() if addresses}


def _addresses_of(endpoint: Mapping[str, Any]) -> tuple[str, ...]:
    asked = endpoint.get("IPAMConfig") or {}
    return tuple(canonical(str(asked[key])) for key in ("IPv4Address", "IPv6Address") if asked.get(key))


def _volumes(world: SimulatedHost, host: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the mounted volumes, also if a bind mounts a single file from a volume's directory."""
    sources = [bind.partition(":")[0] for bind in host.get("Binds", ())]
    sources += [str(mount.get("Source", "")) for mount in host.get("Mounts", ())]
    lying = f"{world.root_dir}/volumes/"
    names = (source.removeprefix(lying).partition("/")[0] for source in sources)
    return tuple(dict.fromkeys(name for name in names if name))


def _anonymous(
    world: SimulatedHost, image: SimulatedImage, host: Mapping[str, Any], inherit_from: str | None
) -> dict[str, str]:
    """Return the anonymous volume of each path that image or file declare, inherited from a replaced container."""
    nameless = [str(mount["Target"]) for mount in host.get("Mounts", ()) if not mount.get("Source")]
    covered = {str(mount["Target"]) for mount in host.get("Mounts", ()) if mount.get("Source")}
    covered |= {_bound(bind).target for bind in host.get("Binds", ())} | set(host.get("Tmpfs") or ())
    declared = [path for path in image.behaviour.volumes if path not in covered]
    paths = dict.fromkeys((*declared, *nameless))
    former = world.containers.get(inherit_from or "")
    inherited = former.anonymous if former is not None else {}
    return {path: inherited.get(path) or world.new_id() for path in paths}


def _mounts(host: Mapping[str, Any], anonymous: Mapping[str, str]) -> tuple[ObservedMount, ...]:
    """Return the mounts as an Engine lists them."""
    found = [_bound(bind) for bind in host.get("Binds", ())]
    for mount in (each for each in host.get("Mounts", ()) if each.get("Source")):
        writable = not mount.get("ReadOnly", False)
        found.append(_mount(mount["Type"], str(mount["Source"]), str(mount["Target"]), writable=writable))
    found += [_mount("volume", volume, path) for path, volume in anonymous.items()]
    return tuple(sorted(found, key=lambda mount: (mount.target, mount.source)))


def _bound(bind: str) -> ObservedMount:
    source, target, options = (*bind.split(":"), "rw")[:3]
    kind = "bind" if source.startswith("/") else "volume"
    return _mount(kind, source, target, writable="ro" not in options.split(","))


def _mount(kind: str, source: str, target: str, *, writable: bool = True) -> ObservedMount:
    return ObservedMount(kind=kind, source=source, target=target, writable=writable)


def _check_sources(world: SimulatedHost, target: PayloadTarget, name: str, host: Mapping[str, Any]) -> None:
    """Raise EngineError for a mount of a missing file: an Engine creates a missing source only for bind strings."""
    for mount in host.get("Mounts", ()):
        if mount["Type"] == "bind" and not _is_there(world, target, str(mount["Source"])):
            raise EngineError(f"{world.name}: {name}: bind source path does not exist: {mount['Source']}")


def _is_there(world: SimulatedHost, target: PayloadTarget, source: str) -> bool:
    volumes = f"{world.root_dir}/volumes/"
    if source.startswith(volumes):
        return source.removeprefix(volumes).partition("/")[0] in world.volumes
    return source in world.directories or not source.startswith(f"{target.data_root}/")


def _ports(host: Mapping[str, Any]) -> tuple[tuple[str, int, str], ...]:
    return tuple(
        (binding["HostIp"], int(binding["HostPort"]), key.partition("/")[2])
        for key, bindings in host.get("PortBindings", {}).items()
        for binding in bindings
        if binding["HostPort"].isdigit()
    )


def _has_healthcheck(check: Mapping[str, Any] | None, image: SimulatedImage) -> bool:
    if not check or not check.get("Test"):
        return image.behaviour.healthcheck
    return list(check["Test"]) != NO_CHECK


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
