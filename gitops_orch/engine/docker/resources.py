"""Creates and removes the networks, volumes and images of a Docker host."""

from collections.abc import Callable
from dataclasses import dataclass

from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.docker.idempotent import ensure
from gitops_orch.engine.payload.network import network_payload, volume_payload
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.errors import Conflict, EngineError, NotFound
from gitops_orch.model.app import AppKey, Network, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The networks, volumes and images of one Docker host, for one instance of gitops-orch."""

    wire: Wire
    instance: str
    target: Callable[[], PayloadTarget]

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network; Conflict if another owner has a network of this name."""
        wanted = labels.network_labels(self.instance, app, network)
        body = network_payload(network, wanted, self.target())
        ensure(
            self.wire,
            f"create of network {network.name}",
            lambda client: client.post_body("/networks/create", body=body),
            already=lambda: self._has_network(app, network.name),
        )

    def _has_network(self, app: AppKey, name: str) -> bool:
        rows = self.wire.read(f"look for network {name}", lambda client: client.networks(names=[name]))
        owners = [
            labels.parse_owner(row.get("Labels") or {}, self.instance) for row in rows if row["Name"] == name
        ]
        return set(owners) == {app}

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume; Conflict if another owner has a volume of this name."""
        body = volume_payload(volume, labels.volume_labels(self.instance, app, volume))
        what = f"create of volume {volume.name}"
        created = self.wire.call(what, lambda client: client.post_body("/volumes/create", body=body))
        # If a volume of this name exists, an Engine answers with that volume, even if another owner created it.
        if labels.parse_owner(created.get("Labels") or {}, self.instance) != app:
            raise Conflict(
                f"{self.wire.host}: volume {volume.name} is there and is not {app}'s",
                hint="declare it external, or adopt the project",
            )

    def remove_network(self, network: str) -> None:
        """Remove a network by name; Conflict while a container uses it."""
        try:
            self.wire.call(f"removal of network {network}", lambda client: client.remove_network(network))
        except NotFound:
            return
        except EngineError as error:
            if "has active endpoints" in str(error):  # 403 up to Engine 24
                raise Conflict(error.message, hint="disconnect or remove its containers first") from error
            raise

    def remove_image(self, image: str) -> None:
        """Remove an image that no container uses."""
        try:
            self.wire.call(f"removal of image {image}", lambda client: client.remove_image(image))
        except NotFound:
            return
