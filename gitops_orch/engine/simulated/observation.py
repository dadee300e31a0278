"""Turns a world into an observation, as listings and inspections of a real host do."""

from datetime import UTC, datetime

from gitops_orch.engine import labels
from gitops_orch.engine.observe.container_identity import own_labels, without_copies
from gitops_orch.engine.simulated.images import image_labels
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import (
    SimulatedHost,
    SimulatedImage,
    SimulatedNetwork,
    SimulatedVolume,
)
from gitops_orch.model.observed import (
    AnyContainer,
    Details,
    Health,
    HeldAddress,
    ObservedContainer,
    ObservedHost,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    by_ownership,
    other_limits,
    with_owner,
)


def observe_host(world: SimulatedHost, *, name: str, instance: str) -> ObservedHost:
    """Return all objects of the host, in the order of their creation."""
    owned, foreign = by_ownership(
        without_copies(
            observe_container(each, host=name, instance=instance, details=False)
            for each in world.containers.values()
        )
    )
    return ObservedHost(
        name=name,
        observed_at=datetime.fromtimestamp(world.now, UTC),
        engine_version=world.engine_version,
        api_version=world.api_version,
        engine_id=world.engine_id,
        root_dir=world.root_dir,
        owned=owned,
        foreign=foreign,
        networks=tuple(_observe_network(each, instance) for each in world.networks.values()),
        volumes=tuple(_observe_volume(each, instance) for each in world.volumes.values()),
        images=tuple(_observe_image(each) for each in world.images.values()),
    )


def observe_container(
    container: SimulatedContainer, *, host: str, instance: str, details: bool
) -> AnyContainer:
    """Return one container, with details only if it is ours or `details` is set."""
    owner, shown = container.owner, own_labels(container.labels, image_labels(container.behaviour))
    if owner is not None and container.labels.get(labels.INSTANCE) != instance:
        owner = None
    seen = ObservedContainer(
        host=host,
        id=container.id,
        name=container.name,
        image=container.image,
        image_id=container.image_id,
        state=container.state,
        health=container.health,
        project=shown.get(labels.COMPOSE_PROJECT),
        networks=tuple(sorted(container.networks)),
        volumes=tuple(sorted(container.volumes)),
        mounts=container.mounts,
        ports=container.ports if container.up else (),
        addresses=_pairs(container.held) if container.up else (),
        fixed_addresses=_pairs(container.addresses),
        created_at=_time(container.created_at),
        details=_observe_details(container) if details or owner is not None else None,
        labels=shown,
    )
    return with_owner(seen, owner)


def _pairs(addresses: dict[str, tuple[str, ...]]) -> tuple[HeldAddress, ...]:
    return tuple(sorted((network, address) for network, found in addresses.items() for address in found))


def _observe_details(container: SimulatedContainer) -> Details:
    limits = container.limits
    return Details(
        started_at=_time(container.started_at),
        finished_at=_time(container.finished_at),
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
        restart_count=container.restart_count,
        restart_policy=container.restart_policy,
        memory_bytes=limits.get("Memory", 0),
        nano_cpus=limits.get("NanoCpus", 0),
        pids_limit=limits.get("PidsLimit", 0),
        other_limits=other_limits(limits),
        environment=container.environment,
        command=container.command,
        entrypoint=container.entrypoint,
        user=container.user,
        binds=container.binds,
        ports=tuple(sorted(container.ports)),
        joined=tuple(sorted({*filter(None, (container.joins,)), *container.joins_too})),
        volumes_from=container.volumes_from,
        visible=container.visible,
        grace_s=container.grace_s,
        error=container.error,
        ended_by=container.ended_by,
        check_output=container.behaviour.check_output if container.health is Health.UNHEALTHY else "",
    )


def _observe_network(network: SimulatedNetwork, instance: str) -> ObservedNetwork:
    owner = labels.parse_owner(network.labels, instance)
    return ObservedNetwork(
        id=network.id, name=network.name, driver=network.driver, owner=owner, labels=network.labels
    )


def _observe_volume(volume: SimulatedVolume, instance: str) -> ObservedVolume:
    owner = labels.parse_owner(volume.labels, instance)
    return ObservedVolume(
        name=volume.name,
        driver=volume.driver,
        owner=owner,
        files=volume.labels.get(labels.FILES) if owner is not None else None,
        creation=str(volume.serial),
        labels=volume.labels,
    )


def _observe_image(image: SimulatedImage) -> ObservedImage:
    return ObservedImage(id=image.id, tags=tuple(sorted(image.tags)), digests=tuple(sorted(image.digests)))


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
