"""Changes a host as people and other tools do: causes drift, and creates foreign containers."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.addresses import give_addresses
from gitops_orch.engine.simulated.create import owner_of
from gitops_orch.engine.simulated.images import ImageBehaviour, image_id
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer, begin, end
from gitops_orch.engine.simulated.world import SimulatedHost, SimulatedImage
from gitops_orch.errors import EngineError
from gitops_orch.model.observed import Health, State

FOREIGN_MEMORY_BYTES = 32 * 1024 * 1024

FOREIGN = ImageBehaviour()
OUR_INSTANCE = "default"

Tamper = Callable[[SimulatedHost, SimulatedContainer], None]


def remove(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker rm -f`."""
    requests.remove(world, container)


def stop(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker stop`."""
    requests.stop(world, container, killed=False)


def kill(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Kill the process from outside Docker; the restart policy decides whether it starts again."""
    if not container.up:
        return
    if container.restart_policy in {"always", "unless-stopped"}:
        container.restart_count += 1
        begin(container, world.now)
    else:
        end(container, world.now, exit_code=137)
    world.emit_container("die", container)


def restart(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker restart` of a running container: it gets new namespaces; containers that joined the old ones stay there.

    If the Engine refuses the start, because its port was taken in between, the container stays stopped.
    """
    if container.state is State.RUNNING:
        requests.stop(world, container, killed=False)
        with suppress(EngineError):
            requests.start(world, container)


def pause(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker pause` of a running container."""
    if container.state.value == "running":
        requests.pause(world, container)


def rename(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker rename`."""
    name = f"{container.name}-by-hand"
    if world.find(name) is None:
        requests.rename(world, container, name)


def take_restart_policy(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker update --restart on-failure:2`."""
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    requests.update(world, container, {"RestartPolicy": policy})


def limit_memory(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker update --memory 32m`."""
    requests.update(world, container, {"Memory": FOREIGN_MEMORY_BYTES})


def disconnect(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker network disconnect` of the container's first network."""
    for network in sorted(container.networks)[:1]:
        requests.disconnect(world, container, network)


def make_unhealthy(world: SimulatedHost, container: SimulatedContainer) -> None:
    """Let the healthcheck fail from now on, until the container is started again."""
    if container.healthcheck and container.state is State.RUNNING:
        container.health, container.turns_healthy_at = Health.UNHEALTHY, None
        world.emit_container("health_status: unhealthy", container)


def replace_image(world: SimulatedHost, container: SimulatedContainer) -> None:
    """`docker rm -f` and `docker run` with the same name and labels, another image and no environment."""
    behaviour = ImageBehaviour(variant="by hand")
    image = SimulatedImage(id=image_id("another:image", behaviour), behaviour=behaviour)
    world.images.setdefault(image.id, image)
    requests.remove(world, container)
    created = replace(
        container,
        id=world.new_id(),
        image="another:image",
        image_id=image.id,
        behaviour=behaviour,
        environment=(),
        healthcheck=False,
        created_at=world.now,
    )
    world.containers[created.id] = created
    begin(created, world.now)


def run_a_commit(world: SimulatedHost, container: SimulatedContainer) -> SimulatedContainer:
    """`docker commit`, then `docker run` of the new image, which has the container's labels."""
    carried = tuple(f"{name}={value}" for name, value in container.labels.items())
    behaviour = ImageBehaviour(variant="a commit", labels=carried)
    name, owner = f"debug-{world.new_id()[:7]}", owner_of(container.labels, behaviour, OUR_INSTANCE)
    return run_foreign(world, name, labels=container.labels, behaviour=behaviour, owner=owner)


def duplicate(world: SimulatedHost, container: SimulatedContainer) -> SimulatedContainer:
    """Copy a container with its labels, as some tools do: with another name and no ports."""
    return run_foreign(world, f"copy-of-{container.id[:7]}", labels=container.labels, owner=container.owner)


DRIFT: Mapping[str, Tamper] = {
    "remove": remove,
    "stop": stop,
    "kill": kill,
    "restart": restart,
    "pause": pause,
    "sicken": make_unhealthy,
    "rename": rename,
    "restart-policy": take_restart_policy,
    "memory": limit_memory,
    "disconnect": disconnect,
    "replace-image": replace_image,
}


def run_foreign(
    world: SimulatedHost,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    network: str = "bridge",
    behaviour: ImageBehaviour = FOREIGN,
    **also: object,
) -> SimulatedContainer:
    """Run a foreign container; with `labels` it can belong to another instance or to Compose."""
    tags = ["foreign:1"] if behaviour == FOREIGN else []
    image = SimulatedImage(id=image_id("foreign:1", behaviour), behaviour=behaviour, tags=tags)
    container = SimulatedContainer(
        id=world.new_id(),
        name=name,
        image="foreign:1",
        image_id=world.images.setdefault(image.id, image).id,
        behaviour=behaviour,
        created_at=world.now,
        labels=dict(labels or {}),
        networks={network: ()},
        **also,  # type: ignore[arg-type]  # fields of the container, such as ports and volumes
    )
    requests.add(world, container)
    give_addresses(world, container)
    begin(container, world.now)
    return container
