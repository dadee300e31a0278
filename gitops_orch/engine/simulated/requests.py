"""Executes each request on a world by the rules of a Docker Engine.

Callers hold the world's lock and have advanced it. Errors have the Engine's texts, with the host's name in front. A
request succeeds if its result is already there. The tests in `contract/` compare these rules with a real Engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from gitops_orch.engine.base import ExecResult, PulledImage
from gitops_orch.engine.simulated.addresses import give_address, give_addresses, taken_address
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.engine.simulated.lifecycle import KILLED, TERMINATED, SimulatedContainer, begin, end
from gitops_orch.engine.simulated.world import (
    SimulatedHost,
    SimulatedImage,
    SimulatedNetwork,
    SimulatedVolume,
)
from gitops_orch.errors import Conflict, EngineError, ImageUnavailable, NotFound
from gitops_orch.model.observed import EndedBy, HeldPort, ProbeResult, State
from gitops_orch.model.rules.image_reference import with_default_tag
from gitops_orch.model.rules.ports import port_text, same_port

NOT_STARTED = 128
FAILED = 1
NO_COMMAND = 127  # the image's fault; the exit code of a shell
NO_LIMIT = 0


def require(world: SimulatedHost, reference: str) -> SimulatedContainer:
    """Return a container by id or name; NotFound if it does not exist."""
    found = world.find(reference)
    if found is None:
        raise NotFound(f"{world.name}: no such container: {reference}")
    return found


def pull(world: SimulatedHost, registry: Registry, reference: str) -> PulledImage:
    """Pull the image that the reference names in the registry now, and move the tag to it."""
    if registry.outage:
        raise ImageUnavailable(f"{world.name}: {reference} cannot be pulled: {registry.outage}")
    found = registry.find(reference)
    if found.behaviour.pull_error:
        raise ImageUnavailable(f"{world.name}: {reference} cannot be pulled: {found.behaviour.pull_error}")
    image = world.images.setdefault(found.id, SimulatedImage(id=found.id, behaviour=found.behaviour))
    if found.digest not in image.digests:
        image.digests.append(found.digest)
    if "@" not in reference:
        tag_image(world, image, with_default_tag(reference))
    world.emit("image", "pull", reference)
    return PulledImage(id=image.id, digests=tuple(image.digests))


def registry_digest(world: SimulatedHost, registry: Registry, reference: str) -> str:
    """Return the digest that the registry now has for the reference."""
    if registry.outage:
        raise ImageUnavailable(f"{world.name}: {reference} cannot be looked up: {registry.outage}")
    return registry.find(reference).digest.partition("@")[2]


def tag_image(world: SimulatedHost, image: SimulatedImage, tag: str) -> None:
    """Let the tag name this image, and no other."""
    for each in world.images.values():
        if tag in each.tags:
            each.tags.remove(tag)
    image.tags.append(tag)


def known_image(world: SimulatedHost, reference: str) -> PulledImage | None:
    """Return an image of the host; None if the host does not have it."""
    try:
        found = require_image(world, reference)
    except NotFound:
        return None
    return PulledImage(id=found.id, digests=tuple(found.digests))


def require_image(world: SimulatedHost, reference: str) -> SimulatedImage:
    """Return an image of the host; NotFound if it must be pulled first."""
    found = world.find_image(reference) or world.find_image(with_default_tag(reference))
    if found is None:
        raise NotFound(f"{world.name}: no such image: {reference}", hint="pull it first")
    return found


def add(world: SimulatedHost, container: SimulatedContainer) -> str:
    """Add a new container and the volumes that it mounts; Conflict if its name is in use."""
    if (taken := world.find(container.name)) is not None:
        raise Conflict(
            f"{world.name}: the container name {container.name} is in use by container {taken.id[:12]}",
            hint="remove or rename that container",
        )
    for volume in container.volumes:
        if volume not in world.volumes:
            add_volume(world, volume, driver="local", labels={})
    world.containers[container.id] = container
    world.emit_container("create", container)
    return container.id


def start(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Start a container; if the host lacks something, leave it unchanged, with the reason in `error`."""
    if container.state in {State.RUNNING, State.RESTARTING}:
        return
    if container.state is State.PAUSED:
        raise Conflict(f"{world.name}: cannot start the paused container {container.name}", hint="unpause it")
    refusal = _start_refusal(world, container)
    if refusal is not None:
        own = bool(container.behaviour.start_error) and container.behaviour.start_error in refusal.message
        container.error, container.exit_code = refusal.message, NO_COMMAND if own else NOT_STARTED
        raise refusal
    container.stopped_by_hand = False
    container.restart_count = 0
    container.backoff_s = 0.0
    give_addresses(world, container)
    begin(container, world.now)
    world.emit_container("start", container)


def stop(world: SimulatedHost, container: SimulatedContainer, *, killed: bool) -> None:
    """Stop a container if it runs, and record that the stop was requested."""
    container.stopped_by_hand = True
    if not container.up:
        return
    end(container, world.now, exit_code=KILLED if killed else TERMINATED, ended_by=EndedBy.REQUEST)
    container.held = {}
    world.emit_container("die", container)
    world.emit_container("stop", container)


def pause(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Pause a container; its time does not advance."""
    if container.state is not State.RUNNING:
        raise Conflict(f"{world.name}: container {container.name} is not running")
    container.state = State.PAUSED
    world.emit_container("pause", container)


def unpause(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Resume a paused container."""
    if container.state is State.PAUSED:
        container.state = State.RUNNING
        world.emit_container("unpause", container)
    elif container.state is not State.RUNNING:
        raise Conflict(f"{world.name}: container {container.name} is not paused")


def signal(container: SimulatedContainer, name: str) -> None:
    """Record a signal on a running container; do nothing for others."""
    if container.state in {State.RUNNING, State.PAUSED}:
        container.signals = (*container.signals, name)


def remove(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Remove a container, running or not; all its volumes stay."""
    if container.up:
        end(container, world.now, exit_code=KILLED)
        world.emit_container("die", container)
    del world.containers[container.id]
    world.emit_container("destroy", container)


def rename(world: SimulatedHost, container: SimulatedContainer, name: str) -> None:
    """Rename a container; Conflict if the name is in use."""
    if container.name == name:
        return
    if world.find(name) is not None:
        raise Conflict(f"{world.name}: the container name {name} is in use", hint="free it first")
    container.name = name
    world.emit_container("rename", container)


def update(world: SimulatedHost, container: SimulatedContainer, fields: Mapping[str, object]) -> None:
    """Change limits and the restart policy; a limit of 0 changes nothing, like in a real Engine."""
    for field, value in fields.items():
        if field == "RestartPolicy":
            container.restart_policy = policy_text(value)
        elif isinstance(value, int) and value != NO_LIMIT:
            container.limits[field] = value
    world.emit_container("update", container)


def policy_text(policy: object) -> str:
    """Return the Engine's restart policy as Compose writes it."""
    if not isinstance(policy, Mapping) or not policy.get("Name"):
        return "no"
    times_max = policy.get("MaximumRetryCount") or 0
    return f"{policy['Name']}:{times_max}" if times_max else str(policy["Name"])


def add_network(
    world: SimulatedHost, name: str, *, driver: str, labels: Mapping[str, str], subnet: str = ""
) -> None:
    """Create a network; Conflict if another network has its name."""
    if (there := world.networks.get(name)) is not None:
        if there.labels == dict(labels):
            return
        raise Conflict(f"{world.name}: a network named {name} is there, and we did not make it so")
    network = SimulatedNetwork(
        id=world.new_id(), name=name, driver=driver, subnet=subnet, labels=dict(labels)
    )
    world.networks[name] = network
    world.emit("network", "create", network.id, {"name": name})


def remove_network(world: SimulatedHost, name: str) -> None:
    """Remove a network that no running container uses."""
    users = sorted(each.name for each in world.containers.values() if each.up and name in each.networks)
    if users:
        raise Conflict(f"{world.name}: network {name} is in use by {', '.join(users)}")
    if (network := world.networks.pop(name, None)) is not None:
        world.emit("network", "destroy", network.id, {"name": name})


def connect(
    world: SimulatedHost,
    container: SimulatedContainer,
    network: str,
    aliases: tuple[str, ...],
    addresses: tuple[str, ...] = (),
) -> None:
    """Attach a container to a network; do nothing if it is attached already."""
    if network not in world.networks:
        raise NotFound(f"{world.name}: no such network: {network}")
    if network not in container.networks:
        asking = replace(container, addresses={network: addresses} if addresses else {})
        if container.up and (taken := taken_address(world, asking)) is not None:
            raise EngineError(f"{world.name}: {container.name}: Address already in use ({taken})")
        container.networks[network] = aliases
        container.addresses |= asking.addresses
        if container.up:
            give_address(world, container, network)
        world.emit("network", "connect", world.networks[network].id, {"container": container.id})


def disconnect(world: SimulatedHost, container: SimulatedContainer, network: str) -> None:
    """Detach a container from a network."""
    container.addresses.pop(network, None)
    container.held.pop(network, None)
    if container.networks.pop(network, None) is not None and network in world.networks:
        world.emit("network", "disconnect", world.networks[network].id, {"container": container.id})


def add_volume(world: SimulatedHost, name: str, *, driver: str, labels: Mapping[str, str]) -> None:
    """Create a volume; Conflict if another volume has its name."""
    if (there := world.volumes.get(name)) is not None:
        if there.labels == dict(labels):
            return
        raise Conflict(f"{world.name}: a volume named {name} is there, and we did not make it so")
    world.serial += 1
    world.volumes[name] = SimulatedVolume(name=name, serial=world.serial, driver=driver, labels=dict(labels))
    world.emit("volume", "create", name)


def remove_volume(world: SimulatedHost, name: str) -> None:
    """Remove a volume; Conflict if a container mounts it, running or not."""
    users = sorted(each.name for each in world.containers.values() if name in each.volumes)
    if users:
        raise Conflict(f"{world.name}: volume {name} is in use by {', '.join(users)}")
    if world.volumes.pop(name, None) is not None:
        world.emit("volume", "destroy", name)


def remove_image(world: SimulatedHost, reference: str) -> None:
    """Remove an image; Conflict if a container was created from it."""
    image = world.find_image(reference)
    if image is None:
        return
    users = sorted(each.name for each in world.containers.values() if each.image_id == image.id)
    if users:
        raise Conflict(f"{world.name}: image {reference} is in use by {', '.join(users)}")
    del world.images[image.id]
    world.emit("image", "delete", image.id)


def run_exec(world: SimulatedHost, container: SimulatedContainer, command: tuple[str, ...]) -> ExecResult:
    """Run a command in a container: the image defines the exit code, and the container records the command."""
    if container.state is not State.RUNNING:
        raise Conflict(f"{world.name}: container {container.name} is not running")
    container.commands = (*container.commands, " ".join(command))
    behaviour = container.behaviour
    code = FAILED if command[0] in behaviour.failing_commands else behaviour.exec_exit_code
    return ExecResult(exit_code=code, output="")


def exec_duration_s(command: tuple[str, ...]) -> float:
    """Return how long a command takes: 0, except for `sleep N`."""
    sleeps = len(command) == len(("sleep", "N")) and command[0] == "sleep" and command[1].isdigit()
    return float(command[1]) if sleeps else 0.0


def probe(world: SimulatedHost, container: SimulatedContainer) -> ProbeResult:
    """Return whether a container is ready: the image defines from when on, and until when."""
    if container.state is not State.RUNNING or container.started_at is None:
        return ProbeResult(ready=False, detail=f"it is {container.state.value}")
    up_s, behaviour = world.now - container.started_at, container.behaviour
    if behaviour.ready_after_s is None or up_s < behaviour.ready_after_s:
        return ProbeResult(ready=False, detail="it does not serve yet")
    if behaviour.unready_after_s is not None and up_s >= behaviour.unready_after_s:
        return ProbeResult(ready=False, detail="it does not serve any more")
    return ProbeResult(ready=True)


def _start_refusal(world: SimulatedHost, container: SimulatedContainer) -> EngineError | None:
    """Return why a container cannot start, or None."""
    for network in container.networks:
        if network not in world.networks:
            return NotFound(f"{world.name}: network {network} not found, needed by {container.name}")
    if container.joins is not None:
        joined = world.find(container.joins)
        if joined is None:
            return NotFound(f"{world.name}: no such container: {container.joins}")
        if joined.state is not State.RUNNING:
            return Conflict(f"{world.name}: cannot join the network of {joined.name}, which does not run")
    port = _taken_port(world, container)
    if port is not None:
        return EngineError(f"{world.name}: {container.name}: port {port} is already allocated")
    address = taken_address(world, container)
    if address is not None:
        return EngineError(f"{world.name}: {container.name}: Address already in use ({address})")
    if container.behaviour.start_error:
        return EngineError(f"{world.name}: {container.name}: {container.behaviour.start_error}")
    return None


def check_ports(world: SimulatedHost, ports: Iterable[HeldPort]) -> None:
    """Raise EngineError for a port that is in use."""
    held = [port for each in world.containers.values() if each.up for port in each.ports]
    for wanted in ports:
        if any(same_port(wanted, other) for other in (*held, *sorted(world.host_ports))):
            raise EngineError(
                f"{world.name}: host port {port_text(wanted)} is taken on {world.name} by a process that is no container",
                hint="stop that process, or publish another port",
            )


def _taken_port(world: SimulatedHost, container: SimulatedContainer) -> str | None:
    others = [each for each in world.containers.values() if each.up and each.id != container.id]
    taken = [port for each in others for port in each.ports] + sorted(world.host_ports)
    for wanted in container.ports:
        if any(same_port(wanted, other) for other in taken):
            return f"{wanted[0] or '0.0.0.0'}:{wanted[1]}/{wanted[2]}"  # noqa: S104  # the Engine's wording
    return None


def logs(container: SimulatedContainer, tail: int, since: datetime | None, timestamps: bool) -> str:  # noqa: FBT001
    """Return the last lines of the image's output; all of them have the time of the last start."""
    if container.started_at is None or tail <= 0:
        return ""
    at = datetime.fromtimestamp(container.started_at, UTC)
    if since is not None and at < since:
        return ""
    prefix = f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z " if timestamps else ""
    return "".join(prefix + line for line in container.behaviour.output.splitlines(keepends=True)[-tail:])
