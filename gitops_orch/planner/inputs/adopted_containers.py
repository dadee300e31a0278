"""Which containers of other tools does an app take over (`x-gitops.adopt`), and which of its slots is each in?

Every tool that runs Compose files (Docker Compose, Portainer, Komodo, Dockge) labels containers as Compose does: with
the project and the service.  A container without these labels is known by the `container_name` of a service.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.model.app import App, Mode, Service
from gitops_orch.model.observed import ObservedContainer, Placed
from gitops_orch.planner.inputs.index import Index, Located

_COMPOSE = "com.docker.compose."
SERVICE_LABEL, NUMBER_LABEL = f"{_COMPOSE}service", f"{_COMPOSE}container-number"
ONEOFF_LABEL = f"{_COMPOSE}oneoff"  # "True" on what `docker compose run` leaves: no container of the service
_NUMBER_LENGTH_MAX = 9  # of a label that anybody can write
_GLOBAL = frozenset({Mode.GLOBAL, Mode.GLOBAL_JOB})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A container that is taken over, and the slot that its successor has."""

    service: str
    slot: int
    found: Located


def adopted_containers(app: App, index: Index) -> tuple[Adopted, ...]:
    """Return the containers that an app takes over, on all hosts, by service and slot; none unless it says so.

    What a project had beyond the replicas of its service gives way to the last of these.
    """
    if not app.adopt:
        return ()
    services = {service.name: service for service in app.services if service.schedule is None}
    found = [
        Adopted(service.name, _slot(service, container), Located(host, container, app.key))
        for host in index.hosts
        for container in index.projects.get((host, app.key.project), ())
        if container.labels.get(ONEOFF_LABEL, "False") != "True"
        and (service := services.get(container.labels.get(SERVICE_LABEL, ""))) is not None
    ]
    found += _by_name(app, services, index)
    return tuple(sorted(found, key=lambda each: (each.service, each.slot, each.found.host)))


def places_taken_over(apps: Iterable[App], index: Index) -> Mapping[str, frozenset[Placed]]:
    """Return, by host, the slots of apps whose data is in containers that are still to be taken over."""
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
    """Yield what has a service's `container_name`: it was started by `docker run`, or by another name of its service."""
    for service in services.values():
        for found in _named(app, index, service.container_name) if service.container_name else ():
            container = found.container
            renamed = (
                container.project == app.key.project
                and container.labels.get(SERVICE_LABEL, "") not in services
            )
            if container.project is None or renamed:
                yield Adopted(service.name, 1, found)


def _named(app: App, index: Index, name: str) -> Iterator[Located]:
    """Yield what has a name, or had it until its successor needed the name, and is not ours."""
    for host, there in index.hosts.items():
        yield from (Located(host, container, app.key) for container in there.foreign_containers.get(name, ()))
