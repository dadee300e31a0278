"""Projects with data that `docker compose` started, and apps that adopt them (`x-gitops: {adopt: true}`)."""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from simulation.commits import SERVICES, a_service
from simulation.recipes import (
    DIRECTORY_TARGET,
    FILES_TARGET,
    IMAGES,
    VOLUME_TARGET,
    AppRecipe,
    ServiceRecipe,
    TreeRecipe,
    container_name,
    data_directory,
    file_digest,
    follows_git,
)
from simulation.weather import BY_HAND

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.errors import EngineError
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedMount

NAMES = ("photos", "music", "books")  # of apps that adopt a project; no other apps have these names
PORT_FIRST = 8500
COMPOSE = "com.docker.compose."


@dataclass
class ComposeProjects:
    """Starts projects on hosts, and adds the adopting apps to commits; does nothing unless `enabled`."""

    # A separate generator: no other choice of a history depends on it.
    rng: random.Random = field(default_factory=random.Random)
    enabled: bool = False
    started: dict[str, tuple[str, AppRecipe]] = field(default_factory=dict)  # host and app, by project
    containers: dict[tuple[str, str], tuple[AppKey, str]] = field(default_factory=dict)  # by host and id
    claimed: set[tuple[AppKey, str]] = field(default_factory=set)  # services that any commit adopted
    count: int = 0

    def adopt(self, tree: TreeRecipe, fleet: SimulatedFleet) -> TreeRecipe:
        """Start a project, now and then, and add the app of a started project to the commit."""
        if not self.enabled:
            return tree
        if self.rng.random() < 0.5:
            self._start(tree, fleet)
        absent = [app for _, app in self.started.values() if tree.app(app.name) is None]
        if absent and self.rng.random() < 0.7:
            tree = replace(tree, apps=(*tree.apps, self.rng.choice(absent)))
        self._note(tree)
        return tree

    def repair(self, tree: TreeRecipe) -> TreeRecipe:
        """For the last commit: let each adopting app mount the same data as the containers of its project."""
        if not self.enabled:
            return tree
        tree = replace(tree, apps=tuple(map(self._repaired, tree.apps)))
        self._note(tree)
        return tree

    def _repaired(self, app: AppRecipe) -> AppRecipe:
        if app.name not in self.started:
            return app
        had = {service.name: service for service in self.started[app.name][1].services}
        services = (
            replace(s, volume=had[s.name].volume, directory=had[s.name].directory, replicas=1)
            if s.name in had
            else s
            for s in app.services
        )
        return replace(app, services=tuple(services))

    def _note(self, tree: TreeRecipe) -> None:
        adopting = [app for app in tree.apps if app.adopt]
        self.claimed |= {(app.key, service.name) for app in adopting for service in app.services}

    def _start(self, tree: TreeRecipe, fleet: SimulatedFleet) -> None:
        free = [name for name in NAMES if name not in self.started and tree.app(name) is None]
        hosts = [host.name for host in tree.hosts if host.name in fleet.worlds]
        hosts = [name for name in hosts if fleet.worlds[name].trouble is None]
        if not (free and hosts):
            return
        name, host = self.rng.choice(free), self.rng.choice(hosts)
        app, world = self._app(name), fleet.worlds[host]
        world.advance(fleet.now_s())
        self.started[name] = (host, app)
        created = {f"{COMPOSE}project": name, f"{COMPOSE}network": "default"}
        requests.add_network(world, f"{app.key.project}_default", driver="bridge", labels=created)
        for service in app.services:
            container = self._container(app, service, world)
            requests.add(world, container)
            with suppress(EngineError):  # a port is taken: it stays down
                requests.start(world, container)
            self.containers[host, container.id] = (app.key, service.name)

    def _app(self, name: str) -> AppRecipe:
        count = self.rng.choice((1, 1, 2))
        services = tuple(self._service(each, NAMES.index(name)) for each in SERVICES[:count])
        return AppRecipe(name=name, services=services, adopt=True)

    def _service(self, name: str, number: int) -> ServiceRecipe:
        created = a_service(self.rng, name, alone=False)
        data = self.rng.choice((("volume",), ("directory",), ("volume", "directory")))
        return replace(
            created,
            replicas=1,
            volume="volume" in data,
            directory="directory" in data,
            second_network=False,
            port=PORT_FIRST + number if name == SERVICES[0] and self.rng.random() < 0.4 else None,
        )

    def _container(self, app: AppRecipe, service: ServiceRecipe, world: SimulatedHost) -> SimulatedContainer:
        image = world.images[requests.pull(world, Registry(IMAGES), service.image).id]
        mounts = tuple(self._mounts(app, service, world))
        anonymous = {path: world.new_id() for path in image.behaviour.volumes}
        volumes = [mount.source for mount in mounts if mount.kind == "volume"]
        project = app.key.project
        own = {"project": project, "service": service.name, "container-number": "1", "oneoff": "False"}
        return SimulatedContainer(
            id=world.new_id(),
            name=container_name(app, service) or f"{project}-{service.name}-1",
            image=service.image,
            image_id=image.id,
            behaviour=image.behaviour,
            created_at=world.now,
            labels={f"{COMPOSE}{key}": value for key, value in own.items()},
            networks={f"{project}_default": (service.name,)},
            volumes=(*volumes, *anonymous.values()),
            anonymous=anonymous,
            mounts=(*mounts, *(_mount("volume", each, path) for path, each in anonymous.items())),
            ports=(("", service.port, "tcp"),) if service.port else (),
            restart_policy=service.restart,
            environment=(f"VALUE={service.value}",),
        )

    def _mounts(
        self, app: AppRecipe, service: ServiceRecipe, world: SimulatedHost
    ) -> Iterator[ObservedMount]:
        """The mounts of a Compose container: another directory than ours, and volumes of any name."""
        place = f"/opt/stacks/{app.name}"
        if service.volume:
            led_by = self.rng.choice((app.key.project, f"stack-{app.name}"))
            yield _mount("volume", f"{led_by}_{service.name}-data", VOLUME_TARGET)
        if service.directory:
            yield _mount("bind", f"{place}/{data_directory(service)}", DIRECTORY_TARGET)
        if follows_git(service):
            if self.rng.random() < 0.5:
                world.files[f"{place}/{service.name}/app.conf"] = file_digest(service)
            yield _mount("bind", f"{place}/{service.name}", FILES_TARGET)

    def outrun(self, tree: TreeRecipe, fleet: SimulatedFleet) -> None:
        """Mark files that Git changed before their adoption as changed by hand: on the host both look the same."""
        for (host, identity), (key, name) in self.containers.items():
            world, app = fleet.worlds[host], tree.app(key.name)
            if app is None or identity not in world.containers:
                continue
            path = f"/opt/stacks/{app.name}/{name}/app.conf"
            there = world.files.get(path, BY_HAND)
            wanted = {file_digest(service) for service in app.services if service.name == name}
            if wanted and there not in wanted and not there.startswith(BY_HAND):
                world.files[path] = f"{BY_HAND}{there}"

    def damage(self, fleet: SimulatedFleet) -> list[str]:
        """Return the containers that were removed although no commit ever adopted them."""
        return [
            f"container {identity[:12]} of service {service} of {app} on {host} is gone"
            for (host, identity), (app, service) in self.containers.items()
            if (app, service) not in self.claimed and identity not in fleet.worlds[host].containers
        ]

    def left(self, tree: TreeRecipe, fleet: SimulatedFleet, but: set[str]) -> list[str]:
        """Return the containers that the apps of a commit should have adopted by now."""
        wanted = {(app.key, service.name) for app in tree.apps if app.adopt for service in app.services}
        return [
            f"container {identity[:12]} of service {service} of {app} on {host} was not taken over"
            for (host, identity), (app, service) in self.containers.items()
            if (app, service) in wanted and app.name not in but and identity in fleet.worlds[host].containers
        ]

    def taken_over(self, fleet: SimulatedFleet) -> int:
        """Count the containers that a successor replaced."""
        return sum(identity not in fleet.worlds[host].containers for host, identity in self.containers)


def _mount(kind: str, source: str, target: str) -> ObservedMount:
    return ObservedMount(kind=kind, source=source, target=target, writable=True)
