"""Decides whether two services share data on purpose, so that both may run at the same time.

They do if both declare it in one commit. A service that is not in Git now, because its file is invalid or because it
left Git and is kept, may have passed its data on, or may still share it. Then the running containers decide: data that
it already shares with a service in Git is a shared place (`/srv/media`). Data that no other service has is not: a new
user of it is more likely the successor.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gitops_orch.model.app import AppKey, Service
from gitops_orch.model.names import prepared_service
from gitops_orch.model.observed import ObservedContainer, owner_of
from gitops_orch.model.rules.data_mounts import parse_mounts
from gitops_orch.model.rules.image_names import repository_of
from gitops_orch.planner.inputs.data_locations import written
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.releases.dependencies import has_run

ServiceKey: TypeAlias = tuple[AppKey, str]


@dataclass(frozen=True, slots=True)
class NewContainer:
    """A container that will start on data of another container: its service, image and host."""

    service: ServiceKey
    image: str
    host: str


class Sharing:
    """Knows what Git declares about data that several services use."""

    def __init__(self, world: World) -> None:
        readable = (
            each.app for each in world.releases.targets if each.app.key not in world.desired.invalid_apps
        )
        self._apps = {app.key: app for app in readable} | dict(world.desired.heads)
        self._roots = {host.name: host.data_root for host in world.desired.hosts}

    def is_declared(self, service: ServiceKey, host: str, source: str, holder: ObservedContainer) -> bool:
        """Return whether a service, and the service of a container, both declare a source in Git."""
        other = service_key_of(holder)
        return other is not None and all(
            self._declares(key, host, source, holder) for key in (service, other)
        )

    def is_shared_place(
        self, new: NewContainer, source: str, holder: ObservedContainer, users: Iterable[ObservedContainer]
    ) -> bool:
        """Return whether a container of a service that is not in Git shares a source with the new one, or with others.

        `users` are all containers of the host that write to the source.
        """
        other = service_key_of(holder)
        if other is None or self._service(other) is not None:
            return False
        if not self._declares(new.service, new.host, source, holder):
            return False
        sharers = set(self._sharers(new.host, source, users)) - {other}
        return new.service in sharers or (bool(sharers) and not _may_succeed(new, other, holder))

    def _sharers(self, host: str, source: str, users: Iterable[ObservedContainer]) -> Iterator[ServiceKey]:
        """Yield the services in Git that have run on a source, according to the containers in their slots."""
        for each in users:
            key = service_key_of(each)
            if key is not None and has_run(each) and self._declares(key, host, source, each):
                yield key

    def _declares(self, key: ServiceKey, host: str, source: str, container: ObservedContainer) -> bool:
        app, service = self._apps.get(key[0]), self._service(key)
        if app is None or service is None:
            return False
        kept: Mapping[str, str] = parse_mounts(container.labels)
        return source in written(app, service, self._roots.get(host, ""), kept)

    def _service(self, key: ServiceKey) -> Service | None:
        app = self._apps.get(key[0])
        return next((each for each in app.services if each.name == key[1]), None) if app is not None else None


def _may_succeed(new: NewContainer, other: ServiceKey, holder: ObservedContainer) -> bool:
    """Return whether a new container may be a renamed service or app: the same program, and so no sharer."""
    repositories = {repository_of(new.image), repository_of(holder.image)}
    return new.service[0] == other[0] or "" in repositories or len(repositories) == 1


def service_key_of(container: ObservedContainer) -> ServiceKey | None:
    """Return the service of a container, also of one that only prepares another one; None if it is not ours."""
    owner = owner_of(container)
    return None if owner is None else (owner.app, prepared_service(owner.service))
