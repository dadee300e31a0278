"""Computes the expected state of a fleet at rest from the commit alone, without the planner."""

from collections import Counter
from collections.abc import Collection

from simulation.recipes import (
    FILES_TARGET,
    AppRecipe,
    ServiceRecipe,
    TreeRecipe,
    container_name,
    file_digest,
    follows_git,
)
from simulation.weather import BY_HAND

from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.observed import Health, State


def differences(
    tree: TreeRecipe,
    fleet: SimulatedFleet,
    *,
    but: Collection[str] = (),
    failed_may_stay: bool = False,
) -> list[str]:
    """Return the differences between the fleet and the commit, without the apps named in `but`."""
    found: list[str] = []
    names = {app.name for app in tree.apps} | set(but)
    for world in _worlds(tree, fleet):
        found += [
            f"{container.name} on {world.name} is left over from {container.owner.app}"
            for container in world.containers.values()
            if container.owner is not None and container.owner.app.name not in names
        ]
    for app in tree.apps:
        if app.name not in but:
            found += app_differences(tree, app, fleet, failed_may_stay=failed_may_stay)
    return found


def _worlds(tree: TreeRecipe, fleet: SimulatedFleet) -> list[SimulatedHost]:
    return [fleet.worlds[host.name] for host in tree.hosts if host.name in fleet.worlds]


def app_differences(
    tree: TreeRecipe, app: AppRecipe, fleet: SimulatedFleet, *, failed_may_stay: bool = False
) -> list[str]:
    """Return the differences between the containers of an app and one of its releases."""
    there = [
        (world, container)
        for world in _worlds(tree, fleet)
        for container in world.containers.values()
        if container.owner is not None and container.owner.app == app.key
    ]
    kept = [(world, container) for world, container in there if container.name.endswith(RETAINED_SUFFIX)]
    scheduled = {service.name for service in app.services if service.scheduled}
    runs = [each for each in there if is_run_slot(each[1].owner.slot) and each[1].owner.service in scheduled]
    failed = [each for each in there if failed_may_stay and each[1].name.endswith(FAILED_SUFFIX)]
    there = [each for each in there if each not in kept and each not in runs and each not in failed]
    found = _kept_differences(kept, there)
    expected: Counter[tuple[str, int]] = Counter()
    jobs = {service.name for service in app.services if service.job}
    for service in app.services:
        if service.scheduled:
            continue
        if service.everywhere:
            expected[(service.name, 1)] = len(tree.hosts)
        else:
            expected.update((service.name, slot) for slot in range(1, service.replicas + 1))
    counted = Counter((c.owner.service, c.owner.slot) for _, c in there)
    found += [
        f"{app.name} {slot}: {counted[slot]} containers instead of {expected[slot]}"
        for slot in sorted(expected.keys() | counted.keys())
        if expected[slot] != counted[slot]
        and not (slot[0] in jobs and counted[slot] < expected[slot])  # a job that has run does not run again
    ]
    services = {service.name: service for service in app.services}
    for world, container in there:
        service = services.get(container.owner.service)
        if service is not None and not service.job:
            why = [*_faults(app, service, container), *_misplaced(tree, app, world)]
            why += _outdated(service, container, world)
            why += _stranded(service, container, [other for where, other in there if where is world])
            found += [f"{container.name} on {world.name}: {each}" for each in why]
    homes = {
        world.name
        for world, c in there
        if c.owner.service not in jobs
        and not services.get(c.owner.service, services[app.services[0].name]).everywhere
    }
    together = len(app.services) > 1
    if together and len(homes) > 1:
        found.append(f"{app.name} is torn apart: {sorted(homes)}")
    return found


def _kept_differences(
    kept: list[tuple[SimulatedHost, SimulatedContainer]],
    there: list[tuple[SimulatedHost, SimulatedContainer]],
) -> list[str]:
    """Each slot retains at most one previous container, stopped, without a restart policy, beside its successor."""
    beside = {(world.name, c.owner.service, c.owner.slot) for world, c in there}
    counted = Counter((world.name, c.owner.service, c.owner.slot) for world, c in kept)
    found = [f"{slot}: {count} generations are kept" for slot, count in counted.items() if count > 1]
    found += [f"{slot}: a generation is kept of what is not there" for slot in counted if slot not in beside]
    for world, container in kept:
        if container.up or container.restart_policy != "no":
            found.append(f"{container.name} on {world.name} is kept and {container.state.value}")
    return found


def _faults(app: AppRecipe, service: ServiceRecipe, container: SimulatedContainer) -> list[str]:
    found = []
    if service.job:
        if container.state not in {State.EXITED, State.RUNNING} or container.exit_code:
            found.append(f"the job is {container.state.value} with code {container.exit_code}")
    elif container.state is not State.RUNNING or container.health in {Health.STARTING, Health.UNHEALTHY}:
        found.append(f"is {container.state.value}, {container.health.value}")
    if container.image != service.image and not container.image.startswith(
        ("sha256:", service.image.split(":")[0])
    ):
        found.append(f"runs {container.image} instead of {service.image}")
    if f"VALUE={service.value}" not in container.environment:
        found.append(f"has {container.environment} instead of VALUE={service.value}")
    if not service.job and container.limits.get("Memory", 0) != service.memory_mb * 1024 * 1024:
        found.append(f"has a memory limit of {container.limits.get('Memory', 0)} bytes")
    policy = "no" if service.job else service.restart
    if container.restart_policy != policy:
        found.append(f"has restart policy {container.restart_policy} instead of {policy}")
    project = app.key.project
    networks = {f"{project}_default"} | ({f"{project}_back"} if service.second_network else set())
    if not service.shares and not service.job and set(container.networks) != networks:
        found.append(f"is on {sorted(container.networks)} instead of {sorted(networks)}")
    named = container_name(app, service)
    if named and container.name != named:
        found.append(f"is not named {named}")
    return found


def _outdated(service: ServiceRecipe, container: SimulatedContainer, world: SimulatedHost) -> list[str]:
    """A file that was not changed on the host has the content of Git."""
    directory = next((mount.source for mount in container.mounts if mount.target == FILES_TARGET), "")
    there = world.files.get(f"{directory}/app.conf", "nothing")
    if not follows_git(service) or there == file_digest(service) or there.startswith(BY_HAND):
        return []
    return [f"reads {there} instead of what Git has"]


def _stranded(
    service: ServiceRecipe, container: SimulatedContainer, beside: list[SimulatedContainer]
) -> list[str]:
    """A container that joined the network of a since replaced or restarted container is cut off, but looks healthy."""
    parents = {other.id: other for other in beside if other.owner.service == service.shares}
    if parents and container.joins not in parents:
        return [f"lives in the network of {container.joins}"]
    parent = parents.get(container.joins or "")
    if parent is None or not (parent.up and container.up) or service.job:
        return []
    is_lost = (parent.started_at or 0.0) > (container.started_at or 0.0)
    return [f"lives in the network that {parent.name} had before it restarted"] if is_lost else []


def _misplaced(tree: TreeRecipe, app: AppRecipe, world: SimulatedHost) -> list[str]:
    host = next(host for host in tree.hosts if host.name == world.name)
    if app.hosts and host.name not in app.hosts:
        return [f"may only run on {', '.join(app.hosts)}"]
    return [f"is in zone {host.zone} instead of {app.zone}"] if app.zone not in {None, host.zone} else []
