"""Finds the containers whose namespaces or volumes a new container shares, and the anonymous volumes it inherits."""

from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.observe.observe_host import HostObserver
from gitops_orch.engine.payload.target import InheritedVolume
from gitops_orch.engine.payload.values import Body, strings, text
from gitops_orch.errors import NotFound
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.model.rules.namespaces import NAMESPACE_KEYS, OF_CONTAINER, OF_SERVICE


class SharedContainers:
    """Finds the containers on one host that a new container shares namespaces or volumes with, or replaces."""

    def __init__(self, wire: Wire, instance: str, observer: HostObserver) -> None:
        self._wire = wire
        self._instance = instance
        self._observer = observer

    def peers(self, intent: ContainerIntent) -> dict[str, str]:
        """Return the ids of the containers that share namespaces or volumes, by the names that Compose uses."""
        return {name: self._peer(intent, name) for name in sorted(shared_services(intent.service.compose))}

    def _peer(self, intent: ContainerIntent, service: str) -> str:
        named = (
            service.removeprefix(OF_CONTAINER)
            if service.startswith(OF_CONTAINER)
            else intent.peers.get(service)
        )
        if named is not None:
            return self._observer.inspect(named).id
        key = intent.app.key
        wanted = {**labels.app_labels(self._instance, key), labels.SERVICE: service}
        filters = {"label": [f"{name}={value}" for name, value in wanted.items()]}
        rows = self._wire.read(
            f"look for service {service} of {key}",
            lambda client: client.containers(all=True, filters=filters),
        )
        if not rows:
            raise NotFound(
                f"{self._wire.host}: {intent.name} shares with service {service} of {key}, which has no container here"
            )
        # `Created` is in whole seconds. Of equal times the first row is the newest: an Engine lists the newest first.
        return str(max(rows, key=lambda row: int(row["Created"]))["Id"])

    def inherited(self, intent: ContainerIntent) -> tuple[InheritedVolume, ...]:
        """Return the anonymous volumes of the container that the new container replaces."""
        predecessor = intent.inherit_volumes_from
        if predecessor is None:
            return ()
        row = self._wire.read(
            f"inspect of {predecessor}", lambda client: client.inspect_container(predecessor)
        )
        return tuple(
            InheritedVolume(
                name=mount["Name"], target=mount["Destination"], read_only=not mount.get("RW", True)
            )
            for mount in row.get("Mounts") or []
            if mount.get("Type") == "volume" and is_anonymous(str(mount.get("Name") or ""))
        )


def shared_services(compose: Body) -> frozenset[str]:
    """Return the services whose namespaces or volumes a container shares; `container:NAME` for a single container."""
    modes = [text(compose.get(key)) for key in NAMESPACE_KEYS]
    spaces = {mode.removeprefix(OF_SERVICE) for mode in modes if mode.startswith((OF_SERVICE, OF_CONTAINER))}
    sources = [entry.split(":")[0] for entry in strings(compose.get("volumes_from"))]
    return frozenset(spaces | {source for source in sources if source != "container"})
