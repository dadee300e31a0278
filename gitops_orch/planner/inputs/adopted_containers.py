"""Finds the containers of other tools that an app adopts (`x-gitops.adopt`), and the slot of each.

Every tool that runs Compose files (Docker Compose, Portainer, Komodo, Dockge) labels containers as Compose does: with
the project and the service. A container without these labels is recognised by the `container_name` of a service.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, Mode, Service
from gitops_orch.model.observed import ObservedContainer, Placed
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.slot_container import AdoptedContainer, adopted_by

_COMPOSE = "com.docker.compose."
SERVICE_LABEL, NUMBER_LABEL = f"{_COMPOSE}service", f"{_COMPOSE}container-number"
# "True" on a container that `docker compose run` left; it does not belong to the service
ONEOFF_LABEL = f"{_COMPOSE}oneoff"
_NUMBER_LENGTH_MAX = 9  # limits a label that anybody can write
_GLOBAL = frozenset({Mode.GLOBAL, Mode.GLOBAL_JOB})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A container that the app adopts, and the slot of its successor."""

    service: str
    slot: int
    found: AdoptedContainer


def adopted_containers(app: App, index: Index) -> tuple[Adopted, ...]:
    """Return the containers that an app adopts on all hosts, sorted by service and slot; none unless `adopt` is set.

    Containers of a project beyond the replicas of their service get the last slot, so its successor replaces them, too.
    """
    if not app.adopt:
        return ()
    services = {service.name: service for service in app.services if service.schedule is None}
    found = [
        Adopted(service.name, _slot(service, container), adopted_by(app.key, container))
        for host in index.hosts
        for container in index.projects.get((host, app.key.project), ())
        if container.labels.get(ONEOFF_LABEL, "False") != "True"
        and (service := services.get(container.labels.get(SERVICE_LABEL, ""))) is not None
    ]
    found += _by_name(app, services, index)
    return tuple(sorted(found, key=lambda each: (each.service, each.slot, each.found.host)))


def places_taken_over(apps: Iterable[App], index: Index) -> Mapping[str, frozenset[Placed]]:
    """Return, by host, the slots of apps whose data is in containers that are not adopted yet."""
    places: dict[str, set[Placed]] = defaultdict(set)
    for app in apps:
        for each in adopted_containers(app, index):
            places[each.found.host].add(Placed(app=app.key, service=each.service, slot=each.slot))
    return {host: frozenset(found) for host, found in places.items()}


def _slot(service: Service, container: ObservedContainer) -> int:
    number = container.labels.get(NUMBER_LABEL, "1")
    last = 1 if service.mode in _GLOBAL else max(1, service.replicas)
    written = number.isascii() and number.isdigit() and len(number) <= _NUMBER_LENGTH_MAX
    return min(max(1, int(number)), last) if written else 1


def _by_name(app: App, services: Mapping[str, Service], index: Index) -> Iterator[Adopted]:
    """Yield containers with a service's `container_name`, from `docker run` or from a service that had another name."""
    for service in services.values():
        for found in _named(app, index, service.container_name) if service.container_name else ():
            container = found
            renamed = (
                container.project == app.key.project
                and container.labels.get(SERVICE_LABEL, "") not in services
            )
            if container.project is None or renamed:
                yield Adopted(service.name, 1, found)


def _named(app: App, index: Index, name: str) -> Iterator[AdoptedContainer]:
    """Yield the containers that have a name, or had it until their successor needed it, and are not ours."""
    for there in index.hosts.values():
        yield from (adopted_by(app.key, container) for container in there.foreign_containers.get(name, ()))
